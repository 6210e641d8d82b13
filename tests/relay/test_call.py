"""One live call between doubles: what is passed on, held back, cleaned up and sent last."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from backend.protocol.endings import Ending
from backend.protocol.errors import (
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from backend.protocol.transcript.turns import TurnStatus
from backend.relay.call import REST_S, UNTIMED_FRAMES, Call, SteadyClock
from backend.relay.call_logic import State
from backend.relay.limits import Limits
from backend.telemetry.counters import ProcessCounters
from backend.telemetry.log_context import CALL_ID, with_ids
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


class Scene:
    """A call with doubles of both sides."""

    def __init__(self, drain_upstream_s: float = 0.05, last_frames_s: float = 0.05) -> None:
        limits = Limits(
            drain_upstream_s=drain_upstream_s, last_frames_s=last_frames_s, close_s=0.05
        )
        self.client = Client()
        self.provider = Provider()
        self.record = Record()
        self.clock = HandClock()
        self.counters = ProcessCounters()
        self.call = Call(
            plan(limits=limits),
            self.client,
            self.provider.connect,
            self.record,
            clock=self.clock,
            counters=self.counters,
        )
        self.running: asyncio.Task[Ending] | None = None

    def start(self) -> asyncio.Task[Ending]:
        self.running = asyncio.create_task(self.call.run())
        return self.running

    async def until_ready(self) -> None:
        self.start()
        await until(lambda: self.provider.types() == ["session.update"])
        self.provider.send_frame(updated())
        await until(lambda: "relay.ready" in self.client.types())

    async def until_answering(self) -> None:
        await self.until_ready()
        self.provider.send_frame(response_created())
        self.provider.send_frame(item_event("added", "item_a", None, "assistant"))
        self.provider.send_frame(words("item_a", "Good morning, "))
        await until(lambda: len(self.client.received) == 5)

    async def ended(self) -> Ending:
        assert self.running is not None
        async with asyncio.timeout(5):
            return await self.running


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """After every test: no task is left, no socket is open, and there was one ending."""
    scene = Scene()
    yield scene
    assert scene.running is None or scene.running.done()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not scene.provider.is_open
    assert len(scene.record.endings) == (scene.running is not None)


async def test_frames_go_both_ways_as_they_are(scene: Scene) -> None:
    await scene.until_ready()
    spoken, answer = append(), audio_delta("item_a")
    scene.client.send_frame(spoken)
    scene.provider.send_frame(answer)
    await until(
        lambda: scene.provider.received[-1] == spoken and scene.client.received[-1] == answer
    )
    scene.client.leave()
    assert await scene.ended() is Ending.CLIENT_LEFT
    assert scene.record.endings == [Ending.CLIENT_LEFT]


async def test_a_client_that_leaves_while_connecting_ends_the_call(scene: Scene) -> None:
    scene.provider.may_connect.clear()
    scene.start()
    await settle()
    scene.client.leave()
    assert await scene.ended() is Ending.CLIENT_LEFT
    assert not scene.provider.was_closed


async def test_a_client_that_leaves_before_ready_ends_the_call(scene: Scene) -> None:
    scene.start()
    await until(lambda: scene.provider.is_open)
    scene.client.leave()
    assert await scene.ended() is Ending.CLIENT_LEFT
    assert scene.provider.was_closed


async def test_a_client_that_leaves_during_a_response_interrupts_the_turn(
    scene: Scene,
) -> None:
    await scene.until_answering()
    scene.client.leave()
    assert await scene.ended() is Ending.CLIENT_LEFT
    last = scene.record.turns[-1]
    assert (last.text.strip(), last.status) == ("Good morning,", TurnStatus.INTERRUPTED)
    assert scene.provider.was_closed


@pytest.mark.parametrize(
    "error",
    [
        UpstreamRefused("invalid_api_key", status=401),
        UpstreamUnavailable("server_error", status=503, retry_after_s=7),
        UpstreamTimeout("timed_out"),
        UpstreamFailed("handshake_broken"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_provider_that_cannot_be_reached_ends_the_call_with_its_error(
    scene: Scene, error: UpstreamError
) -> None:
    scene.provider.refusal = error
    scene.start()
    assert await scene.ended() is error.ending
    sent, closing = scene.client.events()
    assert (sent["type"], sent["code"]) == ("relay.error", str(error.ending))
    assert sent.get("retry_after") == error.retry_after_s
    assert closing["type"] == "relay.closing"
    assert scene.client.closed == (error.ending.close_code, str(error.ending))


async def test_a_provider_that_disconnects_during_a_response_ends_the_call(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    await scene.until_answering()
    with caplog.at_level(logging.WARNING):
        scene.provider.fail(UpstreamFailed("connection_lost", status=1006))
        assert await scene.ended() is Ending.PROVIDER_FAILED
    assert scene.client.types()[-2:] == ["relay.error", "relay.closing"]
    assert scene.client.closed == (4502, "provider_failed")
    assert scene.record.turns[-1].status is TurnStatus.INTERRUPTED
    (record,) = [record for record in caplog.records if record.message == "upstream.lost"]
    assert vars(record)["fields"]["code"] == "connection_lost"


async def test_an_internal_exception_ends_the_call_with_full_clean_up(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    await scene.until_answering()
    scene.record.fails = True
    scene.provider.send_frame(response_done(status="cancelled"))
    assert await scene.ended() is Ending.INTERNAL
    assert scene.client.closed == (4500, "internal")
    assert scene.client.types()[-2:] == ["relay.error", "relay.closing"]
    assert scene.provider.was_closed
    assert "call.failed" in caplog.text


async def test_an_exception_while_upstream_is_drained_leaves_no_socket_open(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(drain_upstream_s=60)
    await scene.until_ready()
    scene.client.send_frame(typed())
    await until(lambda: scene.provider.types()[-1] == "conversation.item.create")
    scene.client.leave()
    await until(lambda: scene.client.closed is not None)
    scene.provider.fail(RuntimeError("a bug"))
    assert await scene.ended() is Ending.CLIENT_LEFT
    assert scene.record.endings == [Ending.CLIENT_LEFT]
    assert scene.provider.was_closed
    assert "call.drain_upstream_failed" in caplog.text


async def test_an_exception_in_the_connector_ends_the_call(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.provider.refusal = RuntimeError("a bug")
    scene.start()
    assert await scene.ended() is Ending.INTERNAL
    assert scene.client.closed == (4500, "internal")
    assert "call.failed" in caplog.text


async def test_a_cancelled_task_cleans_up(scene: Scene) -> None:
    await scene.until_answering()
    running = scene.running
    assert running is not None
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert scene.record.endings == [Ending.DRAINING]
    assert scene.client.closed == (1012, "draining")
    assert scene.provider.was_closed


async def test_a_client_that_does_not_read_holds_the_provider_back(scene: Scene) -> None:
    await scene.until_ready()
    sent = len(scene.client.received)
    scene.client.may_read.clear()
    for _ in range(100):
        scene.provider.send_frame(audio_delta("item_a"))
    await settle()
    assert scene.provider.unread.qsize() == 99
    scene.client.may_read.set()
    await until(lambda: len(scene.client.received) == sent + 100)
    scene.client.leave()
    await scene.ended()


async def test_a_provider_that_does_not_read_holds_the_client_back(scene: Scene) -> None:
    await scene.until_ready()
    received = len(scene.provider.received)
    scene.provider.may_read.clear()
    for _ in range(100):
        scene.client.send_frame(append())
    await settle()
    assert scene.client.unread.qsize() == 99
    scene.provider.may_read.set()
    await until(lambda: len(scene.provider.received) == received + 100)
    scene.client.leave()
    await scene.ended()


async def test_a_client_that_stops_reading_is_too_slow_even_if_it_sends(scene: Scene) -> None:
    await scene.until_ready()
    scene.client.may_read.clear()
    scene.provider.send_frame(audio_delta("item_a"))
    await settle()
    for _ in range(9):
        await scene.clock.turn(1)
        scene.client.send_frame(append())
        await settle()
    assert scene.running is not None
    assert not scene.running.done()
    assert scene.provider.types().count("input_audio_buffer.append") == 9
    await scene.clock.turn(2)
    assert await scene.ended() is Ending.TOO_SLOW
    assert scene.provider.was_closed


@pytest.mark.parametrize(("ms", "is_too_slow"), [(100, True), (6_000, False)])
async def test_a_client_that_takes_next_to_nothing_is_too_slow(
    scene: Scene, ms: int, is_too_slow: bool
) -> None:
    """As when the kernel of a client that does not read is probed, and takes a little more."""
    await scene.until_ready()
    scene.client.may_read.clear()
    scene.provider.send_frame(audio_delta("item_a", ms=ms))
    await settle()
    for _ in range(6):
        await scene.clock.turn(1)
        await settle()
    scene.client.may_read.set()
    await settle()
    scene.client.may_read.clear()
    scene.provider.send_frame(audio_delta("item_a", ms=ms))
    await settle()
    for _ in range(5):
        await scene.clock.turn(1)
        await settle()
    if is_too_slow:
        await until(lambda: scene.provider.was_closed)
    else:
        assert not scene.provider.was_closed
        scene.client.leave()
    assert await scene.ended() is (Ending.TOO_SLOW if is_too_slow else Ending.CLIENT_LEFT)


async def test_a_client_that_stops_reading_does_not_hold_the_providers_connection() -> None:
    """It is closed at once, and not after the time for the client's last frames."""
    scene = Scene(last_frames_s=600)
    await scene.until_ready()
    scene.client.may_read.clear()
    scene.provider.send_frame(audio_delta("item_a"))
    await settle()
    await scene.clock.turn(11)
    await until(lambda: scene.provider.was_closed)
    assert "relay.closing" not in scene.client.types()
    scene.client.may_read.set()
    assert await scene.ended() is Ending.TOO_SLOW
    assert scene.client.types()[-1] == "relay.closing"


