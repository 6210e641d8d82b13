"""A day's figures are exact sums, replaced as a whole, and outlive sessions and users."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from backend.conversations.models import Call, Session
from backend.reports.call_figures import collect
from backend.reports.daily_figures import Key, store_day, tallies_of
from backend.reports.models import DailyFigures
from backend.reports.tally import Tally
from tests.conversations.equipment import new_session
from tests.reports.equipment import TODAY, YESTERDAY, ended_call, paid

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

DAY = date(2026, 11, 20)


def stored(day: date = DAY) -> list[tuple[int | None, str, Tally]]:
    """The user, model and figures of the day's rows."""
    collect(Call.objects.all())
    store_day(day)
    return read(day)


def read(day: date = DAY) -> list[tuple[int | None, str, Tally]]:
    rows = DailyFigures.objects.filter(day=day).order_by("model", "user_id", "pk").values()
    return [(row["user_id"], row["model"], Tally.from_row(row)) for row in rows]


def test_calls_and_costs_are_added_up_by_user_and_model(owner: User, stranger: User) -> None:
    ended_call(owner, first_sounds_ms=(400, 600))
    ended_call(owner, minutes=3, ending="internal")
    ended_call(stranger)
    ended_call(owner, YESTERDAY)
    session = Session.objects.filter(user=owner)[0]
    paid(session, text_in=1000, text_in_cached=400, audio_out=10)
    paid(session, model="gpt-transcribe", kind="transcription", seconds=60)
    rows = stored()
    assert [(user, model) for user, model, _ in rows] == [
        (owner.pk, "gpt-realtime"), (stranger.pk, "gpt-realtime"), (owner.pk, "gpt-transcribe"),
    ]  # fmt: skip
    mine, other, transcription = (tally for *_, tally in rows)
    assert (mine.calls, mine.minutes, mine.turns, mine.answers) == (2, 4, 2, 1)
    assert (mine.tokens_in, mine.tokens_cached, mine.tokens_out) == (1000, 400, 10)
    assert mine.endings == {"client_left": 1, "internal": 1}
    assert mine.first_sound.total == 2
    assert (other.calls, other.cost_usd) == (1, Decimal(0))
    assert (transcription.calls, transcription.answers) == (0, 0)
    assert transcription.cost_usd == Decimal("0.0045")


def test_an_unknown_price_is_counted_as_unknown(owner: User) -> None:
    session = new_session(owner)
    paid(session, text_in=10)
    paid(session, model="gpt-of-tomorrow", text_in=10)
    paid(session, text_in=10, is_estimated=True)
    unknown, known = (tally for *_, tally in stored())
    assert (known.unpriced, known.estimated, known.cost_usd) == (0, 1, Decimal("0.00008"))
    assert (unknown.unpriced, unknown.estimated, unknown.cost_usd) == (1, 0, Decimal(0))


def test_a_ledger_row_counts_on_the_day_it_was_written(owner: User) -> None:
    session = new_session(owner)
    midnight = TODAY.replace(hour=0)
    paid(session, midnight)
    paid(session, midnight - timedelta(microseconds=1))
    assert [tally.answers for *_, tally in stored()] == [1]
    assert [tally.answers for *_, tally in stored(DAY - timedelta(days=1))] == [1]


def test_an_unchanged_day_is_not_written_again(owner: User) -> None:
    paid(ended_call(owner, first_sounds_ms=(5,)).session, text_in=7)
    assert stored()
    ids = list(DailyFigures.objects.values_list("pk", flat=True))
    assert not store_day(DAY)
    assert ids == list(DailyFigures.objects.values_list("pk", flat=True))


def test_a_day_that_became_empty_loses_its_rows(owner: User) -> None:
    usage = paid(new_session(owner), text_in=7)
    assert stored()
    usage.delete()
    assert store_day(DAY)
    assert read() == []


def test_deleting_sessions_and_users_does_not_change_the_numbers(
    owner: User, stranger: User
) -> None:
    for user in (owner, stranger):
        paid(ended_call(user, first_sounds_ms=(900,)).session, text_in=100)
    before = stored()
    Session.objects.filter(user=owner)[0].delete()
    assert stored() == before
    owner_id = owner.pk
    owner.delete()
    stranger.delete()
    assert [tally for *_, tally in read()] == [tally for *_, tally in before]
    (user_id, _, both), *rest = stored()
    assert (user_id, rest, both.calls, both.tokens_in) == (None, [], 2, 200)
    assert Key(owner_id, "openai", "gpt-realtime") not in tallies_of(DAY)
