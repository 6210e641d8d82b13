"""A call with several connections to the provider, between doubles: sockets, tasks and tapes."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backend.protocol.endings import Ending
from backend.protocol.errors import (
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamUnavailable,
)
from backend.protocol.transcript.turns import TurnStatus
from backend.relay.call import Call
from backend.relay.effects import SwitchUpstream, ToUpstream
from backend.relay.limits import Limits
from backend.relay.tape import FileTape
from backend.relay.tape_replay import replay
from backend.telemetry.counters import ProcessCounters
from tests.relay.doubles import Client, HandClock, Provider, Record, settle, until
from tests.relay.equipment import (
    append,
    at,
    audio_delta,
    frame,
    item_event,
    plan,
    response_created,
    session,
    typed,
    updated,
    words,
)

LIMITS = Limits(drain_upstream_s=0.05, last_frames_s=0.05, close_s=0.05, idle_s=1e9)


class BreakingProvider(Provider):
    """A provider whose connection breaks when something is sent to it while `is_broken`."""

    def __init__(self) -> None:
        super().__init__()
        self.is_broken = False
        self.lost: list[str] = []

    async def send(self, text: str) -> None:
        if self.is_broken:
            self.lost.append(text)
            raise UpstreamFailed("connection_lost")
        await super().send(text)


class Scene:
    """A call whose provider accepts one connection after the other, in the order of `providers`."""

    def __init__(self, tape: Path) -> None:
        self.client = Client()
        self.providers = [BreakingProvider() for _ in range(4)]
        self.connected = 0
        self.record = Record()
        self.clock = HandClock()
        self.counters = ProcessCounters()
        self.tape = tape
        made = plan(limits=LIMITS, history_tokens=12_000)
        self.call = Call(
            made,
            self.client,
            self.connect,
            self.record,
            clock=self.clock,
            tape=FileTape(tape, made, self.clock.now()),
            counters=self.counters,
            chance=lambda: 0.5,
        )
        self.running: asyncio.Task[Ending] | None = None

    async def connect(self) -> Provider:
        provider = self.providers[self.connected]
        self.connected += 1
        expires_at = at(self.clock.seconds + 60).timestamp()
        provider.created_text = frame(
            type="session.created", event_id="e", session=session(expires_at=expires_at)
        )
        return await provider.connect()

    async def until_ready(self) -> BreakingProvider:
        self.running = asyncio.create_task(self.call.run())
        await self.configured(0)
        await until(lambda: "relay.ready" in self.client.types())
        return self.providers[0]

    async def configured(self, number: int) -> BreakingProvider:
        provider = self.providers[number]
        await until(lambda: provider.types() == ["session.update"])
        provider.send_frame(updated())
        return provider

    async def ended(self) -> Ending:
        assert self.running is not None
        async with asyncio.timeout(5):
            return await self.running

    def relay_events(self) -> list[tuple[str, str, str]]:
        return [
            (event["type"], event["reason"], event.get("result", ""))
            for event in self.client.events()
            if event["type"] in ("relay.rotating", "relay.rotated")
        ]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """After every test: no task is left, no socket is open, and the tape leads to the same end."""
    scene = Scene(tmp_path / "tape.jsonl")
    yield scene
    assert scene.running is not None
    assert scene.running.done()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not any(provider.is_open for provider in scene.providers)
    assert len(scene.record.endings) == 1
    replayed = replay(scene.tape.read_text(encoding="utf-8").splitlines(), LIMITS)
    sent = [effect.text for _, effect in replayed.effects if isinstance(effect, ToUpstream)]
    received = [text for provider in scene.providers for text in provider.received]
    lost = [text for provider in scene.providers for text in provider.lost]
    assert sorted(map(compact, clients(sent))) == sorted(map(compact, clients(received + lost)))
    newest = {(turn.item_id, turn.content_index): turn for turn in scene.record.turns}
    assert [turn.text for turn in replayed.turns()] == [
        turn.text for turn in sorted(newest.values(), key=lambda turn: turn.position)
    ]
    switches = [effect for _, effect in replayed.effects if isinstance(effect, SwitchUpstream)]
    assert len(switches) == scene.relay_events().count(
        ("relay.rotated", "cap", "renewed")
    ) + scene.relay_events().count(("relay.rotated", "provider_lost", "renewed"))


def clients(texts: list[str]) -> list[str]:
    """Those that a client sent."""
    return [text for text in texts if not json.loads(text).get("event_id", "").startswith("relay_")]


def compact(text: str) -> str:
    """As a tape writes it."""
    return json.dumps(json.loads(text), separators=(",", ":"))


async def say_hello(scene: Scene, provider: Provider) -> None:
    added = item_event("added", "item_u", content=[{"type": "input_text", "text": "Hello?"}])
    scene.client.send_frame(typed("Hello?", "item_u"))
    await until(lambda: "conversation.item.create" in provider.types())
    provider.send_frame(added)
    await until(lambda: scene.client.types()[-1] == "conversation.item.added")


async def test_the_call_moves_to_the_next_connection_and_closes_the_first(scene: Scene) -> None:
    first = await scene.until_ready()
    await say_hello(scene, first)
    await scene.clock.turn(30)
    second = await scene.configured(1)
    await scene.clock.turn(1)
    await until(lambda: "conversation.item.create" in second.types())
    spoken = [append(sample=bytes([number, 0])) for number in range(20)]
    for text in spoken[:10]:
        scene.client.send_frame(text)
    await until(lambda: scene.client.unread.empty())
    second.send_frame(item_event("added", "item_u"))
    await until(lambda: "relay.rotated" in scene.client.types())
    for text in spoken[10:]:
        scene.client.send_frame(text)
    await until(lambda: second.received[-20:] == spoken)
    await until(lambda: first.was_closed)
    assert not [text for text in spoken if text in first.received]
    assert scene.relay_events() == [
        ("relay.rotating", "cap", ""),
        ("relay.rotated", "cap", "renewed"),
    ]
    first.send_frame(audio_delta("item_old"))
    answer = audio_delta("item_new")
    second.send_frame(answer)
    await until(lambda: scene.client.received[-1] == answer)
    scene.client.leave()
    assert await scene.ended() is Ending.CLIENT_LEFT


async def test_frames_that_the_first_connection_has_not_taken_go_to_the_next(scene: Scene) -> None:
    first = await scene.until_ready()
    await scene.clock.turn(30)
    await scene.configured(1)
    first.may_read.clear()
    spoken = append()
    scene.client.send_frame(spoken)
    # The pump waits with this frame; the one before it is being sent.
    await until(lambda: scene.client.unread.empty())
    await scene.clock.turn(1)
    await until(lambda: scene.connected == 2 and len(scene.relay_events()) == 2)
    first.may_read.set()
    await until(lambda: spoken in first.received + scene.providers[1].received)
    scene.client.leave()
    assert await scene.ended() is Ending.CLIENT_LEFT


async def test_a_lost_connection_in_mid_answer_is_replaced_within_the_call(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    first = await scene.until_ready()
    first.send_frame(response_created())
    first.send_frame(item_event("added", "item_a", None, "assistant"))
    first.send_frame(words("item_a", "Good morning, "))
    first.send_frame(audio_delta("item_a", 60_000))
    await until(lambda: scene.client.types()[-1] == "response.output_audio.delta")
    first.fail(UpstreamFailed("connection_lost", status=1006))
    await until(lambda: first.was_closed)
    spoken = append()
    scene.client.send_frame(spoken)
    await settle()
    await scene.clock.turn(0.2)
    second = await scene.configured(1)
    await until(lambda: spoken in second.received)
    assert scene.relay_events() == [
        ("relay.rotating", "provider_lost", ""),
        ("relay.rotated", "provider_lost", "renewed"),
    ]
    assert "relay.error" not in scene.client.types()
    assert scene.client.types().count("relay.ready") == 1
    (last,) = {turn.item_id: turn for turn in scene.record.turns}.values()
    assert (last.text.strip(), last.status) == ("Good morning,", TurnStatus.INTERRUPTED)
    assert scene.counters.upstream_errors == {"provider_failed": 1}
    assert scene.counters.rotations == {"provider_lost_renewed": 1}
    assert "Good morning" not in caplog.text
    scene.client.leave()
    assert await scene.ended() is Ending.CLIENT_LEFT


async def test_a_lost_connection_ends_the_rest(scene: Scene) -> None:
    first = await scene.until_ready()
    await scene.clock.turn(3)
    first.fail(UpstreamFailed("connection_lost", status=1006))
    await until(lambda: len(scene.relay_events()) == 1)
    await scene.clock.turn(1)
    assert scene.connected == 2
    # The next one does not answer the configuration.
    await scene.clock.turn(LIMITS.ready_within_s + 1)
    assert scene.counters.rotations == {"provider_lost_failed": 1}
    scene.client.leave()
    await scene.ended()


async def test_a_connection_that_is_lost_while_sending_is_replaced(scene: Scene) -> None:
    first = await scene.until_ready()
    first.is_broken = True
    scene.client.send_frame(append())
    await until(lambda: len(scene.relay_events()) == 1)
    scene.client.send_frame(typed("Still there?"))
    await settle()
    await scene.clock.turn(0.2)
    second = await scene.configured(1)
    await until(lambda: second.types()[-1] == "conversation.item.create")
    scene.client.leave()
    await scene.ended()


async def test_a_provider_that_stops_reading_is_replaced(scene: Scene) -> None:
    first = await scene.until_ready()
    first.may_read.clear()
    scene.client.send_frame(append())
    await until(lambda: scene.client.unread.empty())
    await scene.clock.turn(11)
    await until(lambda: scene.connected == 2)
    await scene.configured(1)
    await until(lambda: len(scene.relay_events()) == 2)
    first.may_read.set()
    scene.client.leave()
    await scene.ended()


async def test_a_next_connection_that_breaks_is_opened_again_and_nobody_notices(
    scene: Scene,
) -> None:
    await scene.until_ready()
    await scene.clock.turn(30)
    second = await scene.configured(1)
    second.fail()
    await until(lambda: second.was_closed)
    await settle()
    await scene.clock.turn(1)
    third = await scene.configured(2)
    await scene.clock.turn(1)
    await until(lambda: len(scene.relay_events()) == 2)
    spoken = append()
    scene.client.send_frame(spoken)
    await until(lambda: spoken in third.received)
    assert scene.counters.rotations == {"cap_failed": 1, "cap_renewed": 1}
    scene.client.leave()
    assert await scene.ended() is Ending.CLIENT_LEFT


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (UpstreamUnavailable("unreachable"), 3),
        (UpstreamRefused("invalid_api_key", status=401), 1),
    ],
)
async def test_a_provider_that_stays_away_ends_the_call(
    scene: Scene, error: UpstreamError, attempts: int
) -> None:
    first = await scene.until_ready()
    for provider in scene.providers[1:]:
        provider.refusal = error
    first.fail()
    await until(lambda: len(scene.relay_events()) == 1)
    await settle()
    await scene.clock.turn(5)
    assert await scene.ended() is error.ending
    assert scene.client.types()[-2:] == ["relay.error", "relay.closing"]
    assert scene.connected == 1 + attempts


@pytest.mark.parametrize("moment", ["opening", "configuring", "standby", "replaying"])
async def test_a_call_that_ends_meanwhile_leaves_no_connection(scene: Scene, moment: str) -> None:
    first = await scene.until_ready()
    await say_hello(scene, first)
    if moment == "opening":
        scene.providers[1].may_connect.clear()
    await scene.clock.turn(30)
    if moment in ("standby", "replaying"):
        await scene.configured(1)
    if moment == "replaying":
        await scene.clock.turn(1)
        await until(lambda: len(scene.relay_events()) == 1)
    scene.client.leave()
    assert await scene.ended() is Ending.CLIENT_LEFT
    assert scene.providers[1].was_closed == (moment != "opening")


async def test_a_tape_names_connections_steps_and_losses(scene: Scene) -> None:
    await scene.until_ready()
    await scene.clock.turn(30)
    second = await scene.configured(1)
    await scene.clock.turn(1)
    await until(lambda: len(scene.relay_events()) == 2)
    second.fail()
    await settle()
    await scene.clock.turn(0.2)
    await scene.configured(2)
    await until(lambda: len(scene.relay_events()) == 4)
    scene.client.leave()
    await scene.ended()
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in scene.tape.read_text(encoding="utf-8").splitlines()
    ]
    assert [line["step"] for line in lines if "step" in line] == ["open", "replay"]
    assert [line["event"]["type"] for line in lines if line["side"] == "next"] == [
        "session.created",
        "session.updated",
        "session.created",
        "session.updated",
    ]
    (loss,) = [line for line in lines if "lost" in line]
    assert (loss["lost"], loss["ending"]) == ("upstream", "provider_unavailable")
