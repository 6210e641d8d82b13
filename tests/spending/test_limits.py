"""Which call is one too many, and when to try again."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from backend.protocol.endings import Ending
from backend.spending.limits import (
    SERVER_FULL_RETRY_S,
    CallCounts,
    CallLimits,
    PastCall,
    Refusal,
    refusal_of,
    seconds_until_free,
)

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
SESSION, OTHER = uuid4(), uuid4()


def past_call(began_min: float, lasted_min: float | None = 1, session_id: UUID = OTHER) -> PastCall:
    """A call that began so many minutes before noon; `lasted_min` is None if it is open."""
    began = NOON - timedelta(minutes=began_min)
    ended = None if lasted_min is None else began + timedelta(minutes=lasted_min)
    return PastCall(session_id, began, ended)


def counts(
    *past: PastCall, at_once: int = 0, in_all: int = 0, session_id: UUID = SESSION
) -> CallCounts:
    return CallCounts(session_id, NOON, at_once, in_all, past)


@pytest.mark.parametrize(
    ("limits", "at_once", "in_all", "refused"),
    [
        (CallLimits(), 99, 99, None),
        (CallLimits(at_once=3), 2, 99, None),
        (CallLimits(at_once=3), 3, 3, Refusal(Ending.TOO_MANY_CALLS)),
        (CallLimits(at_once=3), 4, 4, Refusal(Ending.TOO_MANY_CALLS)),
        (CallLimits(at_once_in_all=9), 8, 8, None),
        (CallLimits(at_once_in_all=9), 0, 9, Refusal(Ending.SERVER_FULL, SERVER_FULL_RETRY_S)),
        (CallLimits(at_once=1, at_once_in_all=1), 1, 1, Refusal(Ending.TOO_MANY_CALLS)),
    ],
)
def test_calls_at_once(
    limits: CallLimits, at_once: int, in_all: int, refused: Refusal | None
) -> None:
    assert refusal_of(limits, counts(at_once=at_once, in_all=in_all)) == refused


def test_a_call_of_the_hour_is_free_when_the_oldest_is_an_hour_old() -> None:
    past = [past_call(minutes, session_id=uuid4()) for minutes in (59, 20, 10)]
    assert refusal_of(CallLimits(per_hour=4), counts(*past)) is None
    assert refusal_of(CallLimits(per_hour=3), counts(*past)) == Refusal(Ending.HOURLY_LIMIT, 60)
    # A limit that was lowered meanwhile: as many must leave as there are too many.
    assert refusal_of(CallLimits(per_hour=2), counts(*past)) == Refusal(Ending.HOURLY_LIMIT, 2400)
    assert refusal_of(CallLimits(per_hour=3), counts(*past[1:], past_call(61))) is None


def test_the_order_of_the_rows_does_not_matter() -> None:
    past = [past_call(minutes, session_id=uuid4()) for minutes in (10, 59, 20)]
    assert refusal_of(CallLimits(per_hour=3), counts(*past)) == Refusal(Ending.HOURLY_LIMIT, 60)


@pytest.mark.parametrize(
    ("earlier", "is_refused"),
    [
        (past_call(30, None, SESSION), False),
        (past_call(30, 30, SESSION), False),
        (past_call(30, 28, SESSION), False),
        (past_call(30, 26, SESSION), True),
        (past_call(30, 30, OTHER), True),
        (past_call(90, 89, SESSION), False),
    ],
)
def test_a_reconnect_is_not_one_more_call_of_the_hour(earlier: PastCall, is_refused: bool) -> None:
    full = past_call(45, session_id=uuid4())
    refused = refusal_of(CallLimits(per_hour=1), counts(full, earlier))
    assert (refused is not None) is is_refused


def test_reconnects_do_not_use_up_the_hour() -> None:
    # Every five minutes the network breaks, and a call follows a minute later.
    broken = [past_call(began, 4, SESSION) for began in range(5, 50, 5)]
    assert refusal_of(CallLimits(per_hour=2), counts(*broken, session_id=OTHER)) is None
    new = past_call(50, session_id=OTHER)
    full = counts(*broken, new, session_id=uuid4())
    assert refusal_of(CallLimits(per_hour=2), full) == Refusal(Ending.HOURLY_LIMIT, 600)


def test_reconnects_without_end_are_refused() -> None:
    quick = [past_call(10 - number / 10, 0.05, SESSION) for number in range(20)]
    assert refusal_of(CallLimits(per_hour=3), counts(*quick)) is None
    assert refusal_of(CallLimits(per_hour=2), counts(*quick)) == Refusal(Ending.HOURLY_LIMIT, 3000)


def test_the_time_to_wait_is_a_second_at_least() -> None:
    assert seconds_until_free([NOON - timedelta(minutes=60)], 1, NOON) == 1