async def test_a_provider_that_stops_reading_times_out(scene: Scene) -> None:
    await scene.until_ready()
    scene.provider.may_read.clear()
    scene.client.send_frame(append())
    await settle()
    await scene.clock.turn(11)
    assert await scene.ended() is Ending.PROVIDER_TIMEOUT
    assert scene.client.closed == (4504, "provider_timeout")


async def test_held_frames_go_out_before_later_ones(scene: Scene) -> None:
    scene.start()
    early = [typed(f"early {number}") for number in range(20)]
    late = [typed(f"late {number}") for number in range(20)]
    await until(lambda: scene.provider.types() == ["session.update"])
    for text in early:
        scene.client.send_frame(text)
    await settle()
    scene.provider.may_read.clear()
    scene.provider.send_frame(updated())
    await settle()
    for text in late:
        scene.client.send_frame(text)
    await settle()
    scene.provider.may_read.set()
    await until(lambda: len(scene.provider.received) == 41)
    assert scene.provider.received[1:] == early + late
    scene.client.leave()
    await scene.ended()


async def test_draining_lets_the_response_end(scene: Scene) -> None:
    await scene.until_answering()
    scene.call.hang_up(Ending.DRAINING)
    await until(lambda: scene.client.types()[-1] == "relay.draining")
    scene.provider.send_frame(words("item_a", "Aoi."))
    scene.provider.send_frame(response_done())
    assert await scene.ended() is Ending.DRAINING
    assert scene.client.types()[-3:] == [
        "response.output_audio_transcript.delta",
        "response.done",
        "relay.closing",
    ]
    assert scene.client.closed == (1012, "draining")


