"""Reviews on the page of a session: who reviewed it, and a form for one's own note."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from backend.conversations.models import NOTE_LENGTH, ReviewNote, Session
from backend.conversations.reviews import review
from tests.cast import person
from tests.conversations.admin.equipment import LIST, page_of, plain, read
from tests.conversations.admin.reviewers import reviewer_named, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def rika(db: None) -> User:
    return reviewer_named("rika")


def review_url(session: Session) -> str:
    return f"{LIST}{session.pk}/review/"


def test_a_reviewer_marks_a_session_with_a_note(session: Session, rika: User) -> None:
    client = signed_in(rika)
    assert "Nobody has reviewed this session." in plain(read(client, page_of(session)))
    answer = client.post(review_url(session), {"note": "<b>Polite.</b>"})
    assert answer["Location"] == f"{page_of(session)}#review"
    html = read(client, page_of(session))
    assert '<a href="#review">Review</a>' in html
    assert "Reviewed by rika, " in html and "Your review was saved." in html
    assert html.count("&lt;b&gt;Polite.&lt;/b&gt;") == 2  # for everybody, and in one's own form


def test_the_lists_filters_survive_a_review(session: Session, rika: User) -> None:
    query = "?_changelist_filters=q%3Dbread"
    answer = signed_in(rika).post(f"{review_url(session)}{query}", {"note": ""})
    assert answer["Location"] == f"{page_of(session)}{query}#review"
    assert f'action="{review_url(session)}{query}"' in read(
        signed_in(rika), page_of(session) + query
    )


def test_ones_own_form_has_ones_own_note(session: Session, rika: User, staff: User) -> None:
    review(session.pk, staff, "Of the other.")
    form = read(signed_in(rika), page_of(session)).partition('id="review-note"')[2]
    assert "Of the other." not in form.partition("</textarea>")[0]
    assert 'name="withdraw"' not in form


def test_a_review_is_withdrawn(session: Session, rika: User) -> None:
    client = signed_in(rika)
    client.post(review_url(session), {"note": "Polite."})
    page = client.post(review_url(session), {"withdraw": "yes"}, follow=True).content.decode()
    assert "Your review was withdrawn." in page and not ReviewNote.objects.exists()


def test_a_note_that_is_too_long_is_refused_in_words(session: Session, rika: User) -> None:
    note = {"note": "x" * (NOTE_LENGTH + 1)}
    page = signed_in(rika).post(review_url(session), note, follow=True).content.decode()
    assert "longer than 2000 characters" in page and not ReviewNote.objects.exists()


def test_a_review_takes_its_permission_a_post_and_a_token(
    session: Session, rika: User, stranger: User
) -> None:
    viewer = person("viewer")
    User.objects.filter(pk=viewer.pk).update(is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_session"))
    assert "review-note" not in read(signed_in(viewer), page_of(session))
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(rika)
    statuses = [
        signed_in(viewer).post(review_url(session)).status_code,
        strict.post(review_url(session)).status_code,
        signed_in(rika).get(review_url(session)).status_code,
        signed_in(stranger).post(review_url(session)).status_code,
    ]
    assert statuses == [403, 403, 405, 302] and not ReviewNote.objects.exists()


def test_a_session_that_is_gone_cannot_be_reviewed(session: Session, rika: User) -> None:
    url = review_url(session)
    session.delete()
    assert signed_in(rika).post(url).status_code == 404
