"""The admin's list of sessions: one line for each, in few queries; what is found by a search."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from backend.conversations.admin import SessionAdmin, session_list
from backend.conversations.lifecycle import OpenedCall, end_call
from backend.conversations.models import Call, Session, Turn
from backend.conversations.reviews import review
from backend.protocol.endings import Ending
from tests.cast import person
from tests.conversations.admin.equipment import LIST, plain, read, titles
from tests.conversations.equipment import NOON, kept_turn, kept_usage, new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def row_of(html: str) -> str:
    """The text of the list's rows."""
    return plain(html.partition("<tbody>")[2].partition("</tbody>")[0])


def test_the_list_shows_each_session_in_one_line(reviewer: Client, session: Session) -> None:
    Session.objects.update(realtime_mode=True, created_at=NOON)
    for ending in (Ending.PROVIDER_FAILED, Ending.IDLE):
        call = new_call(session)
        end_call(call.call_id, ending)
    Call.objects.update(started_at=NOON, ended_at=NOON + timedelta(seconds=45))
    for number in range(3):
        kept_turn(session, call, item_id=str(number))
    kept_usage(session, "a", "gpt-realtime", audio_out=10_000)
    row = "Bread owner 2026-01-02 12:00 1.5 3 2 🎤 nothing was said for a while 0.6400 gpt-realtime"
    assert row_of(read(reviewer, LIST)) == row


def test_the_list_speaks_japanese(reviewer: Client, session: Session) -> None:
    Session.objects.update(title="")
    end_call(new_call(session).call_id, Ending.PROVIDER_FAILED)
    reviewer.cookies["django_language"] = "ja"
    html = read(reviewer, LIST)
    row = plain(html.partition('<table id="result_list"')[2].partition("</table>")[0])
    assert (
        "タイトル ユーザー 開始 (UTC) 分 発言 通話 モード 最後の終わり方 費用 (USD) モデル" in row
    )
    assert "（無題） owner" in row
    assert "音声サービスの切断" in row
    assert 'aria-label="文字"' in html


@pytest.mark.parametrize(
    ("minutes_left", "words"),
    [(1, "<strong>live</strong>"), (-1, '<span class="kaiwa-failed">open, but its server')],
)
def test_a_call_that_has_not_ended_is_live_or_silent(
    reviewer: Client, session: Session, call: OpenedCall, minutes_left: int, words: str
) -> None:
    Call.objects.update(lease_until=timezone.now() + timedelta(minutes=minutes_left))
    assert words in read(reviewer, LIST)


def test_a_bad_ending_stands_out(reviewer: Client, session: Session) -> None:
    for ending, is_bad in ((Ending.INTERRUPTED, True), (Ending.CLIENT_LEFT, False)):
        end_call(new_call(session).call_id, ending)
        assert ('<span class="kaiwa-failed">' in read(reviewer, LIST)) == is_bad


def test_a_cost_is_exact_estimated_or_unknown(reviewer: Client, session: Session) -> None:
    assert " 0.0000 gpt-realtime" in row_of(read(reviewer, LIST))
    kept_usage(session, "a", "gpt-realtime", audio_out=10_000, is_estimated=True)
    html = read(reviewer, LIST)
    assert " ≈ 0.6400 " in row_of(html)
    assert "Partly estimated" in html
    kept_usage(session, "b", "somebody-elses", audio_out=1)
    assert " unknown gpt-realtime" in row_of(read(reviewer, LIST))


def test_a_reviewed_session_has_a_mark(reviewer: Client, staff: User, session: Session) -> None:
    assert 'class="kaiwa-reviewed"' not in read(reviewer, LIST)
    review(session.pk, staff, "")
    assert 'class="kaiwa-reviewed"' in read(reviewer, LIST)


