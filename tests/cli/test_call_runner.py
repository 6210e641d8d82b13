"""A whole call with a fake server: what is sent, shown and played, and when it is over."""

import asyncio
import itertools
import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from backend.cli import call_runner
from backend.cli.call_runner import CallPlan, CallRunner, Outcome
from backend.cli.failures import ExitCode, Failure
from backend.cli.routes import Destination
from backend.cli.server_api import Cost
from tests.cli import realtime_events as events
from tests.cli.call_equipment import (
    Event,
    FakeMicrophone,
    FakeRoute,
    FakeSpeaker,
    FakeView,
)

SPEECH = b"\0\x40" * 960


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (
        ("_TICK_S", 0.002),
        ("_SETTLED_S", 0.01),
        ("_SPEECH_TIMEOUT_S", 0.03),
    ):
        monkeypatch.setattr(call_runner, name, seconds)
    monkeypatch.setattr(
        call_runner,
        "pause_s",
        lambda closing, attempts, _: 0.0 if closing.is_retryable and attempts < 3 else None,
    )


def answering_messages(event: Event) -> Sequence[Event]:
    """Confirms typed messages and answers requests with a text."""
    if event["type"] == "conversation.item.create":
        return [events.item_done(event["item"]["id"], "Hello", role="user")]
    if event["type"] == "response.create":
        return events.text_answer("answer", "Hi there.")
    return ()


def answering_speech(event: Event) -> Sequence[Event]:
    """Takes the first sound for a whole question, and answers it by voice."""
    if event["type"] != "input_audio_buffer.append":
        return ()
    return [
        *events.speech("question", "How many?"),
        events.response_created(),
        *events.words("answer", "Four.", "question"),
        events.sound("answer", SPEECH * 5),
        events.item_done("answer", "Four."),
        events.response_done(usage={"input_tokens": 5, "output_tokens": 3}),
    ]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def run(
    route: FakeRoute, read_cost: Callable[[], Cost] | None = None, **parts: Any
) -> tuple[Outcome, FakeView]:
    plan = CallPlan(**{"microphone": None, "speaker": None, "timeout_s": 5.0, **parts})
    where = Destination(route, read_cost)
    view = FakeView()
    async with asyncio.timeout(5):
        return await CallRunner(where, plan, view, "en").run(), view


async def test_a_message_is_sent_when_the_call_is_ready_and_its_answer_ends_the_command() -> None:
    first = [{"type": "session.created"}, {"type": "relay.ready"}]
    route = FakeRoute(answering_messages, first)
    outcome, view = await run(route, lines=("Hello",))
    assert outcome.answers == ["Hi there."]
    assert view.turns == [("user", "Hello"), ("assistant", "Hi there.")]
    assert route.sent() == ["session.update", "conversation.item.create", "response.create"]
    assert route.sockets[0].close_code == 1000
    assert [usage and usage.text_in for usage, _ in view.answers] == [5]


async def test_the_lines_of_a_pipe_wait_for_each_others_answers() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"One\nTwo\n")
    os.close(writing)
    numbers = itertools.count(1)

    def answering(event: Event) -> Sequence[Event]:
        if event["type"] == "response.create":
            number = next(numbers)
            return events.text_answer(f"answer_{number}", f"Answer {number}.", f"resp_{number}")
        return answering_messages(event)

    try:
        route = FakeRoute(answering)
        outcome, _ = await run(route, stdin=reading)
    finally:
        os.close(reading)
    assert outcome.answers == ["Answer 1.", "Answer 2."]
    assert route.sent() == ["conversation.item.create", "response.create"] * 2


async def test_a_recording_is_answered_and_the_answer_is_played() -> None:
    speaker, microphone = FakeSpeaker(), FakeMicrophone([SPEECH])
    outcome, view = await run(FakeRoute(answering_speech), microphone=microphone, speaker=speaker)
    assert outcome.answers == ["Four."]
    assert speaker.played == SPEECH * 5
    assert view.turns == [("user", "How many?"), ("assistant", "Four.")]
    assert microphone.is_stopped and speaker.is_stopped


async def test_listening_is_over_after_one_answer() -> None:
    microphone = FakeMicrophone([SPEECH], is_live=True)
    outcome, _ = await run(FakeRoute(answering_speech), microphone=microphone, answers_wanted=1)
    assert outcome.answers == ["Four."]


async def test_a_recording_without_speech_is_told() -> None:
    with pytest.raises(Failure) as failed:
        await run(FakeRoute(), microphone=FakeMicrophone([SPEECH]))
    assert (failed.value.exit_code, failed.value.sentence) == (ExitCode.NO_ANSWER, "no_speech")


async def test_an_answer_that_does_not_come_is_told() -> None:
    with pytest.raises(Failure) as failed:
        await run(FakeRoute(), lines=("Hello",), timeout_s=0.05)
    assert (failed.value.exit_code, failed.value.sentence) == (ExitCode.NO_ANSWER, "no_answer")


async def test_an_answer_that_fails_is_told() -> None:
    def failing(event: Event) -> Sequence[Event]:
        if event["type"] != "response.create":
            return answering_messages(event)
        return [events.response_created(), events.response_done(status="failed")]

    with pytest.raises(Failure) as failed:
        await run(FakeRoute(failing), lines=("Hello",))
    assert failed.value.sentence == "no_answer"


