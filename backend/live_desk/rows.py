"""What the live desk shows of a call. PURE: times are given."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

SILENT_AFTER = timedelta(seconds=15)
"""Three heartbeats of a worker (`runtime.HEARTBEAT_S`). Its lease lasts twice as long."""


class DeskState(StrEnum):
    """A call's state as the database knows it.

    `silent`: the worker has missed heartbeats; it is overloaded, or dead. `ending`: an operator or
    a newer call has asked for the end, and the worker has not written it yet.
    """

    LIVE = "live"
    SILENT = "silent"
    ENDING = "ending"


@dataclass(frozen=True, slots=True)
class DeskRow:
    """One row of the list. `transport` is empty for a call through the relay."""

    call_id: str
    session_id: str
    username: str
    started_at: datetime
    duration: str
    state: DeskState
    model: str
    transport: str
    worker: str


def state_of(renewed_at: datetime, now: datetime, *, is_end_requested: bool) -> DeskState:
    """The state of a call whose worker renewed its lease at `renewed_at`."""
    if is_end_requested:
        return DeskState.ENDING
    return DeskState.SILENT if now - renewed_at > SILENT_AFTER else DeskState.LIVE


def duration_text(lasted: timedelta) -> str:
    """The duration as `m:ss` or `h:mm:ss`; `0:00` for one that would be negative."""
    seconds = max(0, int(lasted.total_seconds()))
    minutes, hours = seconds // 60 % 60, seconds // 3600
    tail = f"{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"
    return f"{hours}:{tail}" if hours else tail