async def test_draining_at_once_does_not_wait(scene: Scene) -> None:
    await scene.until_answering()
    scene.call.hang_up(Ending.DRAINING)
    scene.call.hang_up(Ending.DRAINING, at_once=True)
    assert await scene.ended() is Ending.DRAINING


@pytest.mark.parametrize("ending", [Ending.TAKEN_OVER, Ending.REVOKED, Ending.COMPLETED])
async def test_a_call_that_is_ended_from_outside_says_why(scene: Scene, ending: Ending) -> None:
    await scene.until_answering()
    scene.call.hang_up(ending)
    scene.call.hang_up(Ending.DRAINING)
    assert await scene.ended() is ending
    assert scene.client.closed == (ending.close_code, str(ending))
    assert scene.record.endings == [ending]


async def test_a_call_that_is_ended_before_it_runs_ends_at_once(scene: Scene) -> None:
    scene.call.hang_up(Ending.TAKEN_OVER)
    scene.start()
    assert await scene.ended() is Ending.TAKEN_OVER
    assert scene.provider.received == []
    assert scene.client.closed == (4409, "taken_over")


async def test_an_idle_call_ends_by_the_clock(scene: Scene) -> None:
    await scene.until_ready()
    await scene.clock.turn(15 * 60 + 2)
    assert await scene.ended() is Ending.IDLE
    assert scene.client.closed == (4408, "idle")


