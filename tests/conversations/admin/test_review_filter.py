"""The list of sessions by their reviews."""

import pytest
from django.contrib.auth.models import User

from backend.conversations.reviews import review
from tests.conversations.admin.equipment import LIST, read, titles
from tests.conversations.admin.reviewers import reviewer_named, signed_in
from tests.conversations.equipment import new_session

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ("yes", ["both", "mine", "theirs"]),
        ("no", ["none"]),
        ("me", ["both", "mine"]),
        ("not_me", ["none", "theirs"]),
        ("%00", ["both", "mine", "none", "theirs"]),
    ],
)
def test_sessions_are_found_by_their_reviews(
    owner: User, staff: User, choice: str, found: list[str]
) -> None:
    rika = reviewer_named("rika")
    by_title = {title: new_session(owner, title=title) for title in ("both", "mine", "theirs")}
    new_session(owner, title="none")
    for user, reviewed in ((rika, ("both", "mine")), (staff, ("both", "theirs"))):
        for title in reviewed:
            review(by_title[title].pk, user, "")
    assert sorted(titles(read(signed_in(rika), LIST, reviewed=choice))) == found
