"""From one session to the next under the same filter, in the order of the list."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client

from backend.conversations.models import Session
from tests.conversations.admin.equipment import LIST, page_of, read, titles
from tests.conversations.equipment import NOON, kept_turn, kept_usage, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.slow]


@pytest.fixture
def five(owner: User, stranger: User) -> list[Session]:
    """Five sessions, some equal in all that the list sorts by; the third is in Japanese."""
    sessions = []
    for number, (user, cost) in enumerate(
        ((owner, 0.1), (owner, 0.3), (stranger, 0.2), (owner, 0.3), (owner, 0.3))
    ):
        session = new_session(
            user,
            title=f"rye {number // 2}",
            language="ja" if number == 2 else "en",
            created_at=NOON + timedelta(minutes=min(number, 3)),
        )
        # Three summands, whose sum as floats is not exact.
        for part in ("a", "b", "c"):
            kept_usage(session, part, "gpt-realtime", audio_out=int(cost * 10_000))
        kept_turn(session, text=f"turn {number}")
        sessions.append(session)
    return sessions


def links(reviewer: Client, session: Session, filters: str) -> dict[str, str]:
    html = read(reviewer, page_of(session), _changelist_filters=filters)
    found = re.findall(r'<a rel="(prev|next)" href="/admin/conversations/session/([^/]+)/', html)
    return dict(found)


@pytest.mark.parametrize(
    "query", [{}, {"o": "1"}, {"o": "-2.1"}, {"o": "3"}, {"o": "5"}, {"o": "9"}, {"o": "-9.-1"},
              {"language": "en"}, {"q": "rye"}, {"user": "owner", "o": "-1"}],
    ids=str,
)  # fmt: skip
def test_the_links_walk_through_the_list_both_ways(
    reviewer: Client, five: list[Session], query: dict[str, str]
) -> None:
    html = read(reviewer, LIST, **query)
    listed = re.findall(r'class="field-name"><a href="/admin/conversations/session/([^/]+)/', html)
    assert len(listed) == len(titles(html)) >= 4
    by_key = {str(session.pk): session for session in five}
    for before, this, after in zip([None, *listed], listed, [*listed[1:], None], strict=False):
        expected = {"prev": before, "next": after}
        found = links(reviewer, by_key[this], urlencode(query))
        assert found == {rel: key for rel, key in expected.items() if key}


def test_a_session_that_left_the_filter_has_neighbours(
    reviewer: Client, five: list[Session]
) -> None:
    found = links(reviewer, five[2], "language=en&o=3")
    assert found == {"prev": str(five[1].pk), "next": found["next"]}
    assert found["next"] in {str(five[3].pk), str(five[4].pk)}


def test_the_filter_goes_along(reviewer: Client, five: list[Session]) -> None:
    html = read(reviewer, page_of(five[1]), _changelist_filters="q=rye&o=3")
    assert html.count('?_changelist_filters=q%3Drye%26o%3D3">') >= 2
    assert 'rel="prev"' in html
    assert "前の会話" not in html


@pytest.mark.parametrize(
    "filters",
    ["created_at__year=99999999999999999999", "nonsense=1", "user__password=a", "q=%00a", "p=99",
     "q=" + "x" * 200],
)  # fmt: skip
def test_filters_that_cannot_be_read_are_left_out(
    reviewer: Client, five: list[Session], filters: str
) -> None:
    html = read(reviewer, page_of(five[1]), _changelist_filters=filters)
    assert "was not understood" not in html
    assert "too long" not in html


def test_the_neighbours_take_one_query(
    reviewer: Client, five: list[Session], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(25) as made:
        read(reviewer, page_of(five[1]), _changelist_filters="model=x&user=owner&provider=y")
    assert sum("gt-realtime" in each["sql"] or "DISTINCT" in each["sql"] for each in made) == 0
    assert sum(each["sql"].count("LIMIT 1)") == 2 for each in made) == 1
