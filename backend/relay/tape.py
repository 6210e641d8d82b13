"""Tapes: a whole call written down, one JSON object a line, to be replayed without a network.

Off by default, and then a twin that does nothing. A tape holds what was said, as sound and as
words, and what the model was told: it is as secret as the conversation. Its file can be read by
its owner only.

    {"at_ms": 0, "side": "relay", "plan": {…}}              whose call it was, always first
    {"at_ms": 12, "side": "client", "event": {…}}           a frame; "text" if it is not JSON,
                                                            "bytes" (how many) if it is binary
    {"at_ms": 840, "side": "upstream", "event": {…}}
    {"at_ms": 9000, "side": "relay", "ending": "client_left", "waits": false}   told to end
"""

import contextlib
import json
import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from backend.protocol.endings import Ending
from backend.relay.plan import CallPlan

Side = Literal["client", "upstream"]


class Tape(Protocol):
    """Where a call is written down. Nothing here raises."""

    def heard(self, side: Side, frame: str | bytes, at: datetime) -> None:
        """A frame came from this side."""
        ...

    def told(self, ending: Ending, waits: bool, at: datetime) -> None:
        """The call was told to end; `waits` if after the answer that is being given."""
        ...

    def close(self) -> None:
        """The call is over."""
        ...


class NoTape:
    """Writes nothing."""

    def heard(self, side: Side, frame: str | bytes, at: datetime) -> None:
        """Nothing."""

    def told(self, ending: Ending, waits: bool, at: datetime) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class FileTape:
    """Writes to a new file of mode 0600. Raises OSError when it cannot be made.

    Writing is buffered and done on the spot, which a debugging aid may. A disk that fails ends the
    tape and not the call.
    """

    def __init__(self, path: Path, plan: CallPlan, started_at: datetime) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")
        self._started_at = started_at
        self._write(started_at, {"side": "relay", "plan": asdict(plan)})

    def heard(self, side: Side, frame: str | bytes, at: datetime) -> None:
        """A frame came from this side."""
        self._write(at, {"side": side, **_content(frame)})

    def told(self, ending: Ending, waits: bool, at: datetime) -> None:
        """The call was told to end."""
        self._write(at, {"side": "relay", "ending": str(ending), "waits": waits})

    def close(self) -> None:
        """Write what is buffered and close the file."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _write(self, at: datetime, line: dict[str, Any]) -> None:
        at_ms = round((at - self._started_at).total_seconds() * 1000)
        text = json.dumps({"at_ms": at_ms, **line}, ensure_ascii=False)
        # A closed file raises ValueError.
        with contextlib.suppress(OSError, ValueError):
            self._file.write(f"{text}\n")


def _content(frame: str | bytes) -> dict[str, Any]:
    """How a frame stands on a tape: as its event, unless a reader could see another in it."""
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
        raise ValueError("a key stands twice")
    return found