@pytest.mark.parametrize("column", range(1, 11))
def test_each_column_sorts_but_the_ending(reviewer: Client, owner: User, column: int) -> None:
    small = new_session(owner, title="a", created_at=NOON)
    large = new_session(person("zoe"), title="b", realtime_mode=True)
    for minutes, session in ((1, small), (2, large), (2, large)):
        call = new_call(session)
        end_call(call.call_id, Ending.IDLE)
        Call.objects.filter(pk=call.call_id).update(
            started_at=NOON, ended_at=NOON + timedelta(minutes=minutes)
        )
        kept_turn(session, call, item_id=str(call.call_id))
    kept_usage(large, "a", "gpt-realtime", audio_out=10_000)
    Session.objects.filter(title="b").update(model="gpt-realtime-mini")
    rising, falling = (
        titles(read(reviewer, LIST, o=order)) for order in (str(column), f"-{column}")
    )
    if column == 8:
        assert rising == falling
    else:
        assert (rising, falling) == (["a", "b"], ["b", "a"])


def test_a_session_without_a_title_can_be_opened(reviewer: Client, session: Session) -> None:
    Session.objects.update(title="")
    assert titles(read(reviewer, LIST)) == ["(untitled)"]


def test_a_long_list_takes_no_more_queries_than_a_short_one(
    reviewer: Client, owner: User, django_assert_num_queries: Any
) -> None:
    def fill(rows: int) -> None:
        for _ in range(rows):
            session = new_session(owner)
            kept_turn(session, new_call(session))

    fill(1)
    # Login 2; usernames, models, providers; count, keys, rows; dates 2; and for a search the hits
    # and the audit row.
    with django_assert_num_queries(10) as short:
        read(reviewer, LIST)
    with django_assert_num_queries(12) as short_search:
        read(reviewer, LIST, q="hello")
    fill(20)
    with django_assert_num_queries(len(short)):
        assert len(titles(read(reviewer, LIST))) == 21
    with django_assert_num_queries(len(short_search)):
        assert len(titles(read(reviewer, LIST, q="hello"))) == 21


def test_a_superuser_deletes_several_at_once(
    reviewer: Client, session: Session, call: OpenedCall, owner: User
) -> None:
    kept_turn(session, call)
    marked = [session.pk, new_session(owner).pk]
    wish = {"action": "delete_selected", "_selected_action": marked, "post": "yes"}
    assert reviewer.post(LIST, wish).status_code == 302
    assert not (Session.objects.exists() or Turn.objects.exists())


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"realtime_mode__exact": "1"}, ["spoken"]),
        ({"realtime_mode__exact": "0"}, ["typed"]),
        ({"language__exact": "ja"}, ["spoken"]),
        ({"ending": "idle"}, ["typed"]),
        ({"ending": "live"}, ["spoken"]),
        ({"ending": "client_left"}, []),
        ({"created_at__lt": "2026-02-01 00:00:00+00:00"}, ["typed"]),
        ({"q": "OWNER"}, ["spoken", "typed"]),
        ({"q": "spok"}, ["spoken"]),
        ({"q": "rye loaf"}, ["typed"]),
        ({"q": "くださ"}, ["spoken"]),
        ({"q": "loaf ください"}, []),
        ({"q": "nothing like it"}, []),
    ],
    ids=str,
)
def test_sessions_are_found_by_filters_and_search(
    reviewer: Client, owner: User, query: dict[str, str], found: list[str]
) -> None:
    spoken = new_session(owner, title="spoken", realtime_mode=True, language="ja")
    typed = new_session(owner, title="typed", created_at=NOON)
    kept_turn(spoken, new_call(spoken), text="パンをください。")
    call = new_call(typed)
    kept_turn(typed, call, text="One loaf of rye, please.")
    kept_turn(typed, call, item_id="item_2", text="Another loaf of rye.")
    end_call(call.call_id, Ending.IDLE)
    assert sorted(titles(read(reviewer, LIST, **query))) == found


def test_what_was_found_is_shown_below_the_title(
    reviewer: Client, session: Session, call: OpenedCall
) -> None:
    kept_turn(session, call, item_id="a", text="Tea <b>or</b> coffee?", position=0)
    kept_turn(session, call, item_id="b", text="ﾊﾟﾝ <i>and</i> RYE, please.", position=1)
    kept_turn(session, call, item_id="c", text="rye", position=2)
    html = read(reviewer, LIST, q="rye パン")
    excerpt = "<mark>ﾊﾟﾝ</mark> &lt;i&gt;and&lt;/i&gt; <mark>RYE</mark>, please."
    assert f'<span class="kaiwa-excerpt" lang="en">{excerpt}</span>' in html
    assert "kaiwa-excerpt" not in read(reviewer, LIST, q="bread")
    assert "kaiwa-excerpt" not in read(reviewer, LIST)


