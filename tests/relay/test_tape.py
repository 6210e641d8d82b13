"""Tapes: what is recorded, and who may read it."""

import json
import stat
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backend.protocol.budget_state import BudgetState
from backend.protocol.endings import Ending
from backend.relay.tape import FileTape, NoTape
from tests.relay.equipment import PAST, START, at, plan, typed


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_tape_begins_with_its_plan_and_has_each_frame_with_its_time(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    tape = FileTape(path, plan(*PAST), START)
    tape.record_frame("client", typed("こんにちは"), at(0.5))
    tape.record_frame("upstream", '{"type":"x"}', at(1.25))
    tape.record_ending(Ending.DRAINING, True, at(2))
    tape.close()
    first, from_client, from_upstream, ending = lines_of(path)
    assert (first["at_ms"], first["side"]) == (0, "relay")
    assert first["plan"]["past"][0]["text"] == "My name is Aoi."
    assert from_client == {"at_ms": 500, "side": "client", "event": json.loads(typed("こんにちは"))}
    assert "こんにちは" in path.read_text(encoding="utf-8")
    assert from_upstream == {"at_ms": 1250, "side": "upstream", "event": {"type": "x"}}
    assert ending == {"at_ms": 2000, "side": "relay", "ending": "draining", "waits": True}


@pytest.mark.parametrize(
    "frame", ["not json", '{"a":1,"a":2}', '{"a":NaN}', '{"a":1e999}', "[1]", "", "[" * 100_000]
)
def test_a_frame_that_is_no_plain_event_is_recorded_as_text(tmp_path: Path, frame: str) -> None:
    path = tmp_path / "call.jsonl"
    tape = FileTape(path, plan(), START)
    tape.record_frame("client", frame, at(1))
    tape.close()
    assert lines_of(path)[1] == {"at_ms": 1000, "side": "client", "text": frame}


def test_a_lone_surrogate_and_a_binary_frame_are_recorded(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    tape = FileTape(path, plan(), START)
    tape.record_frame("client", '{"x":"\\ud800"}', at(1))
    tape.record_frame("client", b"\0\1\2", at(1))
    tape.close()
    assert lines_of(path)[1]["event"] == {"x": "\ud800"}
    assert lines_of(path)[2]["bytes"] == 3


def test_only_the_owner_can_read_a_tape_and_none_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    FileTape(path, plan(), START).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        FileTape(path, plan(), START)


def test_a_closed_tape_records_no_more_and_does_not_raise(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    tape = FileTape(path, plan(), START)
    tape.close()
    tape.close()
    tape.record_frame("client", typed(), at(1))
    assert len(lines_of(path)) == 1


def test_budgets_are_recorded_from_the_first_to_the_last(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    tape = FileTape(path, plan(), START)
    tiny = BudgetState("money", Decimal(1), Decimal("0.0000000001"), at(60))
    never = BudgetState("minutes", Decimal(0), Decimal(0), None)
    for states in ([], [tiny, never], [], []):
        tape.record_budgets(states, at(1))
    tape.close()
    assert [line["budgets"] for line in lines_of(path)[1:]] == [
        [
            {"kind": "money", "limit": "1", "used": "0.0000000001", "resets_at_ms": 60_000},
            {"kind": "minutes", "limit": "0", "used": "0", "resets_at_ms": None},
        ],
        [],
    ]


def test_no_tape_does_nothing() -> None:
    tape = NoTape()
    tape.record_frame("client", typed(), at(1))
    tape.record_ending(Ending.IDLE, False, at(1))
    tape.record_budgets([], at(1))
    tape.close()
