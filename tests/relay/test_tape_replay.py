"""A tape of a whole call is replayed without a network."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Turn, TurnStatus
from backend.relay.call import Call
from backend.relay.effects import HangUp, ToClient, ToUpstream
from backend.relay.tape import FileTape
from backend.relay.tape_replay import NotATape, printed, replay
from tests.relay.doubles import Client, HandClock, Provider, Record, settle
from tests.relay.equipment import (
    PAST,
    append,
    audio_delta,
    frame,
    item_event,
    plan,
    response_created,
    response_done,
    typed,
    updated,
    words,
)

pytestmark = pytest.mark.slow


@pytest.fixture
async def taped(tmp_path: Path) -> tuple[Path, Client, Provider, Record]:
    """A whole call, from connecting to leaving during a response, with a tape of it."""
    client, provider, record, clock = Client(), Provider(), Record(), HandClock()
    path = tmp_path / "call.jsonl"
    tape = FileTape(path, plan(*PAST), clock.now())
    call = Call(plan(*PAST), client, provider.connect, record, clock=clock, tape=tape)
    running = asyncio.create_task(call.run())
    script = [
        lambda: client.send_frame(append()),
        lambda: provider.send_frame(updated()),
        lambda: provider.send_frame(item_event("added", "item_past_user")),
        lambda: provider.send_frame(item_event("added", "item_past_reply")),
        lambda: client.send_frame(typed("Hi!", "item_me")),
        lambda: provider.send_frame(
            item_event(
                "added",
                "item_me",
                "item_past_reply",
                status="completed",
                content=[{"type": "input_text", "text": "Hi!"}],
            )
        ),
        lambda: client.send_frame("not json"),
        lambda: client.send_frame(b"\0"),
        lambda: client.send_frame(frame(type="session.update")),
        lambda: provider.send_frame(response_created()),
        lambda: provider.send_frame(item_event("added", "item_a", "item_me", "assistant")),
        lambda: provider.send_frame(words("item_a", "Good morning, ")),
        lambda: provider.send_frame(audio_delta("item_a")),
        lambda: provider.send_frame(response_done()),
        lambda: provider.send_frame(response_created("resp_2")),
        lambda: provider.send_frame(item_event("added", "item_b", "item_a", "assistant")),
        lambda: provider.send_frame(words("item_b", "And ", "resp_2")),
        client.leave,
    ]
    for step in script:
        step()
        await settle()
        await clock.turn(0.3)
    await running
    return path, client, provider, record


def newest(turns: list[Turn]) -> list[Turn]:
    """The last version of each turn, in spoken order."""
    by_key = {(turn.item_id, turn.content_index): turn for turn in turns}
    return sorted(by_key.values(), key=lambda turn: turn.position)


def without_times(turn: Turn) -> dict[str, object]:
    return {**turn._asdict(), "started_at": None, "completed_at": None}


async def test_a_replay_repeats_the_call(
    taped: tuple[Path, Client, Provider, Record],
) -> None:
    path, client, provider, record = taped
    replayed = replay(path.read_text(encoding="utf-8").splitlines())
    effects = [effect for _, effect in replayed.effects]
    to_client = [json.loads(e.text) for e in effects if isinstance(e, ToClient)]
    to_upstream = [json.loads(e.text) for e in effects if isinstance(e, ToUpstream)]
    assert to_client == client.events()
    assert to_upstream == [json.loads(text) for text in provider.received]
    ends = [effect for effect in effects if isinstance(effect, HangUp)]
    assert ends == [HangUp(Ending.CLIENT_LEFT)]
    assert [without_times(turn) for turn in replayed.turns()] == [
        without_times(turn) for turn in newest(record.turns)
    ]
    assert [turn.text.strip() for turn in replayed.turns()] == ["Hi!", "Good morning,", "And"]
    assert replayed.turns()[-1].status is TurnStatus.INTERRUPTED


def test_the_command_prints_the_same_lines_each_time(
    taped: tuple[Path, Client, Provider, Record],
) -> None:
    path = taped[0]
    first, second = (
        subprocess.run(
            [sys.executable, "-m", "backend.relay.tape_replay", str(path)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for _ in range(2)
    )
    assert first == second
    lines = [json.loads(line) for line in first.splitlines()]
    assert lines[0]["effect"] == "to_client"
    assert [line["turn"]["item_id"] for line in lines[-3:]] == ["item_me", "item_a", "item_b"]
    assert "characters)" in first


def test_a_tape_that_stops_early_ends_as_if_the_client_had_left() -> None:
    lines = [json.dumps({"at_ms": 5, "side": "client", "event": {"type": "response.cancel"}}), ""]
    assert replay(lines).effects == [(5, HangUp(Ending.CLIENT_LEFT))]


def test_an_empty_tape_has_no_effects() -> None:
    assert replay([]).effects == []


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[]",
        "x",
        "5",
        "[" * 100_000,
        '{"at_ms":"soon"}',
        '{"at_ms":Infinity}',
        '{"at_ms":-Infinity}',
        '{"at_ms":NaN}',
        '{"at_ms":1e300}',
        '{"at_ms":-1e300}',
        '{"at_ms":0,"side":"client","bytes":-1}',
        '{"at_ms":0,"side":"relay","ending":"unknown"}',
        '{"at_ms":0,"side":"relay","plan":{}}',
        '{"at_ms":0,"side":"relay","plan":{"past":[],"policy":"unknown"}}',
    ],
)
def test_a_file_that_is_no_tape_raises(line: str) -> None:
    with pytest.raises(NotATape, match="line 1"):
        replay([line])


def test_every_kind_of_effect_is_printed() -> None:
    fatal = {"type": "error", "error": {"code": "invalid_api_key"}}
    usage = {"total_tokens": 3, "input_tokens": 1, "output_tokens": 2}
    done = {"type": "response.done", "response": {"id": "r", "status": "completed", "usage": usage}}
    events = [{"type": "session.created", "session": {}}, {"type": "session.updated"}, done, fatal]
    tape = [json.dumps({"at_ms": 0, "side": "upstream", "event": event}) for event in events]
    names = {json.loads(line).get("effect") for line in printed(replay(tape))}
    assert {"to_client", "to_upstream", "count_usage", "log_event", "hang_up"} <= names


def test_a_tape_from_before_plans_had_a_session_replays_with_an_empty_one(
    taped: tuple[Path, Client, Provider, Record],
) -> None:
    first, *others = taped[0].read_text(encoding="utf-8").splitlines()
    line = json.loads(first)
    del line["plan"]["session"]
    detection = {"type": "server_vad", "threshold": 0.5, "silence_ms": 500, "prefix_ms": 300}
    line["plan"] |= {"instructions": "", "transcription_model": "", "turn_detection": detection}
    old, new = replay([json.dumps(line), *others]), replay([first, *others])
    updates = [
        json.loads(effect.text)["session"]
        for replayed in (old, new)
        for _, effect in replayed.effects
        if isinstance(effect, ToUpstream) and '"session.update"' in effect.text
    ]
    assert updates == [{}, plan().session]
    assert old.turns() == new.turns()
    assert len(old.effects) == len(new.effects)


def test_budgets_are_replayed() -> None:
    def line(at_ms: int, used: object, resets_at_ms: int | None = 60_000) -> str:
        budget = {"kind": "minutes", "limit": "10", "used": used, "resets_at_ms": resets_at_ms}
        return json.dumps({"at_ms": at_ms, "side": "relay", "budgets": [budget]})

    effects = [
        effect for _, effect in replay([line(100, "8"), line(200, "9"), line(300, "10")]).effects
    ]
    sent = [json.loads(effect.text) for effect in effects if isinstance(effect, ToClient)]
    assert [each.get("level", each.get("reason")) for each in sent] == [
        "warning",
        "spent",
        "budget_spent",
    ]
    for wrong in ("much", "1e9", "-1", "NaN", None):
        with pytest.raises(NotATape):
            replay([line(100, wrong)])