async def test_several_ends_at_once_make_one_ending(scene: Scene) -> None:
    await scene.until_answering()
    scene.provider.fail()
    scene.client.leave()
    scene.call.hang_up(Ending.REVOKED)
    ending = await scene.ended()
    assert scene.record.endings == [ending]


async def test_the_log_has_ids_and_the_ending_and_no_content(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await scene.until_answering()
        scene.provider.send_frame(
            frame(type="error", error={"code": "invalid_value", "message": "Aoi"})
        )
        await until(lambda: scene.client.types()[-1] == "error")
        scene.client.leave()
        await scene.ended()
    sent = {record.message: vars(record).get("fields", {}) for record in caplog.records}
    assert [name for name in sent if sent[name]] == ["call.opened", "upstream.error", "call.ended"]
    ended = sent["call.ended"]
    assert ended["ending"] == "client_left"
    assert ended["frames"] == 6
    assert "Good morning" not in json.dumps(sent, default=str)
    assert "Aoi" not in json.dumps(sent, default=str)


async def test_the_counted_time_does_not_fall_when_ticks_ran_ahead_of_the_clock(
    scene: Scene,
) -> None:
    await scene.until_ready()
    await scene.clock.turn(20.0)
    scene.clock.seconds -= 0.3  # As if the looks had come so much late, and the ticks of rests not.
    scene.client.leave()
    await scene.ended()
    assert scene.counters.call_seconds == 20.0


async def test_the_time_of_a_rest_that_ends_by_itself_is_counted_once(scene: Scene) -> None:
    await scene.until_ready()
    await scene.clock.turn(REST_S + 10)
    assert scene.counters.call_seconds == REST_S + 10
    scene.client.leave()
    await scene.ended()


async def test_the_time_of_rests_is_counted_once(scene: Scene) -> None:
    await scene.until_ready()
    await scene.clock.turn(7.3)
    assert scene.counters.call_seconds == 7.0, "as of the last tick"
    scene.client.send_frame(append())
    await settle()
    await scene.clock.turn(0.2)
    assert scene.counters.call_seconds == pytest.approx(7.5), "it was awake and looked"
    await scene.clock.turn(6.4)
    scene.client.leave()
    await scene.ended()
    assert scene.counters.call_seconds == pytest.approx(13.9)


async def test_frames_latency_time_and_the_ending_are_counted(scene: Scene) -> None:
    await scene.until_ready()
    spoken = append()
    for _ in range(UNTIMED_FRAMES):
        scene.client.send_frame(spoken)
    scene.client.send_frame("not json")
    await until(lambda: scene.client.types()[-1] == "relay.error")
    await scene.clock.turn(20.0)
    assert scene.counters.call_seconds == 20.0, "counted while the call runs"
    scene.client.leave()
    await scene.ended()
    counters = scene.counters
    # From the provider: `session.updated`; its `session.created` comes with the connection.
    assert (counters.frames_from_client, counters.frames_from_provider) == (8, 1)
    # To the client: `session.created`, `relay.ready` and the error. To the provider: its
    # configuration and the audio.
    assert (counters.frames_to_client, counters.frames_to_provider) == (3, 8)
    assert sum(counters.relay_latency.counts) == 1, "one frame in eight"
    assert counters.calls_ended == {"client_left": 1}
    assert counters.client_frames_refused == {"frame_not_json": 1}


async def test_the_providers_failures_are_counted_by_what_they_lead_to(scene: Scene) -> None:
    await scene.until_ready()
    scene.provider.send_frame(frame(type="error", error={"code": "invalid_value"}))
    await until(lambda: scene.client.types()[-1] == "error")
    scene.provider.fail()
    ending = await scene.ended()
    assert scene.counters.upstream_errors == {"error_event": 1, ending: 1}


async def test_the_tasks_of_a_call_log_with_its_id_and_its_caller_does_not(scene: Scene) -> None:
    seen: list[dict[str, object]] = []

    async def connect() -> Provider:
        seen.append(with_ids({}))
        return await scene.provider.connect()

    scene.call._connect = connect
    scene.client.leave()
    ending = await scene.call.run()
    scene.running = asyncio.create_task(asyncio.sleep(0, ending))
    await scene.running
    assert seen == [{"call_id": plan().call_id}]
    assert CALL_ID.get() is None


async def test_the_steady_clock_goes_forward() -> None:
    clock = SteadyClock()
    before = clock.now()
    await clock.sleep(0.001)
    assert (clock.now() - before).total_seconds() >= 0.001
    assert before.tzinfo is not None


@asynccontextmanager
async def quickly(seconds: float) -> AsyncIterator[None]:
    async with asyncio.timeout(seconds):
        yield


async def test_a_recorder_that_fails_at_the_end_does_not_stop_the_clean_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Record):
        async def finish(self, ending: Ending) -> None:
            raise RuntimeError("no disk")

    client, provider = Client(), Provider()
    call = Call(plan(*PAST), client, provider.connect, Broken(), clock=HandClock())
    running = asyncio.create_task(call.run())
    await settle()
    client.leave()
    async with quickly(5):
        assert await running is Ending.CLIENT_LEFT
    assert provider.was_closed
    assert "call.finish_failed" in caplog.text


