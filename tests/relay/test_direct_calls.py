"""Calls whose frames go without a pump where nothing is on its way, against calls with pumps."""

import asyncio
import gc
import json
import random
import weakref
from dataclasses import dataclass
from typing import Any

import pytest

from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamUnavailable
from backend.protocol.transcript.turns import Turn
from backend.protocol.usage import Usage
from backend.relay.call import Call
from backend.relay.limits import Limits
from backend.telemetry.counters import ProcessCounters
from backend.telemetry.log_context import CALL_ID
from tests.relay.conversations import tape_of
from tests.relay.doubles import (
    Client,
    DirectClient,
    DirectProvider,
    HandClock,
    Provider,
    Record,
    settle,
    until,
)
from tests.relay.equipment import (
    append,
    at,
    audio_delta,
    frame,
    item_event,
    plan,
    response_created,
    session,
    updated,
)

LIMITS = Limits(drain_upstream_s=0.01, last_frames_s=0.01, close_s=0.01)


@dataclass(frozen=True)
class Outcome:
    """All that a call did, as both sides and the recorder saw it."""

    to_client: list[str]
    to_provider: list[str]
    turns: list[Turn]
    usages: list[Usage]
    endings: list[Ending]
    closed: tuple[int, str] | None
    counted: dict[str, Any]


class Scene:
    """One call, direct or not, and the way to drive it."""

    def __init__(self, *, is_direct: bool) -> None:
        self.client = DirectClient() if is_direct else Client()
        self.provider = DirectProvider() if is_direct else Provider()
        self.record, self.clock, self.counters = Record(), HandClock(), ProcessCounters()
        self.call = Call(
            plan(limits=LIMITS),
            self.client,
            self.provider.connect,
            self.record,
            clock=self.clock,
            counters=self.counters,
        )
        self.running = asyncio.create_task(self.call.run())

    async def until_ready(self) -> None:
        await until(lambda: self.provider.types() == ["session.update"])
        self.provider.send_frame(updated())
        await until(lambda: "relay.ready" in self.client.types())
        await settle()

    async def outcome(self) -> Outcome:
        """End the call if it runs, and return what it did."""
        self.client.may_read.set()
        self.provider.may_read.set()
        await settle()
        self.client.leave()
        async with asyncio.timeout(5):
            await self.running
        counted = {
            name: getattr(self.counters, name)
            for name in ProcessCounters.__slots__
            if name not in ("relay_latency", "first_sound", "_costs_lock")
        }
        return Outcome(
            self.client.received,
            self.provider.received,
            self.record.turns,
            self.record.usages,
            self.record.endings,
            self.client.closed,
            counted,
        )


def frames_of(seed: int) -> list[tuple[str, str | bytes]]:
    """The frames of a generated call (`conversations`), after its `session.created`."""
    lines = [json.loads(line) for line in tape_of(seed)]
    frames = []
    for line in lines:
        if line["side"] == "relay":
            continue
        content = json.dumps(line["event"]) if "event" in line else line.get("text")
        frames.append((line["side"], bytes(line["bytes"]) if content is None else content))
    return frames[1:]


async def driven(scene: Scene, seed: int) -> Outcome:
    """Send a generated call in bursts of one side, while now and then a side does not read."""
    chance = random.Random(seed)
    await settle()
    burst, before = 0, ""
    for side, content in frames_of(seed):
        if side != before or burst == 0:
            await disturb(scene, chance)
            burst = chance.randrange(1, 5)
        before, burst = side, burst - 1
        if side == "client":
            scene.client.send_frame(content)
        elif isinstance(content, str):
            scene.provider.send_frame(content)
    await settle()
    if chance.random() < 0.3:
        scene.provider.fail(UpstreamUnavailable("connection_ended"))
    elif chance.random() < 0.3:
        scene.call.hang_up(chance.choice((Ending.DRAINING, Ending.TAKEN_OVER)))
    return await scene.outcome()


async def disturb(scene: Scene, chance: random.Random) -> None:
    """Let everything be handled; then perhaps a side stops or begins to read, and time passes."""
    await settle()
    for each in (scene.client, scene.provider):
        if chance.random() < 0.1:
            each.may_read.clear()
        elif chance.random() < 0.5:
            each.may_read.set()
            await settle()
    if chance.random() < 0.3:
        await scene.clock.turn(chance.choice((0.1, 0.6, 2.0)))


@pytest.mark.parametrize("seed", range(60))
async def test_a_direct_call_does_what_one_with_pumps_does(seed: int) -> None:
    direct = Scene(is_direct=True)
    assert await driven(direct, seed) == await driven(Scene(is_direct=False), seed)


async def test_most_frames_of_the_generated_calls_go_the_direct_way() -> None:
    direct = Scene(is_direct=True)
    await driven(direct, 0)
    taken = [each.taken for each in (direct.client, direct.provider) if hasattr(each, "taken")]
    assert min(map(len, taken)) > 5


@pytest.mark.parametrize("seed", range(40))
async def test_no_frame_is_lost_repeated_or_overtaken(seed: int) -> None:
    """Both sides send at any moment, and read now and then."""
    chance = random.Random(seed)
    scene = Scene(is_direct=True)
    await scene.until_ready()
    spoken, heard = [], []
    for number in range(300):
        if chance.random() < 0.5:
            spoken.append(append(number % 50 + 1).replace("{", f'{{"event_id":"c{number}",', 1))
            scene.client.send_frame(spoken[-1])
        else:
            heard.append(frame(type="unknown.event", number=number))
            scene.provider.send_frame(heard[-1])
        for each in (scene.client, scene.provider):
            if chance.random() < 0.05:
                each.may_read.clear()
            elif chance.random() < 0.2:
                each.may_read.set()
        if chance.random() < 0.05:
            scene.call.update_budgets([])
        for _ in range(chance.choice((0, 0, 0, 1, 2, 3, 10))):
            await asyncio.sleep(0)
    outcome = await scene.outcome()
    assert [text for text in outcome.to_client if "unknown.event" in text] == heard
    assert outcome.to_provider[1:] == spoken


