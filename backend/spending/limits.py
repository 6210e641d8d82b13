"""Decide whether a user may open one more call, and when to try again if not. PURE.

`refusal_of` checks the limits of calls in order; `budgets.admission` those of money and minutes.

**Which calls count for an hour.** A page whose network breaks opens a new call each time. A call
that follows within `CONTINUES_WITHIN` in the same session is the same conversation, and not one
more call of the hour. But each costs a connection to the provider, so all calls together, with
those, are limited to `REOPENED_FACTOR` times as many: 600 an hour by default. A page does not reach
that. If every call breaks as soon as it counts as stable, after 10 s, the page opens about 330 an
hour; if they break earlier, it waits up to 9 s and gives up after 21 attempts
(frontend/call/reconnect.js).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from backend.protocol.endings import Ending

HOUR = timedelta(hours=1)
CONTINUES_WITHIN = timedelta(minutes=3)
"""Longer than a page tries by itself: 21 attempts take 166 s at most."""
REOPENED_FACTOR = 10
SERVER_FULL_RETRY_S = 30.0
"""When to try again if the server is full: a call that ends now, or whose process dies now, has
left its place by then."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """The most calls of a user at once, of all users at once, and of a user in an hour.

    None is no limit; 0 allows no call.
    """

    at_once: int | None = None
    at_once_in_all: int | None = None
    per_hour: int | None = None


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call of the user. `ended_at` is None while it is open."""

    session_id: UUID
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class CallCounts:
    """What is counted before a call opens on `session_id` at `now`.

    `at_once` and `at_once_in_all` are the open calls whose lease has not expired, of this user and
    of all, without that of the session itself: the new call replaces it. `past` are the user's
    calls since an hour before `now`, also those that ended since then or are open.
    """

    session_id: UUID
    now: datetime
    at_once: int
    at_once_in_all: int
    past: Sequence[PastCall]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no call opens. `retry_after_s` is None if no time is known: another call has to end."""

    ending: Ending
    retry_after_s: float | None = None


def refusal_of(limits: CallLimits, counts: CallCounts) -> Refusal | None:
    """Return the refusal of the first limit that is reached; None if the call may open."""
    if _is_reached(limits.at_once, counts.at_once):
        return Refusal(Ending.TOO_MANY_CALLS)
    if _is_reached(limits.at_once_in_all, counts.at_once_in_all):
        return Refusal(Ending.SERVER_FULL, SERVER_FULL_RETRY_S)
    began, reopened = _calls_of_the_hour(counts)
    is_reopened = _continues(_newest_in(counts.session_id, counts.past), counts.now)
    for times, limit in (
        (began, None if is_reopened else limits.per_hour),
        (
            sorted(began + reopened),
            None if limits.per_hour is None else limits.per_hour * REOPENED_FACTOR,
        ),
    ):
        if limit is not None and limit <= len(times):
            retry_after_s = seconds_until_free(times, limit, counts.now) if limit else None
            return Refusal(Ending.HOURLY_LIMIT, retry_after_s)
    return None


def free_at(counts: CallCounts, limit: int) -> tuple[int, datetime | None]:
    """Return how many calls of the hour began anew, and when there are fewer than `limit`.

    The time is None if there are fewer now, or if the limit is 0.
    """
    began, _ = _calls_of_the_hour(counts)
    if not 0 < limit <= len(began):
        return len(began), None
    return len(began), counts.now + timedelta(seconds=seconds_until_free(began, limit, counts.now))


def seconds_until_free(times: Sequence[datetime], limit: int, now: datetime) -> float:
    """Return the seconds until fewer than `limit` of these times, in order, are within an hour."""
    return max(1.0, (times[len(times) - limit] + HOUR - now).total_seconds())


def _is_reached(limit: int | None, count: int) -> bool:
    return limit is not None and limit <= count


def _calls_of_the_hour(counts: CallCounts) -> tuple[list[datetime], list[datetime]]:
    """The starts of the hour's calls, in order: of those that began anew, and of those reopened."""
    began: list[datetime] = []
    reopened: list[datetime] = []
    newest: dict[UUID, PastCall] = {}
    for call in sorted(counts.past, key=lambda each: each.started_at):
        if call.started_at > counts.now - HOUR:
            earlier = newest.get(call.session_id)
            (reopened if _continues(earlier, call.started_at) else began).append(call.started_at)
        newest[call.session_id] = call
    return began, reopened


def _newest_in(session_id: UUID, calls: Iterable[PastCall]) -> PastCall | None:
    own = (call for call in calls if call.session_id == session_id)
    return max(own, key=lambda call: call.started_at, default=None)


def _continues(earlier: PastCall | None, at: datetime) -> bool:
    """Whether a call that starts now goes on with this earlier one of its session."""
    if earlier is None:
        return False
    return earlier.ended_at is None or at - earlier.ended_at <= CONTINUES_WITHIN
