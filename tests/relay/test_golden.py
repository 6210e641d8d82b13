"""Golden files: what the relay decides for every tape and for 200 generated calls, byte for byte.

They were written before the relay was split into call logic, client gate and call record, and prove
that a change of structure changes no frame, no turn, no usage and no ending. After an intended
change of behaviour, write them again and read the difference:

    python -m tests.relay.test_golden
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from backend.relay.effects import (
    CountUsage,
    Effect,
    HangUp,
    KeepTurn,
    LogEvent,
    ToClient,
    ToUpstream,
)
from backend.relay.tape import plan_content
from backend.relay.tape_replay import UNKNOWN_PLAN, replay
from backend.upstream.providers.interface import SessionSettings, TurnDetection
from backend.upstream.providers.openai import OpenAI
from tests import tapes
from tests.relay.conversations import tape_of

FOLDER = Path(__file__).resolve().parent / "golden"
GENERATED = FOLDER / "generated.txt"
SEEDS = range(200)

_LATER = frozenset({"first_sound_ms", "is_estimated"})

UPDATED = json.dumps(
    {"at_ms": 1, "side": "upstream", "event": {"type": "session.updated", "event_id": "event_u"}}
)


OPENAI_PLAN = json.dumps(
    {
        "at_ms": 0,
        "side": "relay",
        "plan": {
            **plan_content(UNKNOWN_PLAN),
            "session": OpenAI().session(SessionSettings("", "", "", TurnDetection())),
        },
    }
)
"""The tapes in `tests/tapes` have no plan, and so no session configuration of any provider."""


def decided(lines: Iterable[str]) -> str:
    """The effects of a tape, one JSON array a line: milliseconds, kind, content."""
    return "".join(f"{line}\n" for line in _lines(lines))


def _lines(lines: Iterable[str]) -> Iterator[str]:
    for at_ms, effect in replay(lines).effects:
        yield json.dumps([at_ms, *_content(effect)], ensure_ascii=False, default=str)


def _content(effect: Effect) -> tuple[str, Any]:
    match effect:
        case ToClient(text):
            return "to_client", _short(text)
        case ToUpstream(text):
            return "to_upstream", _short(text)
        case KeepTurn(turn):
            return "keep_turn", _without_later_fields(turn._asdict())
        case CountUsage(usage):
            content = _without_later_fields(asdict(usage))
            del content["item_id"]  # a later field too: `tests/protocol/test_usage.py`
            return "count_usage", content
        case LogEvent(event, code):
            return "log", [event, code]
        case HangUp(ending):
            return "hang_up", str(ending)
        case _:
            return "connection", type(effect).__name__


def _without_later_fields(content: dict[str, Any]) -> dict[str, Any]:
    """Without fields that the golden files never had: `is_estimated` where it is false, and
    `first_sound_ms`, which `test_first_sound` covers.
    """
    return {name: value for name, value in content.items() if name not in _LATER or value is True}


def _short(text: str) -> str:
    """The text itself, or for a frame with sound a digest of it, so that the files stay small."""
    return text if len(text) <= 1000 else f"sha256 {_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _tape_lines(name: str) -> list[str]:
    """The tape, with a plan and with the `session.updated` that a call needs to become ready."""
    text = (tapes.FOLDER / f"{name}.jsonl").read_text(encoding="utf-8")
    first, *others = text.splitlines()
    return [OPENAI_PLAN, first, UPDATED, *others]


def _of_a_seed(seed: int) -> str:
    effects = decided(tape_of(seed))
    kinds = Counter(json.loads(line)[1] for line in effects.splitlines())
    counts = " ".join(f"{kind}={count}" for kind, count in sorted(kinds.items()))
    return f"{seed} {_digest(effects)} {_ending_in(effects)} {counts}"


def _ending_in(effects: str) -> str:
    lines = map(json.loads, effects.splitlines())
    return str(next(content for _, kind, content in lines if kind == "hang_up"))


@pytest.mark.parametrize("name", tapes.NAMES)
def test_every_tape_leads_to_the_same_effects(name: str) -> None:
    golden = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8")
    assert decided(_tape_lines(name)) == golden


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(0, 200, 20))
def test_generated_calls_lead_to_the_same_effects(seed: int) -> None:
    golden = GENERATED.read_text(encoding="utf-8").splitlines()
    seeds = SEEDS[seed : seed + 20]
    assert [_of_a_seed(seed) for seed in seeds] == golden[seed : seed + 20]


def test_the_generated_calls_have_every_kind_of_effect_and_most_endings() -> None:
    rows = [row.split() for row in GENERATED.read_text(encoding="utf-8").splitlines()]
    kinds = {field.partition("=")[0] for row in rows for field in row[3:]}
    assert kinds == {"to_client", "to_upstream", "keep_turn", "count_usage", "log", "hang_up"}
    assert len({row[2] for row in rows}) >= 8


def write() -> None:
    """Write every golden file."""
    FOLDER.mkdir(exist_ok=True)
    for name in tapes.NAMES:
        (FOLDER / f"{name}.jsonl").write_text(decided(_tape_lines(name)), encoding="utf-8")
    GENERATED.write_text("".join(f"{_of_a_seed(seed)}\n" for seed in SEEDS), encoding="utf-8")


if __name__ == "__main__":
    write()
