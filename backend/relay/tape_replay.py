"""Replay a tape without a network: `CallLogic` decides again what it decided in the call.

    python -m backend.relay.tape_replay TAPE

Prints each effect as a JSON line, with the milliseconds since the call began, and at the end the
turns in spoken order. Of long strings (audio) only the length is printed. The only clock is the
tape's, so the same tape always prints the same lines.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import structs

from backend.protocol.budget_state import BudgetState
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Role, Turn
from backend.relay.call_logic import CallLogic, State
from backend.relay.client_policy import PAGE_POLICY, POLICIES
from backend.relay.effects import (
    CountUsage,
    DropNext,
    DropUpstream,
    Effect,
    HangUp,
    KeepTurn,
    LogEvent,
    OpenNext,
    SwitchUpstream,
    ToClient,
    ToNext,
    ToUpstream,
)
from backend.relay.limits import DEFAULT_LIMITS, Limits
from backend.relay.plan import CallPlan, PastItem
from backend.relay.rotation import Step

LONGEST_STRING = 200
MAX_AT_MS = 24 * 60 * 60 * 1000
"""A day: a later line would be replayed as endless ticks."""

_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,40})?", re.ASCII)
_START = datetime(2000, 1, 1, tzinfo=UTC)

UNKNOWN_PLAN = CallPlan(
    call_id="",
    session_id="",
    language="en",
    model="",
    voice="",
    session={},
)
"""For tapes without a plan."""


class NotATape(Exception):
    """The file is not a tape; the text says which line is wrong."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a tape: a frame from `side`, an ending from outside, or (the first) the plan.
    Or the user's budgets.

    Or a step of the rotation; or a connection, `lost`, that ended so, with the error's `code`.
    """

    at_ms: int
    side: str
    frame: str | bytes
    ending: Ending | None
    waits: bool
    plan: CallPlan
    step: Step | None
    lost: str
    code: str
    retry_after_s: float | None
    budgets: tuple[BudgetState, ...] | None


@dataclass(slots=True)
class Replayed:
    """The effects of a tape in order, and the last version of each turn."""

    effects: list[tuple[int, Effect]] = field(default_factory=list)
    _turns: dict[tuple[str, int], Turn] = field(default_factory=dict)

    def add(self, at_ms: int, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self.effects.append((at_ms, effect))
            if isinstance(effect, KeepTurn):
                self._turns[effect.turn.item_id, effect.turn.content_index] = effect.turn

    def turns(self) -> list[Turn]:
        """The turns in spoken order, as they would be kept."""
        return sorted(self._turns.values(), key=lambda turn: turn.position)


def replay(lines: Iterable[str], limits: Limits = DEFAULT_LIMITS) -> Replayed:
    """Feed a tape to a new `CallLogic`. Raises NotATape.

    A tape that stops in the middle of a call ends it as if the client had left then.
    """
    replayed = Replayed()
    call_logic: CallLogic | None = None
    tick_ms = round(limits.tick_s * 1000)
    next_tick_ms = tick_ms
    at_ms = 0
    for line in _lines(lines, limits):
        at_ms = line.at_ms
        if call_logic is None:
            call_logic = CallLogic(line.plan, _START)
        while next_tick_ms <= at_ms:
            replayed.add(next_tick_ms, call_logic.tick(_at(next_tick_ms)))
            next_tick_ms += tick_ms
        effects = _feed(call_logic, line)
        replayed.add(at_ms, effects)
        if any(isinstance(effect, HangUp) for effect in effects):
            replayed.add(at_ms, call_logic.cancel_response())
    if call_logic is not None:
        replayed.add(at_ms, call_logic.hang_up(Ending.CLIENT_LEFT, _at(at_ms)))
    return replayed


def _lines(lines: Iterable[str], limits: Limits) -> Iterator[_Line]:
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            yield _parse(json.loads(text), limits)
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
            raise NotATape(f"line {number} is not a line of a tape") from error


def _parse(line: Mapping[str, Any], limits: Limits) -> _Line:
    """Raises ValueError, LookupError, TypeError or OverflowError for what no tape contains."""
    # `int` raises OverflowError for Infinity and ValueError for NaN: Python's JSON allows both.
    at_ms = int(line["at_ms"])
    if abs(at_ms) > MAX_AT_MS:
        raise ValueError("before or after any call")
    return _Line(
        at_ms=at_ms,
        side=line.get("side", ""),
        frame=_frame(line),
        ending=Ending(line["ending"]) if "ending" in line else None,
        waits=bool(line.get("waits")),
        plan=_plan(line.get("plan"), limits),
        step=Step(line["step"]) if "step" in line else None,
        lost=str(line.get("lost", "")),
        code=str(line.get("code", "")),
        retry_after_s=_seconds(line.get("retry_after_s")),
        budgets=_budgets(line["budgets"]) if "budgets" in line else None,
    )


def _budgets(recorded: Iterable[Mapping[str, Any]]) -> tuple[BudgetState, ...]:
    return tuple(
        BudgetState(
            kind="money" if line["kind"] == "money" else "minutes",
            limit=_amount(line["limit"]),
            used=_amount(line["used"]),
            resets_at=None if line["resets_at_ms"] is None else _at(int(line["resets_at_ms"])),
        )
        for line in recorded
    )


def _amount(recorded: Any) -> Decimal:
    amount = Decimal(str(recorded)) if _AMOUNT.fullmatch(str(recorded)) else None
    if amount is None:
        raise ValueError("not an amount")
    return amount


def _seconds(recorded: Any) -> float | None:
    return None if recorded is None else float(recorded)


def _feed(call_logic: CallLogic, line: _Line) -> list[Effect]:
    at = _at(line.at_ms)
    if line.side == "client":
        return call_logic.from_client(line.frame, at)
    if line.side == "upstream":
        text = line.frame if isinstance(line.frame, str) else ""
        if call_logic.state is State.CONNECTING:
            return call_logic.open(text, at)
        return call_logic.from_upstream(text, at)
    if line.side == "next":
        text = line.frame if isinstance(line.frame, str) else ""
        decide_next = call_logic.open_next if call_logic.is_opening_next else call_logic.from_next
        return decide_next(text, at)
    if line.budgets is not None:
        return call_logic.update_budgets(line.budgets, at)
    if line.step is not None:
        return call_logic.take_step(line.step, at)
    if line.lost and line.ending is not None:
        if line.lost == "upstream":
            return call_logic.lose_upstream(line.ending, at)
        return call_logic.fail_next(line.ending, line.code, at, line.retry_after_s)
    if line.ending is not None:
        decide = call_logic.leave if line.waits else call_logic.hang_up
        return decide(line.ending, at)
    return []


def _frame(line: Mapping[str, Any]) -> str | bytes:
    if "bytes" in line:
        return bytes(line["bytes"])
    if "text" in line:
        return str(line["text"])
    return json.dumps(line.get("event"), separators=(",", ":"))


def _plan(recorded: Any, limits: Limits) -> CallPlan:
    if not isinstance(recorded, dict):
        return replace(UNKNOWN_PLAN, limits=limits)
    past = tuple(
        PastItem(item["item_id"], Role(item["role"]), item["text"]) for item in recorded["past"]
    )
    policy = POLICIES[recorded.get("policy", PAGE_POLICY.name)]
    # An older tape has other fields, and no `session`: its session is configured with nothing.
    known = {field.name for field in fields(CallPlan)}
    given = {name: value for name, value in recorded.items() if name in known}
    return replace(UNKNOWN_PLAN, **{**given, "past": past, "policy": policy, "limits": limits})


def _at(at_ms: int) -> datetime:
    return _START + timedelta(milliseconds=at_ms)


_PRINTED: Mapping[type[Effect], tuple[str, Callable[[Any], dict[str, Any]]]] = {
    ToClient: ("to_client", lambda effect: {"event": json.loads(effect.text)}),
    ToUpstream: ("to_upstream", lambda effect: {"event": json.loads(effect.text)}),
    OpenNext: ("open_next", structs.asdict),
    ToNext: ("to_next", lambda effect: {"event": json.loads(effect.text)}),
    DropNext: ("drop_next", structs.asdict),
    SwitchUpstream: ("switch_upstream", structs.asdict),
    DropUpstream: ("drop_upstream", structs.asdict),
    KeepTurn: ("keep_turn", lambda effect: {"turn": effect.turn._asdict()}),
    CountUsage: ("count_usage", lambda effect: {"usage": asdict(effect.usage)}),
    LogEvent: ("log_event", structs.asdict),
    HangUp: ("hang_up", structs.asdict),
}


def printed(replayed: Replayed) -> Iterator[str]:
    """The lines to print."""
    for at_ms, effect in replayed.effects:
        name, content = _PRINTED[type(effect)]
        yield _line({"at_ms": at_ms, "effect": name, **content(effect)})
    for turn in replayed.turns():
        yield _line({"turn": turn._asdict()})


def _line(content: dict[str, Any]) -> str:
    return json.dumps(_short(content), ensure_ascii=False, default=str)


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _short(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_short(inner) for inner in value]
    if isinstance(value, str) and len(value) > LONGEST_STRING:
        return f"{value[:20]}… ({len(value)} characters)"
    return value


def main() -> None:
    """Replay the file that the command line names."""
    parser = argparse.ArgumentParser(description="Replay a tape of a call, without a network.")
    parser.add_argument("tape", type=Path, help="a .jsonl file written under TAPE_DIR")
    path: Path = parser.parse_args().tape
    try:
        with path.open(encoding="utf-8") as lines:
            replayed = replay(lines)
    except (OSError, UnicodeDecodeError, NotATape) as error:
        sys.exit(f"{path}: {error}")
    for line in printed(replayed):
        print(line)


if __name__ == "__main__":
    main()
