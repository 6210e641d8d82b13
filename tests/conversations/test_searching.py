"""Search in one's own sessions: substrings of titles and turns, in pages."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from backend.conversations import searching
from backend.conversations.models import Session, Turn
from backend.conversations.searching import MAX_SEARCH_CHARACTERS, MAX_WORDS, matching
from tests.conversations.equipment import kept_turn, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def found(client: APIClient, **query: Any) -> list[str]:
    response = client.get("/api/sessions/", query)
    assert response.status_code == 200
    return sorted(session["title"] for session in response.json()["results"])


@pytest.fixture
def sessions(owner: User, stranger: User) -> None:
    bread = new_session(owner, title="Bread, 50% off")
    kept_turn(bread, item_id="a", text="One loaf of rye, please.")
    kept_turn(
        bread, item_id="b", role="assistant", text="Of course. Sliced?", heard_text="Of course."
    )
    cake = new_session(owner, title="ケーキの話")
    kept_turn(cake, text="抹茶のケーキをください。snake_case C:\\cake")
    other = new_session(stranger, title="Bread of somebody else")
    kept_turn(other, text="rye")


@pytest.mark.usefixtures("sessions")
@pytest.mark.parametrize(
    ("search", "titles"),
    [
        ("bread", ["Bread, 50% off"]),
        ("RYE", ["Bread, 50% off"]),
        ("read", ["Bread, 50% off"]),
        ("sliced", ["Bread, 50% off"]),
        ("bread rye", ["Bread, 50% off"]),
        ("rye course", ["Bread, 50% off"]),
        ("bread 抹茶", []),
        ("ケーキ", ["ケーキの話"]),
        ("茶の", ["ケーキの話"]),
        ("ｹｰｷの話", ["ケーキの話"]),
        ("けーきの話", ["ケーキの話"]),
        ("ＢＲＥＡＤ", ["Bread, 50% off"]),
        ("けーきを", ["ケーキの話"]),
        ("茶 ｹｰｷ 話", ["ケーキの話"]),
        ("を c 抹", ["ケーキの話"]),
        ("を 粉", []),
        ("ｹｰｷを", ["ケーキの話"]),
        ("けーき", ["ケーキの話"]),
        ("ＲＹＥ", ["Bread, 50% off"]),
        ("*", []),
        ("抹茶　ケーキ", ["ケーキの話"]),
        ("50%", ["Bread, 50% off"]),
        ("%", ["Bread, 50% off"]),
        ("_", ["ケーキの話"]),
        ("snake_c", ["ケーキの話"]),
        ("\\", ["ケーキの話"]),
        ("b%d", []),
        ("' OR 1=1 --", []),
        ("nothing like it", []),
        ("", ["Bread, 50% off", "ケーキの話"]),
        ("  　 ", ["Bread, 50% off", "ケーキの話"]),
    ],
)
def test_only_ones_own_sessions_with_each_word_are_found(
    as_owner: APIClient, search: str, titles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(as_owner, search=search) == titles
    # Every word that occurs in a turn counts as common.
    monkeypatch.setattr(searching, "FEW_TURNS", 0)
    assert found(as_owner, search=search) == titles


def test_turns_are_looked_up_until_a_word_is_rare(
    owner: User, django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "FEW_TURNS", 1)
    for number in range(2):
        kept_turn(new_session(owner), text=f"common and rare{number}")
    for search, look_ups in (("common", 1), ("common and", 2), ("common rare0 and are", 2)):
        with django_assert_num_queries(look_ups):
            sessions = matching(Session.objects.all(), Turn.objects.all(), search)
        assert sessions.count() == (1 if "rare" in search else 2)


def test_a_title_is_found_by_what_it_is_changed_to(owner: User) -> None:
    def finds(word: str) -> bool:
        return matching(Session.objects.all(), Turn.objects.none(), word).exists()

    session = new_session(owner, title="Straße")
    assert finds("STRASSE")
    Session.objects.filter(pk=session.pk).update(title="ﾊﾟﾝ")
    assert finds("ぱん") and not finds("strasse")
    session.title = "Tea"
    session.save()
    assert finds("ＴＥＡ") and not finds("ぱん")
    Session.with_deleted.update(title="Rye", voice="verse")
    assert finds("rye") and not finds("tea")


def test_the_pages_box_has_the_same_limit() -> None:
    html = (Path(__file__).parents[2] / "frontend" / "index.html").read_text(encoding="utf-8")
    (box,) = re.findall(r'<input id="session-search"[^>]*>', html)
    assert f'maxlength="{MAX_SEARCH_CHARACTERS}"' in box


def test_what_is_found_comes_in_pages(as_owner: APIClient, owner: User) -> None:
    for number in range(5):
        new_session(owner, title=f"パン {number}")
        new_session(owner, title=f"Tea {number}")
    first = as_owner.get("/api/sessions/", {"search": "パン", "page_size": "3"}).json()
    second = as_owner.get(first["next"]).json()
    assert (first["count"], len(first["results"]), len(second["results"])) == (5, 3, 2)
    titles = {each["title"] for each in first["results"] + second["results"]}
    assert titles == {f"パン {number}" for number in range(5)}


@pytest.mark.parametrize("search", ["x" * (MAX_SEARCH_CHARACTERS + 1), "a\0b"], ids=ascii)
def test_a_search_that_cannot_be_made_is_refused(as_owner: APIClient, search: str) -> None:
    response = as_owner.get("/api/sessions/", {"search": search})
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], list(error["detail"])) == ("invalid", ["search"])


def test_a_session_is_found_once_however_many_turns_match(as_owner: APIClient, owner: User) -> None:
    session = new_session(owner, title="rye")
    for number in range(3):
        kept_turn(session, item_id=str(number), text="rye")
    assert found(as_owner, search="rye") == ["rye"]
    assert as_owner.get("/api/sessions/", {"search": "rye"}).json()["results"][0]["turn_count"] == 3


def test_many_words_are_a_bounded_query(owner: User) -> None:
    new_session(owner, title=" ".join(str(number) for number in range(20)))
    everything = (Session.objects.all(), Turn.objects.all())
    for search in ("0 1 2 3 4 5 6 7 8 9", "3 " * 40):
        query = str(matching(*everything, search).query)
        assert query.count("search_text") <= MAX_WORDS
    assert matching(*everything, "9 8 7 6 5 4 3 10 11").count() == 1
    assert matching(*everything, "9 8 7 6 5 4 3 11 10").count() == 0
