"""Tapes: calls as files, and the turns that they must give.

`name.jsonl` has one frame a line, `{"at_ms": 0, "side": "client" | "upstream", "event": {…}}`, a
malformed one `"text"` for `"event"`; `side` is where it came from. `name.turns.json` is the list of
turns, in spoken order. `name.past.json`, where there is one, is the list of turns of earlier
calls that were replayed to the provider before the tape begins. `writer.py` writes them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from backend.protocol.transcript.turns import Turn

FOLDER = Path(__file__).resolve().parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))

STARTED_AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TapeLine:
    """One frame of a call. `event` is empty for a malformed one."""

    at_ms: int
    side: Literal["client", "upstream"]
    text: str
    event: Mapping[str, Any]

    @property
    def at(self) -> datetime:
        """The time of the frame; the tape begins at `STARTED_AT`."""
        return STARTED_AT + timedelta(milliseconds=self.at_ms)


def read_tape(path: Path) -> list[TapeLine]:
    """The frames of a tape, in order."""
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [
        TapeLine(
            line["at_ms"],
            line["side"],
            line["text"] if "text" in line else as_json(line["event"]),
            line.get("event", {}),
        )
        for line in lines
    ]


def as_json(value: Any) -> str:
    """JSON in UTF-8, or in ASCII where a surrogate without its other half must be escaped."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def tape(name: str) -> list[TapeLine]:
    """The frames of the tape of this name."""
    return read_tape(FOLDER / f"{name}.jsonl")


def expected_turns(name: str) -> list[dict[str, Any]]:
    """The turns that this tape must give, in spoken order."""
    turns: list[dict[str, Any]] = _read(f"{name}.turns.json")
    return turns


def past_turns(name: str) -> list[dict[str, Any]]:
    """The turns of earlier calls that were replayed before this tape begins."""
    turns: list[dict[str, Any]] = _read(f"{name}.past.json")
    return turns


def _read(file_name: str) -> Any:
    path = FOLDER / file_name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def as_expected(turn: Turn) -> dict[str, Any]:
    """A turn in the format of `name.turns.json`: without its position and its times."""
    return {
        "item_id": turn.item_id,
        "content_index": turn.content_index,
        "role": turn.role.value,
        "modality": turn.modality.value,
        "text": turn.text,
        "status": turn.status.value,
        "heard_text": turn.heard_text,
        "heard_ms": turn.heard_ms,
    }