async def test_a_side_that_does_not_read_takes_one_frame_more_at_most() -> None:
    scene = Scene(is_direct=True)
    await scene.until_ready()
    scene.client.may_read.clear()
    for _ in range(20):
        scene.provider.send_frame(audio_delta("item_a"))
        await settle()
    # One is with the pump, which waits; the others are still the provider's.
    assert scene.provider.unread.qsize() == 19
    scene.client.send_frame(append())
    await settle()
    assert scene.provider.received[-1] == append()
    outcome = await scene.outcome()
    assert sum("output_audio.delta" in text for text in outcome.to_client) == 20


async def test_what_a_side_sends_that_does_not_read_goes_through_its_pump() -> None:
    """The task that sends what the clock decided would otherwise wait for the answer to it."""
    scene = Scene(is_direct=True)
    await scene.until_ready()
    for side in (scene.client, scene.provider):
        assert isinstance(side, DirectClient | DirectProvider)
        side.taken.clear()
        side.may_read.clear()
        side.send_frame(frame(type="relay.ping"))
        await settle()
        assert side.taken == []
        side.may_read.set()
        await settle()
    await scene.outcome()


async def test_the_next_connection_is_sent_its_replay_before_the_clock_ticks() -> None:
    """A frame of one connection may decide what is sent on another, which takes none right now."""
    clock, client, record = HandClock(), DirectClient(), Record()
    providers = [DirectProvider(), DirectProvider()]
    for provider in providers:
        lives_s = at(60).timestamp()
        provider.created_text = frame(
            type="session.created", session=session(expires_at=lives_s), event_id="e"
        )
    first, second = providers
    connecting = iter(providers)
    made = plan(limits=LIMITS, history_tokens=12_000)
    call = Call(made, client, lambda: next(connecting).connect(), record, clock=clock)
    running = asyncio.create_task(call.run())
    await until(lambda: first.types() == ["session.update"])
    first.send_frame(updated())
    await until(lambda: "relay.ready" in client.types())
    first.send_frame(item_event("added", "item_u", None, content=[
        {"type": "input_text", "text": "Hello"},
    ]))  # fmt: skip
    # No turn boundary: the next connection stands by.
    first.send_frame(response_created())
    await settle()
    await clock.turn(31)
    await until(lambda: second.types() == ["session.update"])
    second.send_frame(updated())
    await settle()
    second.may_read.clear()
    first.send_frame(frame(type="error", event_id="e9", error={
        "type": "server_error", "code": "session_expired", "message": "x",
    }))  # fmt: skip
    await settle()
    second.may_read.set()
    await settle()
    assert second.types() == ["session.update", "conversation.item.create"]
    client.leave()
    await running


async def test_a_side_that_stops_reading_in_mid_frame_gets_the_rest_from_a_task() -> None:
    scene = Scene(is_direct=True)
    await scene.until_ready()
    assert isinstance(scene.client, DirectClient)
    client, send_now = scene.client, scene.client.send_now

    def send_and_be_full(text: str) -> None:
        send_now(text)
        client.may_read.clear()

    client.send_now = send_and_be_full  # type: ignore[method-assign]
    scene.provider.send_frame(audio_delta("item_a"))
    scene.call.update_budgets([])
    scene.provider.send_frame(audio_delta("item_a"))
    await settle()
    assert sum("output_audio.delta" in text for text in scene.client.received) == 1
    outcome = await scene.outcome()
    assert sum("output_audio.delta" in text for text in outcome.to_client) == 2


async def test_an_exception_ends_the_call_and_the_frame_is_not_handled_again() -> None:
    scene = Scene(is_direct=True)
    await scene.until_ready()
    scene.record.fails = True
    scene.provider.send_frame(frame(type="conversation.item.done", item={
        "id": "item_a", "type": "message", "role": "user", "status": "completed",
        "content": [{"type": "input_text", "text": "Hello"}],
    }))  # fmt: skip
    scene.record.fails = False
    await asyncio.wait_for(scene.running, 5)
    assert scene.record.endings == [Ending.INTERNAL]
    assert scene.client.types()[-1] == "relay.closing"
    await scene.outcome()


async def test_a_frame_is_handled_in_the_calls_context() -> None:
    seen: list[str | None] = []
    scene = Scene(is_direct=True)
    await scene.until_ready()
    scene.record.keep = lambda turn: seen.append(CALL_ID.get())  # type: ignore[method-assign]
    scene.provider.send_frame(frame(type="conversation.item.done", item={
        "id": "item_a", "type": "message", "role": "user", "status": "completed",
        "content": [{"type": "input_text", "text": "Hello"}],
    }))  # fmt: skip
    assert seen == [plan().call_id]
    assert CALL_ID.get() != plan().call_id
    await scene.outcome()


@pytest.mark.parametrize("is_direct", [True, False])
async def test_a_call_that_is_over_is_freed_without_a_garbage_collection(is_direct: bool) -> None:
    """A full collection stops all threads, and so every voice."""
    gc.collect()
    gc.disable()
    try:
        scene = Scene(is_direct=is_direct)
        await scene.until_ready()
        scene.provider.send_frame(audio_delta("item_a"))
        scene.client.send_frame(append())
        await scene.outcome()
        call = weakref.ref(scene.call)
        del scene
        await settle()
        assert call() is None
    finally:
        gc.enable()
