r"""The lines of a spool file: a write or the note that one was stored, each a JSON object.

    {"kind": "turn", "session": "…", "call": "…", "first_position": 0, "turn": {…}}
    {"kind": "usage", "session": "…", "call": "…", "user": 1, "model": "…", "usage": {…},
     "written": 0}
    {"kind": "ending", "session": "…", "call": "…", "ending": "draining"}
    {"kind": "stored", "key": ["turn", …]}

`call` is null for an exchange without a call; `written` is there only for a `TextUsage`. Lines of
earlier versions have no `user`, `first_sound_ms`, `is_estimated` and `item_id`. Every line
ends with `\n`, so a last line without one was cut off by the end of its process. The file is only
appended to, so a later line of the same key replaces an earlier one (`writing.merged`).
"""

import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from backend.conversations.ledger import UsageWrite
from backend.conversations.writing import EndingWrite, TurnWrite, Write, merged
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Modality, Role, Turn, TurnStatus
from backend.protocol.usage import TextUsage, Usage

T = TypeVar("T")

Key = tuple[str, ...]
"""What a write is about: its kind, session, owner, and the turn's or usage's own key."""


class LineInvalid(ValueError):
    """The line is not one of a spool file, or is damaged."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A write with its line, under the recorder's own key."""

    key: Hashable
    write: Write
    line: bytes


@dataclass(slots=True)
class Contents:
    """What the lines of a file leave to store, and those that could not be read.

    `is_torn`: the last line was cut off, and is in neither of them.
    """

    writes: dict[Key, Write] = field(default_factory=dict)
    invalid: list[bytes] = field(default_factory=list)
    is_torn: bool = False


def key_of(each: Write) -> Key:
    """The key under which versions of the same turn, usage or ending replace each other."""
    session_id = each.session_id.hex
    match each:
        case TurnWrite(turn=turn):
            return ("turn", session_id, str(each.owner), turn.item_id, str(turn.content_index))
        case UsageWrite(usage=usage):
            return ("usage", session_id, str(each.call_id), usage.source_id, usage.kind)
    return ("ending", session_id, str(each.call_id))


def line_of(each: Write) -> bytes:
    """The line of a write, with its final line break."""
    about: dict[str, Any] = {
        "session": each.session_id.hex,
        "call": None if each.call_id is None else each.call_id.hex,
    }
    match each:
        case TurnWrite(turn=turn):
            about |= {
                "kind": "turn",
                "first_position": each.first_position,
                "turn": _turn_json(turn),
            }
        case UsageWrite(usage=usage):
            counts = asdict(usage)
            written = counts.pop("text_in_written", None)
            about |= {"kind": "usage", "user": each.user_id, "model": each.model, "usage": counts}
            about |= {} if written is None else {"written": written}
        case EndingWrite():
            about |= {"kind": "ending", "ending": each.ending}
    return _line(about)


def stored_line(key: Key) -> bytes:
    """The line that says that everything of this key so far is in the database."""
    return _line({"kind": "stored", "key": key})


def read(lines: Iterable[bytes]) -> Contents:
    """Read the lines of a file, keeping the newest version of each key. Never raises."""
    contents = Contents()
    for line in lines:
        try:
            found = _read_line(line)
        except (ValueError, TypeError, KeyError, RecursionError):
            if line.endswith(b"\n"):
                contents.invalid.append(line)
            else:
                contents.is_torn = True
            continue
        if isinstance(found, tuple):
            contents.writes.pop(found, None)
            continue
        key = key_of(found)
        earlier = contents.writes.get(key)
        contents.writes[key] = found if earlier is None else merged(earlier, found)
    return contents


def rank(each: Write) -> int:
    """How dear a write is where there is no room for all, from 0: a turn that grows comes last."""
    match each:
        case EndingWrite():
            return 0
        case UsageWrite():
            return 1
        case TurnWrite(turn=turn) if turn.status != TurnStatus.IN_PROGRESS:
            return 2
    return 3


def fitting(lines: Iterable[Encoded], room_bytes: int) -> list[Encoded]:
    """The lines to write where only `room_bytes` are left: no turn that grows before a final one.

    Among those of one rank a long line that does not fit leaves its room to shorter ones.
    """
    taken: list[Encoded] = []
    by_rank: list[list[Encoded]] = [[], [], [], []]
    for each in lines:
        by_rank[rank(each.write)].append(each)
    for of_rank in by_rank:
        before = len(taken)
        for each in of_rank:
            if len(each.line) <= room_bytes:
                room_bytes -= len(each.line)
                taken.append(each)
        if len(taken) - before < len(of_rank):
            break
    return taken


def _line(content: Mapping[str, Any]) -> bytes:
    # ASCII: a lone surrogate, which UTF-8 cannot express, is escaped and comes back as it was.
    return json.dumps(content, separators=(",", ":")).encode("ascii") + b"\n"


def _turn_json(turn: Turn) -> dict[str, Any]:
    given = turn._asdict()
    for name in ("started_at", "completed_at"):
        if given[name] is not None:
            given[name] = given[name].isoformat()
    return given


def _read_line(line: bytes) -> Write | Key:
    """The write of this line, or the key that was stored. Raises ValueError and the like."""
    given = _object(json.loads(line))
    if given["kind"] == "stored":
        return tuple(map(_text, _typed(given["key"], list)))
    session_id = UUID(_text(given["session"]))
    call_id = None if given["call"] is None else UUID(_text(given["call"]))
    match given["kind"]:
        case "turn":
            return TurnWrite(
                session_id, call_id, _typed(given["first_position"], int), _turn(given["turn"])
            )
        case "usage":
            user_id = None if given.get("user") is None else _typed(given["user"], int)
            return UsageWrite(session_id, call_id, _text(given["model"]), _usage(given), user_id)
        case "ending" if call_id is not None:
            return EndingWrite(session_id, call_id, Ending(given["ending"]))
    raise LineInvalid(given["kind"])


def _turn(value: object) -> Turn:
    given = _object(value)
    return Turn(
        item_id=_text(given["item_id"]),
        content_index=_typed(given["content_index"], int),
        role=Role(given["role"]),
        modality=Modality(given["modality"]),
        text=_text(given["text"]),
        status=TurnStatus(given["status"]),
        position=_typed(given["position"], int),
        heard_text=None if given["heard_text"] is None else _text(given["heard_text"]),
        heard_ms=_optional_ms(given["heard_ms"]),
        started_at=_time(given["started_at"]),
        completed_at=_time(given["completed_at"]),
        first_sound_ms=_optional_ms(given.get("first_sound_ms")),
    )


def _usage(line: Mapping[str, Any]) -> Usage:
    counts = dict(_object(line["usage"]))
    if counts["kind"] not in ("response", "transcription"):
        raise LineInvalid("usage")
    for name, value in counts.items():
        if name in ("source_id", "kind", "item_id"):
            _text(value)
        elif name == "is_estimated":
            _typed(value, bool)
        elif type(value) not in (int, float):
            raise LineInvalid("usage")
    if "written" in line:
        return TextUsage(**counts, text_in_written=_typed(line["written"], int))
    return Usage(**counts)


def _optional_ms(value: object) -> int | None:
    return None if value is None else _typed(value, int)


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    time = datetime.fromisoformat(_text(value))
    if time.tzinfo is None:
        raise LineInvalid("time")
    return time


def _object(value: object) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _typed(value, dict)
    return found


def _text(value: object) -> str:
    return _typed(value, str)


def _typed(value: object, kind: type[T]) -> T:
    # Not `isinstance`: a bool is an int.
    if type(value) is not kind:
        raise LineInvalid(kind.__name__)
    return value
