"""A session as chapters for people: its calls, and what was typed between them. PURE."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from backend.conversations.models import Call
from backend.conversations.reading import ReadTurn

CONTINUES_WITHIN = timedelta(minutes=3)
"""A call that begins so soon after the one before goes on with it. The hourly limit of calls counts
in the same way (`backend.spending.limits`)."""


class Beginning(StrEnum):
    """How a call began: as the session's first, soon after another one (a reconnect), or later."""

    FIRST = "first"
    CONTINUED = "continued"
    REOPENED = "reopened"


class CallState(StrEnum):
    """`silent`: the call is open, but its worker no longer renews its lease."""

    LIVE = "live"
    SILENT = "silent"
    ENDED = "ended"


@dataclass(slots=True)
class Chapter:
    """A call with its turns, or, without a call, what was typed or reported between two calls.

    `number` counts the calls from 1; it is 0 without a call, and the three fields after it are
    None. `lasted` is also None while the call is open.
    """

    call: Call | None
    number: int = 0
    beginning: Beginning | None = None
    state: CallState | None = None
    lasted: timedelta | None = None
    turns: list[ReadTurn] = field(default_factory=list)

    @property
    def is_reported(self) -> bool:
        """Whether only the browser saw these turns. Those of one chapter are alike."""
        return bool(self.turns) and self.turns[0].turn.is_reported

    @property
    def duration(self) -> str:
        """How long the call lasted, as `duration_text`; empty while it is open."""
        return "" if self.lasted is None else duration_text(self.lasted)


def chapters_of(turns: Iterable[ReadTurn], calls: Sequence[Call], now: datetime) -> list[Chapter]:
    """The chapters of a session in order; `turns` are in spoken order, `calls` in the order of
    their first positions. A call in which nothing was said is a chapter too.
    """
    of_calls = _chapters_of_calls(calls, now)
    waiting = list(of_calls.values())
    chapters: list[Chapter] = []
    for read in turns:
        own = of_calls.get(read.turn.call_id)
        while waiting and _begins_before(waiting[0], read, own):
            chapters.append(waiting.pop(0))
        if own is not None:
            own.turns.append(read)
        elif chapters and _is_followed_by(chapters[-1], read):
            chapters[-1].turns.append(read)
        else:
            chapters.append(Chapter(call=None, turns=[read]))
    return [*chapters, *waiting]


def _chapters_of_calls(calls: Iterable[Call], now: datetime) -> dict[object, Chapter]:
    chapters: dict[object, Chapter] = {}
    previous: Call | None = None
    for number, call in enumerate(calls, 1):
        chapters[call.pk] = Chapter(
            call=call,
            number=number,
            beginning=beginning_of(call, previous),
            state=state_of(call, now),
            lasted=None if call.ended_at is None else call.ended_at - call.started_at,
        )
        previous = call
    return chapters


def _is_followed_by(chapter: Chapter, read: ReadTurn) -> bool:
    """Whether this turn without a call is part of this chapter."""
    return chapter.call is None and chapter.is_reported == read.turn.is_reported


def _begins_before(chapter: Chapter, read: ReadTurn, own: Chapter | None) -> bool:
    """Whether this call's chapter begins before this turn, whose own chapter is `own`."""
    if own is not None:
        return chapter.number <= own.number
    return chapter.call is not None and chapter.call.first_position <= read.turn.position


def beginning_of(call: Call, previous: Call | None) -> Beginning:
    """How this call began, after the session's call before it."""
    if previous is None:
        return Beginning.FIRST
    if previous.ended_at is None or call.started_at - previous.ended_at <= CONTINUES_WITHIN:
        return Beginning.CONTINUED
    return Beginning.REOPENED


def state_of(call: Call, now: datetime) -> CallState:
    """Whether this call is live, judged by its lease."""
    if call.ended_at is not None:
        return CallState.ENDED
    return CallState.LIVE if call.lease_until > now else CallState.SILENT


def duration_text(lasted: timedelta) -> str:
    """A duration as `m:ss` or `h:mm:ss`, rounded to seconds."""
    rounded = timedelta(seconds=round(lasted.total_seconds()))
    text = str(rounded)
    return text.removeprefix("0:").removeprefix("0") if rounded < timedelta(hours=1) else text