async def test_a_client_that_cannot_be_closed_does_not_stop_the_clean_up() -> None:
    class Stuck(Client):
        async def close(self, code: int, reason: str) -> None:
            raise OSError("gone")

    client, provider, record = Stuck(), Provider(), Record()
    call = Call(plan(), client, provider.connect, record, clock=HandClock())
    running: asyncio.Task[Any] = asyncio.create_task(call.run())
    await settle()
    call.hang_up(Ending.REVOKED)
    async with quickly(5):
        assert await running is Ending.REVOKED
    assert record.endings == [Ending.REVOKED]


async def test_a_call_that_rests_ends_when_it_has_been_idle_for_too_long(scene: Scene) -> None:
    await scene.until_ready()
    await scene.clock.turn(899)
    scene.client.send_frame(frame(type="response.cancel"))
    await settle()
    await scene.clock.turn(899)
    assert scene.call.state == State.READY
    await scene.clock.turn(2)
    assert await scene.ended() is Ending.IDLE


async def test_a_frame_ends_the_rest(scene: Scene) -> None:
    await scene.until_ready()
    await scene.clock.turn(3)
    scene.provider.send_frame(response_created())
    scene.provider.send_frame(item_event("added", "item_a", None, "assistant"))
    scene.provider.send_frame(words("item_a", "Good morning, "))
    await until(lambda: len(scene.client.received) == 5)
    assert [turn.text for turn in scene.record.turns] == []
    await scene.clock.turn(0.5)
    assert [turn.text for turn in scene.record.turns] == ["Good morning, "]
    scene.client.leave()
    await scene.ended()


async def test_a_tick_that_fails_ends_the_call(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    await scene.until_answering()
    scene.record.fails = True
    await scene.clock.turn(0.5)
    scene.record.fails = False
    assert await scene.ended() is Ending.INTERNAL
    assert "call.failed" in caplog.text


async def test_a_frame_that_is_relayed_without_a_pump_ends_the_rest() -> None:
    client, provider, record, clock = DirectClient(), DirectProvider(), Record(), HandClock()
    call = Call(plan(), client, provider.connect, record, clock=clock)
    running = asyncio.create_task(call.run())
    await settle()
    provider.send_frame(updated())
    await settle()
    await clock.turn(3)
    for text in (
        response_created(),
        item_event("added", "item_a", None, "assistant"),
        words("item_a", "Good morning, "),
    ):
        provider.send_frame(text)
        assert provider.taken[-1] == text
    await clock.turn(0.5)
    assert [turn.text for turn in record.turns] == ["Good morning, "]
    client.leave()
    async with quickly(5):
        await running
