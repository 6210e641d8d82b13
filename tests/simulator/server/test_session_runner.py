"""The engine's effects, carried out; `test_call` and `test_webrtc_call` have whole sessions."""

import asyncio

import pytest

from backend.simulator.engine.effects import Event
from backend.simulator.engine.engine import Engine, EngineOptions
from backend.simulator.engine.mishaps import Kind, Mishap
from backend.simulator.server.call_records import CallRecords
from backend.simulator.server.session_runner import SessionRunner
from backend.simulator.sound.recogniser import NullRecogniser
from backend.simulator.sound.synthesiser import SynthesisFailed, ToneSynthesiser
from tests.simulator.equipment import EchoPersona, append, silence, types


class MuteSynthesiser(ToneSynthesiser):
    """A synthesiser that fails."""

    async def speak(self, reading: str, language: str, voice: str) -> bytes:
        """Fail."""
        raise SynthesisFailed


class Runner(SessionRunner):
    """A session whose client is a list of events."""

    def __init__(self, synthesiser: ToneSynthesiser | None = None, cap_s: float = 3600) -> None:
        records = CallRecords(1_000_000)
        self.now = asyncio.get_running_loop().time
        self.record = records.open("gpt-realtime", {}, self.now())
        self.events: list[Event] = []
        self.closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        ids = iter(range(10_000))
        engine = Engine(
            "gpt-realtime",
            EchoPersona(),
            lambda prefix: f"{prefix}_{next(ids)}",
            EngineOptions(pace=0, late_every=0, cap_s=cap_s),
        )
        super().__init__(
            engine,
            self.record,
            records,
            synthesiser or ToneSynthesiser(),
            NullRecogniser(),
            self.now,
        )

    async def run(self, *messages: str | bytes, until: str) -> None:
        """Receive these messages, and run until an event of this type has been sent."""
        self._until, self._is_found = until, asyncio.Event()
        async with asyncio.timeout(2):
            await self._run_until(self._work(messages))

    async def _work(self, messages: tuple[str | bytes, ...]) -> None:
        await self._apply(self._engine.open(self.now()))
        for message in messages:
            await self._receive(message, self.record)
        await self._is_found.wait()

    async def _send(self, event: Event) -> None:
        self.events.append(event)
        if event["type"] == self._until:
            self._is_found.set()

    async def _close(self, code: int, reason: str) -> None:
        self.closed.set_result(code)


async def test_synthesis_and_billing() -> None:
    runner = Runner()
    await runner.run('{"type": "response.create"}', until="response.done")
    assert "response.output_audio.delta" in types(runner.events)
    (line,) = runner.record.bill.values()
    assert line["usage"] == runner.events[-1]["response"]["usage"]
    assert runner.record.closed_at is not None


async def test_synthesis_that_fails_ends_the_response() -> None:
    runner = Runner(MuteSynthesiser())
    await runner.run('{"type": "response.create"}', until="response.done")
    assert runner.events[-1]["response"]["status"] == "failed"


@pytest.mark.parametrize("message", ["{", b"\x00", "[" * 50_000])
async def test_an_unreadable_message_gets_an_error(message: str | bytes) -> None:
    runner = Runner()
    await runner.run(message, until="error")
    assert runner.events[-1]["error"]["code"] == "invalid_event"
    assert runner.record.received == {"unreadable": 1}


async def test_the_timer_ends_the_session_and_closes_the_connection() -> None:
    runner = Runner(cap_s=0.05)
    await runner.run(until="error")
    assert runner.events[-1]["error"]["code"] == "session_expired"


async def test_audio_is_recorded() -> None:
    runner = Runner()
    encoded = append(silence(200))["audio"]
    message = f'{{"type": "input_audio_buffer.append", "audio": "{encoded}"}}'
    invalid = '{"type": "input_audio_buffer.append", "audio": "!"}'
    await runner.run(message, invalid, until="error")
    assert runner.record.audio_bytes == 200 * 48


async def test_a_fault_of_the_engine_is_counted() -> None:
    runner = Runner()
    assert runner._count_engine_fault(Mishap(Kind.REFUSE_UPDATE, count=2))
    assert not runner._count_engine_fault(Mishap(Kind.DROP))
    assert runner._engine.injected_faults.refused_updates == 2
    message = '{"type": "session.update", "session": {"type": "realtime"}}'
    await runner.run(message, message, message, until="session.updated")
    assert types(runner.events) == ["session.created", "error", "error", "session.updated"]
