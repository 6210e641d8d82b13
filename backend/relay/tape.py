"""Tapes: recordings of whole calls, one JSON object a line, to be replayed without a network.

Off by default: `NoTape` does nothing. A tape holds the audio, the words and the instructions of a
call, so it is as secret as the conversation: only its owner can read the file.

    {"at_ms": 0, "side": "relay", "plan": {…}}              the call's plan, always first; without
                                                            its limits, and its policy by name
    {"at_ms": 12, "side": "client", "event": {…}}           a frame; "text" if it is not JSON,
                                                            "bytes" (how many) if it is binary
    {"at_ms": 840, "side": "upstream", "event": {…}}
    {"at_ms": 880, "side": "next", "event": {…}}            a frame of the next connection to the
                                                            provider (`relay.rotation`)
    {"at_ms": 890, "side": "relay", "step": "replay"}       a step of the rotation that was due
    {"at_ms": 895, "side": "relay", "lost": "upstream",     a connection was lost, or (next) did
     "ending": "provider_failed", "code": "…"}              not open
    {"at_ms": 5000, "side": "relay", "budgets": [{"kind": "money", "limit": "1", "used": "0.8",
     "resets_at_ms": 43200000}]}                            the user's budgets at a heartbeat, if
                                                            there are any or were
    {"at_ms": 9000, "side": "relay", "ending": "client_left", "waits": false}   ended from outside
"""

import contextlib
import dataclasses
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from backend.protocol.budget_state import BudgetState
from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamError
from backend.relay.plan import CallPlan
from backend.relay.rotation import Step

Side = Literal["client", "upstream", "next"]


class Tape(Protocol):
    """Records a call. No method raises."""

    def record_frame(self, side: Side, frame: str | bytes, at: datetime) -> None:
        """Record a frame that came from this side."""
        ...

    def record_ending(self, ending: Ending, waits: bool, at: datetime) -> None:
        """Record that the call was ended from outside; `waits` for the response in progress."""
        ...

    def record_step(self, step: Step, at: datetime) -> None:
        """Record that this step of the rotation was taken."""
        ...

    def record_loss(
        self, side: Literal["upstream", "next"], error: UpstreamError, at: datetime
    ) -> None:
        """Record that this connection was lost, or did not open."""
        ...

    def record_budgets(self, states: Sequence[BudgetState], at: datetime) -> None:
        """Record the budgets of the call's user."""
        ...

    def close(self) -> None:
        """End the recording."""
        ...


class NoTape:
    """Records nothing."""

    def record_frame(self, side: Side, frame: str | bytes, at: datetime) -> None:
        """Do nothing."""

    def record_ending(self, ending: Ending, waits: bool, at: datetime) -> None:
        """Do nothing."""

    def record_step(self, step: Step, at: datetime) -> None:
        """Do nothing."""

    def record_loss(
        self, side: Literal["upstream", "next"], error: UpstreamError, at: datetime
    ) -> None:
        """Do nothing."""

    def record_budgets(self, states: Sequence[BudgetState], at: datetime) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class FileTape:
    """Records to a new file of mode 0600. Raises OSError if that cannot be created.

    Writing is buffered, and blocks the event loop when the buffer is full, which is acceptable for
    a debugging aid. A disk that fails ends the tape and not the call.
    """

    def __init__(self, path: Path, plan: CallPlan, started_at: datetime) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")
        self._started_at = started_at
        self._has_budgets = False
        self._write(started_at, {"side": "relay", "plan": plan_content(plan)})

    def record_frame(self, side: Side, frame: str | bytes, at: datetime) -> None:
        """Record a frame that came from this side."""
        self._write(at, {"side": side, **_content(frame)})

    def record_ending(self, ending: Ending, waits: bool, at: datetime) -> None:
        """Record that the call was ended from outside."""
        self._write(at, {"side": "relay", "ending": str(ending), "waits": waits})

    def record_step(self, step: Step, at: datetime) -> None:
        """Record that this step of the rotation was taken."""
        self._write(at, {"side": "relay", "step": str(step)})

    def record_loss(
        self, side: Literal["upstream", "next"], error: UpstreamError, at: datetime
    ) -> None:
        """Record that this connection was lost, or did not open."""
        line = {"side": "relay", "lost": side, "ending": str(error.ending), "code": error.code}
        self._write(at, line | {"retry_after_s": error.retry_after_s})

    def record_budgets(self, states: Sequence[BudgetState], at: datetime) -> None:
        """Record the budgets of the call's user, relative to the start as all times are."""
        if not states and not self._has_budgets:
            return
        self._has_budgets = bool(states)
        budgets = [
            {
                "kind": state.kind,
                "limit": f"{state.limit:f}",
                "used": f"{state.used:f}",
                "resets_at_ms": None if state.resets_at is None else self._ms(state.resets_at),
            }
            for state in states
        ]
        self._write(at, {"side": "relay", "budgets": budgets})

    def close(self) -> None:
        """Write what is buffered and close the file."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _ms(self, at: datetime) -> int:
        return round((at - self._started_at).total_seconds() * 1000)

    def _write(self, at: datetime, line: dict[str, Any]) -> None:
        text = json.dumps({"at_ms": self._ms(at), **line}, ensure_ascii=False)
        # A closed file raises ValueError.
        with contextlib.suppress(OSError, ValueError):
            self._file.write(f"{text}\n")


def plan_content(plan: CallPlan) -> dict[str, Any]:
    """The plan's fields; the limits are those of the replay, and the policy is known by name."""
    fields = {field.name: getattr(plan, field.name) for field in dataclasses.fields(plan)}
    del fields["limits"]
    return fields | {
        "policy": plan.policy.name,
        "past": [asdict(item) for item in plan.past],
    }


def _content(frame: str | bytes) -> dict[str, Any]:
    """A frame as a tape records it: its event, or its text if a JSON key is there twice."""
    if isinstance(frame, bytes):
        return {"bytes": len(frame)}
    try:
        event = json.loads(frame, object_pairs_hook=_with_single_keys)
        json.dumps(event, allow_nan=False)
    except (ValueError, RecursionError):
        return {"text": frame}
    return {"event": event} if isinstance(event, dict) else {"text": frame}


def _with_single_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found