async def test_speech_interrupts_the_loudspeaker_and_the_cut_is_sent() -> None:
    def interrupting(event: Event) -> Sequence[Event]:
        if event["type"] == "conversation.item.truncate":
            truncated = {**event, "type": "conversation.item.truncated"}
            return [truncated, events.response_done(status="cancelled")]
        if event["type"] == "input_audio_buffer.append":
            return [
                events.response_created(),
                *events.words("answer", "Four."),
                events.sound("answer", SPEECH * 50),
                {"type": "input_audio_buffer.speech_started", "item_id": "question"},
            ]
        return ()

    speaker, route = FakeSpeaker(is_held=True), FakeRoute(interrupting)
    microphone = FakeMicrophone([SPEECH], is_live=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await run(route, microphone=microphone, speaker=speaker)
    assert speaker.cuts == 1
    cut = next(e for e in route.sockets[0].sent if e["type"] == "conversation.item.truncate")
    assert cut["audio_end_ms"] == 0


async def test_a_lost_connection_is_opened_again_and_the_message_is_answered() -> None:
    def losing(event: Event) -> Sequence[Event]:
        if event["type"] == "response.create" and len(route.sockets) == 1:
            route.sockets[0].end(1006)
            return ()
        return answering_messages(event) if len(route.sockets) > 1 else ()

    away = Failure(ExitCode.UNREACHABLE, "server_unreachable")
    route = FakeRoute(losing, failures=[None, away, None])
    outcome, view = await run(route, lines=("Hello",))
    assert outcome.answers == ["Hi there."]
    assert len(route.sockets) == 2


@pytest.mark.parametrize(
    ("closing", "exit_code"),
    [
        ({"reason": "taken_over", "message": "Elsewhere."}, ExitCode.REFUSED),
        ({"reason": "provider_timeout", "retryable": True, "message": "Late."}, 5),
    ],
)
async def test_a_call_that_ends_for_good_has_the_servers_sentence(
    closing: Event, exit_code: int
) -> None:
    route = FakeRoute(first=[{"type": "relay.closing", **closing}])
    running = asyncio.create_task(run(route, lines=("Hello",)))

    async def end_each_socket() -> None:
        while True:
            for socket in route.sockets:
                if socket.close_code is None:
                    socket.end(4409)
            await asyncio.sleep(0.001)

    ending = asyncio.create_task(end_each_socket())
    with pytest.raises(Failure) as failed:
        await running
    ending.cancel()
    assert failed.value.message == closing["message"]
    assert failed.value.exit_code == exit_code


async def test_a_server_that_never_was_there_is_not_tried_again() -> None:
    away = Failure(ExitCode.UNREACHABLE, "server_unreachable")
    route = FakeRoute(failures=[away])
    with pytest.raises(Failure) as failed:
        await run(route, lines=("Hello",))
    assert failed.value is away and route.sockets == []


async def test_a_direct_connection_is_not_opened_again() -> None:
    route = FakeRoute(can_reconnect=False, first=[])
    running = asyncio.create_task(run(route, lines=("Hello",)))
    await until(lambda: bool(route.sockets))
    route.sockets[0].end(1006)
    with pytest.raises(Failure) as failed:
        await running
    assert failed.value.sentence == "connection_lost"


async def test_the_cost_stands_below_its_answer() -> None:
    _, view = await run(
        FakeRoute(answering_messages),
        lines=("Hello",),
        read_cost=lambda: Cost("0.0012", False, tokens_out=3),
    )
    assert [cost and cost.usd for _, cost in view.answers] == ["0.0012"]
    assert view.order == ["turn", "turn", "answered"]


async def test_ctrl_c_says_what_was_heard_and_hangs_up() -> None:
    speaker, route, view = FakeSpeaker(is_held=True), FakeRoute(answering_speech), FakeView()
    microphone = FakeMicrophone([SPEECH], is_live=True)
    plan = CallPlan(microphone=microphone, speaker=speaker)
    runner = CallRunner(Destination(route), plan, view, "en")
    running = asyncio.create_task(runner.run())
    await until(lambda: "speaking" in view.states)
    speaker.play(24 * 2 * 100)
    runner.stop()
    outcome = await running
    assert outcome.was_interrupted
    cuts = [e for e in route.sockets[0].sent if e["type"] == "conversation.item.truncate"]
    assert [cut["audio_end_ms"] for cut in cuts] == [100]
    assert route.sockets[0].close_code == 1000
    assert ("assistant", "Four.") in view.turns


async def test_an_echo_is_told_once() -> None:
    class Echoing:
        def add(self, played_rms: float, heard_rms: float) -> bool:
            return True

    plan = CallPlan(microphone=FakeMicrophone([SPEECH] * 3, is_live=True), speaker=None)
    view = FakeView()
    runner = CallRunner(Destination(FakeRoute()), plan, view, "en")
    runner._echo = Echoing()  # type: ignore[assignment]
    running = asyncio.create_task(runner.run())
    await until(lambda: bool(view.notices))
    runner.stop()
    await running
    assert [code for code, _ in view.notices] == ["echo"]
