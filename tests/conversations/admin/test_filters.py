"""The filters of the admin's list of sessions."""

from datetime import timedelta
from decimal import Decimal
from itertools import product

import pytest
from django.contrib.auth.models import User
from django.db.models import Q
from django.test import Client

from backend.conversations.admin import filters
from backend.conversations.admin.filters import COSTS, MINUTES
from backend.conversations.lifecycle import end_call
from backend.conversations.models import Call, Session, Turn
from backend.conversations.reading import UNTRANSCRIBED, is_untranscribed
from backend.protocol.endings import Ending
from tests.conversations.admin.equipment import LIST, plain, read, titles
from tests.conversations.equipment import NOON, kept_turn, kept_usage, new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def ended(session: Session, ending: Ending, minutes: float = 0.0) -> None:
    call = new_call(session)
    end_call(call.call_id, ending)
    Call.objects.filter(pk=call.call_id).update(
        started_at=NOON, ended_at=NOON + timedelta(minutes=minutes)
    )


@pytest.fixture
def sessions(owner: User, stranger: User) -> None:
    """Three sessions: a typed one, a good spoken one, and a bad one of somebody else."""
    new_session(owner, title="typed", language="en")
    good = new_session(owner, title="good", realtime_mode=True, language="ja")
    ended(good, Ending.CLIENT_LEFT, 3)
    kept_turn(good, text="パン")
    kept_usage(good, "a", "gpt-realtime", audio_out=10_000)  # 0.64 USD
    bad = new_session(stranger, title="bad", realtime_mode=True)
    ended(bad, Ending.PROVIDER_FAILED, 10)
    ended(bad, Ending.IDLE, 10)
    Session.objects.filter(title="bad").update(provider="azure", model="gpt-realtime-mini")
    kept_turn(bad, item_id="a", text="", status="failed")
    kept_turn(bad, item_id="b", role="assistant", status="interrupted")
    kept_usage(bad, "a", "gpt-realtime", audio_out=100_000, is_estimated=True)  # 6.4 USD
    kept_usage(new_session(owner, title="priceless"), "a", "somebody-elses", audio_out=1)


@pytest.mark.usefixtures("sessions")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"mode": "voice"}, ["bad", "good"]),
        ({"mode": "text"}, ["priceless", "typed"]),
        ({"language": "ja"}, ["good"]),
        ({"provider": "azure"}, ["bad"]),
        ({"model": "gpt-realtime-mini"}, ["bad"]),
        ({"trouble": "ended_badly"}, ["bad"]),
        ({"trouble": "interrupted"}, ["bad"]),
        ({"trouble": "untranscribed"}, ["bad"]),
        ({"ending": "idle"}, ["bad"]),
        ({"ending": "client_left"}, ["good"]),
        ({"ending": "live"}, []),
        ({"user": "stranger"}, ["bad"]),
        ({"user": " owner "}, ["good", "priceless", "typed"]),
        ({"user": "own"}, []),
        ({"minutes": "0"}, ["priceless", "typed"]),
        ({"minutes": "1-5"}, ["good"]),
        ({"minutes": "15-60"}, ["bad"]),
        ({"minutes": "-1"}, []),
        ({"minutes": "60-"}, []),
        ({"cost": "0"}, ["typed"]),
        ({"cost": "0.1-1"}, ["good"]),
        ({"cost": "5-"}, ["bad"]),
        ({"cost": "-0.01"}, []),
        ({"cost": "unknown"}, ["priceless"]),
        ({"cost": "estimated"}, ["bad"]),
        ({"mode": "voice", "language": "ja", "cost": "0.1-1", "q": "ぱん"}, ["good"]),
        ({"mode": "voice", "language": "ja", "cost": "5-"}, []),
    ],
    ids=str,
)
def test_each_filter_finds_its_sessions(
    reviewer: Client, query: dict[str, str], found: list[str]
) -> None:
    assert sorted(titles(read(reviewer, LIST, **query))) == found


@pytest.mark.parametrize("ending", ["%00", "never", ""])
def test_an_unknown_ending_filters_nothing(reviewer: Client, session: Session, ending: str) -> None:
    assert str(session.pk) in read(reviewer, f"{LIST}?ending={ending}")


@pytest.mark.parametrize(
    "name", ["trouble", "mode", "language", "ending", "minutes", "cost", "model", "provider"]
)
def test_a_value_that_is_no_choice_gets_a_message(
    reviewer: Client, session: Session, name: str
) -> None:
    html = read(reviewer, LIST, **{name: "<b>banana"})
    assert titles(html) == [session.title]
    assert "has no choice “&lt;b&gt;banana”, so it does not filter." in html


def test_an_unknown_user_gets_a_message(reviewer: Client, session: Session) -> None:
    html = read(reviewer, LIST, user="nobody<")
    assert "No user with sessions is called “nobody&lt;”." in html
    assert titles(html) == []


def test_usernames_are_suggested_and_the_other_filters_stay(
    reviewer: Client, session: Session
) -> None:
    html = read(reviewer, LIST, mode="text", q="bread")
    assert '<option value="owner"></option>' in html
    form = html.partition('class="kaiwa-user-filter"')[2].partition("</form>")[0]
    assert '<input type="hidden" name="mode" value="text">' in form
    assert '<input type="hidden" name="q" value="bread">' in form


def test_a_user_beyond_the_suggested_ones_is_found(
    reviewer: Client, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "MOST_USERNAMES", 0)
    html = read(reviewer, LIST, user="owner")
    assert titles(html) == [session.title]
    assert "is called" not in html


def test_ranges_have_no_gap_and_no_overlap() -> None:
    for ranges in (list(COSTS.values()), list(MINUTES.values())):
        assert ranges[0].low is None
        assert ranges[-1].high is None
        for below, above in zip(ranges, ranges[1:], strict=False):
            assert below.high == above.low
    assert (COSTS["0.1-1"].low, COSTS["0.1-1"].high) == (Decimal("0.1"), Decimal(1))
    assert (MINUTES["-1"].low, MINUTES["-1"].high) == (None, Decimal(1))


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        (filters.INTERRUPTED_ANSWER, "turn_interrupted_answer"),
        (UNTRANSCRIBED, "turn_untranscribed"),
    ],
)
def test_sqlite_finds_troubled_turns_by_an_index(condition: Q, index: str) -> None:
    plan = Turn.objects.filter(filters.with_constants(condition)).values("session_id")
    assert index in plan.order_by().explain()


def test_the_query_for_failed_transcriptions_has_the_rule_of_the_page(session: Session) -> None:
    every = product(
        ("user", "assistant"),
        ("voice", "text"),
        ("completed", "failed", "interrupted", "in_progress"),
        ("", "Bread"),
    )
    rows = [
        kept_turn(
            session, item_id=str(number), role=role, modality=modality, status=status, text=text
        )
        for number, (role, modality, status, text) in enumerate(every)
    ]
    for condition in (UNTRANSCRIBED, filters.with_constants(UNTRANSCRIBED)):
        found = set(Turn.objects.filter(condition).values_list("pk", flat=True))
        assert found == {row.pk for row in rows if is_untranscribed(row)}
    assert len(found) == 2


def test_the_filters_speak_japanese(reviewer: Client, session: Session) -> None:
    reviewer.cookies["django_language"] = "ja"
    text = plain(read(reviewer, LIST))
    for word in (
        "通話の異常終了",
        "途中で止められた回答",
        "文字起こしの失敗",
        "音声",
        "0.1以上1未満",
    ):
        assert word in text
