"""WebRTC calls from peer to peer on this machine: events, audio, sidebands and endings."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from backend.simulator.engine.mishaps import Kind, Mishap
from backend.simulator.server.server import Running, Simulator, SimulatorOptions
from backend.simulator.sound.recogniser import NullRecogniser
from tests.simulator.equipment import speech, types
from tests.simulator.server.client import CHEAP, SESSION, http, send, until
from tests.simulator.server.webrtc_client import Browser, browser_call, sideband

pytestmark = pytest.mark.slow

SHORT = {"max_output_tokens": 30}
"""An answer of about a second."""


class OnePhraseRecogniser(NullRecogniser):
    """A recogniser that understands the same phrase in all speech."""

    async def recognise(self, pcm: bytes) -> str | None:
        """Return the phrase."""
        return "Hello, thank you for taking the time today."


def peak(pcm: bytes | bytearray) -> int:
    """The largest absolute value of PCM16."""
    return int(np.abs(np.frombuffer(bytes(pcm), "<i2").astype(int)).max())


async def webrtc_counts(running: Running) -> Any:
    """The numbers of live calls, from the control API."""
    _, body = await http(running, "GET", "/simulator/calls")
    return json.loads(body)["webrtc"]


async def wait_for_counts(running: Running, **wanted: int) -> None:
    """Ask the control API until it gives these numbers."""
    async with asyncio.timeout(5):
        while not (await webrtc_counts(running)).items() >= wanted.items():
            pass


async def hang_up(running: Running, rtc_id: str) -> None:
    """Hang up as the official SDK does."""
    async with AsyncOpenAI(api_key="any", base_url=running.base_url, max_retries=0) as client:
        await client.realtime.calls.hangup(rtc_id)


# ── A conversation ────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_is_heard_and_both_connections_get_its_events() -> None:
    session = {"type": "realtime", "audio": {"output": {"voice": "verse"}}}
    async with (
        Simulator(CHEAP).serve() as running,
        browser_call(running, session) as browser,
        sideband(running, browser.rtc_id) as watcher,
    ):
        (created,) = await until(watcher, "session.created")
        assert created["session"]["audio"]["output"]["voice"] == "verse"
        await browser.until("session.created")
        browser.send("response.create", response=SHORT)
        seen = await browser.until("output_audio_buffer.stopped")
        assert await until(watcher, "output_audio_buffer.stopped") == seen
        assert "response.output_audio.delta" not in types(seen)
        assert types(seen).index("response.done") < len(seen) - 1
        assert peak(browser.heard) > 1_000
        assert await webrtc_counts(running) == {"live": 1, "unwatched": 0, "ephemeral": 0}
        # The sideband sends client events too; both get what comes of them.
        await send(watcher, "session.update", session={"type": "realtime", "instructions": "Hm."})
        (updated,) = await browser.until("session.updated")
        assert await until(watcher, "session.updated") == [updated]
        async with (
            AsyncOpenAI(api_key="any", base_url=running.base_url) as client,
            client.realtime.connect(call_id=browser.rtc_id) as late,
        ):
            first: Any = await late.recv()
            assert first.type == "session.created"
            assert first.session.instructions == "Hm."


async def test_speech_is_heard_and_interrupts_what_is_played() -> None:
    options = SimulatorOptions(pace=0, late_every=0, is_cheap=True)
    async with (
        Simulator(options, OnePhraseRecogniser()).serve() as running,
        browser_call(running, SESSION) as browser,
    ):
        await browser.until("session.created")
        browser.microphone.waiting += speech(400)
        turn = await browser.until("output_audio_buffer.started")
        (heard,) = [each for each in turn if each["type"].endswith("transcription.completed")]
        assert heard["transcript"].startswith("Hello")
        browser.microphone.waiting += speech(300)
        found = await browser.until("conversation.item.truncated")
        assert types(found)[-2:] == ["output_audio_buffer.cleared", "conversation.item.truncated"]
        # It began to speak at once, and the detector needs some 100 ms.
        assert 20 <= found[-1]["audio_end_ms"] < 1_000
        await browser.next_audio(300)  # what was in the network and in the jitter buffer
        assert peak(await browser.next_audio(200)) < 50
        (record,) = running.records
        assert record.heard[0] == heard["transcript"]
        assert record.audio_bytes > 400 * 48


# ── Who may open and watch ────────────────────────────────────────────────────────────────────────


async def test_no_sideband_can_join_a_call_of_an_ephemeral_key() -> None:
    async with (
        Simulator(CHEAP).serve() as running,
        AsyncOpenAI(api_key="any", base_url=running.base_url, max_retries=0) as client,
    ):
        given: Any = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Hm."}
        secret = await client.realtime.client_secrets.create(session=given)
        async with browser_call(running, key=secret.value) as browser:
            (created,) = await browser.until("session.created")
            assert created["session"]["model"] == "gpt-realtime-2.1"
            assert created["session"]["instructions"] == "Hm."
            assert await webrtc_counts(running) == {"live": 1, "unwatched": 0, "ephemeral": 1}
            for key in ("any", secret.value):
                with pytest.raises(InvalidStatus) as refused:
                    async with sideband(running, browser.rtc_id, key):
                        pass
                assert refused.value.response.status_code == 404
                body = json.loads(refused.value.response.body or b"")
                assert body["error"]["code"] == "call_id_not_found"


async def test_a_model_beside_a_call_id_is_refused() -> None:
    async with Simulator(CHEAP).serve() as running:
        for rtc_id, status in (("rtc_unknown", 404), ("rtc_unknown&model=gpt-realtime", 400)):
            with pytest.raises(InvalidStatus) as refused:
                async with sideband(running, rtc_id):
                    pass
            assert refused.value.response.status_code == status


# ── Endings ───────────────────────────────────────────────────────────────────────────────────────


async def by_hanging_up(running: Running, browser: Browser, watcher: ClientConnection) -> None:
    await hang_up(running, browser.rtc_id)


async def by_closing(running: Running, browser: Browser, watcher: ClientConnection) -> None:
    await browser.close()


async def by_a_dropped_call(running: Running, browser: Browser, watcher: ClientConnection) -> None:
    running.inject(Mishap(Kind.DROP, calls="running", api="calls"))


async def by_expiry(running: Running, browser: Browser, watcher: ClientConnection) -> None:
    running.inject(Mishap(Kind.EXPIRE, calls="running", api="calls"))
    (error,) = await until(watcher, "error")
    assert error["error"]["code"] == "session_expired"
    assert await browser.until("error") == [error]


@pytest.mark.parametrize(
    ("end", "code"),
    [(by_hanging_up, 1000), (by_closing, 1000), (by_a_dropped_call, 1011), (by_expiry, 1001)],
)
async def test_a_call_that_ends_closes_both_sides(
    end: Callable[[Running, Browser, ClientConnection], Awaitable[None]], code: int
) -> None:
    async with (
        Simulator(CHEAP).serve() as running,
        browser_call(running) as browser,
        sideband(running, browser.rtc_id) as watcher,
    ):
        await browser.until("session.created")
        await until(watcher, "session.created")
        await end(running, browser, watcher)
        await watcher.wait_closed()
        assert watcher.close_code == code
        async with asyncio.timeout(5):
            await browser.is_closed.wait()
        await wait_for_counts(running, live=0)
        call, watching = running.records
        assert (call.api, watching.api) == ("calls", "sideband")
        assert call.rtc_id == watching.rtc_id == browser.rtc_id
        assert call.close_code == code
        assert call.closed_at is not None
        assert watching.sent["session.created"] == call.sent["session.created"] == 1
        assert 0 < call.unwatched_s < 5
        status, _ = await http(running, "POST", f"/v1/realtime/calls/{browser.rtc_id}/hangup")
        assert status == 401


async def test_a_call_goes_on_without_its_sideband() -> None:
    async with Simulator(CHEAP).serve() as running, browser_call(running) as browser:
        await browser.until("session.created")
        running.inject(Mishap(Kind.DROP, api="sideband", after="session.updated"))
        async with sideband(running, browser.rtc_id) as watcher:
            browser.send("session.update", session={"type": "realtime"})
            await watcher.wait_closed()
            assert watcher.close_code == 1006
        await browser.until("session.updated")
        await wait_for_counts(running, unwatched=1)
        browser.send("session.update", session={"type": "realtime"})
        await browser.until("session.updated")


async def test_a_mishap_can_name_the_sideband() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.inject(Mishap(Kind.REFUSE, api="sideband", status=503))
        async with browser_call(running) as browser:
            await browser.until("session.created")
            with pytest.raises(InvalidStatus) as refused:
                async with sideband(running, browser.rtc_id):
                    pass
            assert refused.value.response.status_code == 503
            running.inject(Mishap(Kind.SILENT, api="sideband"))
            async with sideband(running, browser.rtc_id) as watcher:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await watcher.recv()


async def test_the_simulator_can_stop_during_a_call() -> None:
    async with Simulator(CHEAP).serve() as running:
        opened = browser_call(running)
        browser = await opened.__aenter__()
        await browser.until("session.created")
    async with asyncio.timeout(5):
        await browser.is_closed.wait()
    await opened.__aexit__(None, None, None)