@pytest.mark.parametrize("search", ["%", "_", "*", "%%%", "' OR 1=1 --", "\\", "🍞"])
def test_wildcards_are_ordinary_characters(
    reviewer: Client, session: Session, call: OpenedCall, search: str
) -> None:
    kept_turn(session, call)
    assert titles(read(reviewer, LIST, q=search)) == []
    Turn.objects.all().delete()
    kept_turn(session, call, text=f"so: {search}!")
    assert titles(read(reviewer, LIST, q=search)) == ["Bread"]


@pytest.mark.parametrize("search", ["", "  ", "　"])
def test_a_blank_search_lists_everything(reviewer: Client, session: Session, search: str) -> None:
    assert titles(read(reviewer, LIST, q=search)) == ["Bread"]


def test_a_search_that_is_too_long_says_so(reviewer: Client, session: Session) -> None:
    html = read(reviewer, LIST, q="パン" * 5000)
    assert "The search is too long: 10000 characters. It may have 100." in html
    assert titles(html) == []


def test_a_search_counts_what_it_found_on_all_pages(
    reviewer: Client, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionAdmin, "list_per_page", 2)
    for number in range(3):
        new_session(owner, title=f"rye {number}")
    new_session(owner, title="tea")
    assert titles(read(reviewer, LIST, q="rye", o="1")) == ["rye 0", "rye 1"]
    html = read(reviewer, LIST, q="rye", o="1", p="2")
    assert titles(html) == ["rye 2"]
    assert "3 sessions" in plain(html)


def test_many_single_characters_are_not_searched_for(
    reviewer: Client, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert titles(read(reviewer, LIST, q="r e a")) == ["Bread"]
    html = read(reviewer, LIST, q="r e ａ d")
    assert "The search has more than 3 words of a single character" in html
    assert titles(html) == []


def test_a_nul_is_not_searched_for(reviewer: Client, session: Session) -> None:
    html = read(reviewer, f"{LIST}?q=a%00b&mode=text")
    assert "This was not understood, so all sessions are listed: q=a%00b" in html
    assert titles(html) == ["Bread"]


def test_a_search_stops_at_a_limit_and_says_so(
    reviewer: Client, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_list, "MOST_FOUND", 2)
    for title in ("rye 1", "rye 2", "rye 3"):
        new_session(owner, title=title)
    html = read(reviewer, LIST, q="rye", o="1")
    assert titles(html) == ["rye 1", "rye 2"]
    assert "More than 2 sessions match." in html
    assert "More than" not in read(reviewer, LIST, q="rye 1")


def test_a_search_that_the_database_stops_says_so(
    reviewer: Client, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(session_list, "matching", stopped)
    html = read(reviewer, LIST, q="e")
    assert "The search took too long and was stopped." in html
    assert titles(html) == []


@pytest.mark.parametrize(
    "query",
    [
        "created_at__year=abc", "created_at__year=99999999999999999999", "created_at__year=9999",
        "created_at__year=0", "created_at__year=2026&created_at__month=13", "created_at__gte=soon",
        "p=0", "p=999", "p=x", "realtime_mode__exact=banana", "id__exact=zzz", "nonsense=1",
        "user__exact=99999999999999999999999", "o=99.-x.%26", "o=-1.-1.1", "e=1", "all=", "_facets",
        "created_at__year=2026&created_at__month=%EF%BC%91", "user=%20", "user=%F0%9F%8D%9E",
    ],
)  # fmt: skip
def test_nonsense_in_the_address_gets_the_list(
    reviewer: Client, session: Session, query: str
) -> None:
    response = reviewer.get(f"{LIST}?{query}", follow=True)
    assert response.status_code == 200
    if response.redirect_chain:
        assert "This was not understood, so all sessions are listed" in response.content.decode()
        assert titles(response.content.decode()) == ["Bread"]


@pytest.mark.parametrize("query", ["user__password__startswith=a", "turns__text__contains=a"])
def test_other_tables_cannot_be_asked(reviewer: Client, session: Session, query: str) -> None:
    assert reviewer.get(f"{LIST}?{query}").status_code == 400
