"""Calls over WebRTC through the real server: the same rows as over the relay, and none unwatched.

The browser is aiortc's peer. The provider plays its answers in real time.
"""

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from typing import Any
from uuid import UUID

import pytest

from tests.journeys.person import Person
from tests.journeys.speech import QUESTION, speak
from tests.journeys.stack import Stack, http, running_stack
from tests.journeys.test_relay_journey import ended_session
from tests.simulator.server.webrtc_client import Browser, through_opus

pytestmark = pytest.mark.journey

TYPED = "How much does it cost?"
BEFORE_SPEECH_S = 1.5
"""Silence before the first word: a turn that begins has 300 ms of it, and the first packets of a
WebRTC connection may be lost."""
USAGE_COLUMNS = (
    "kind", "model", "text_in", "text_in_cached", "audio_in", "audio_in_cached", "image_in",
    "image_in_cached", "text_out", "audio_out", "seconds", "cost_usd", "price_date", "is_estimated",
)  # fmt: skip


@pytest.fixture(scope="module")
def webrtc_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("webrtc")
    with running_stack(folder, simulator=("--pace", "0"), WEBRTC_CALLS="on") as running:
        yield running


@asynccontextmanager
async def webrtc_call(person: Person, session_id: str) -> AsyncIterator[tuple[Browser, str]]:
    """Begin a call as the page does; its data channel is open."""
    browser = Browser()
    try:
        offer = {"session_id": session_id, "sdp": await browser.offer()}
        answer = await person.api("POST", "realtime/calls/", offer)
        assert answer.status == 201, answer.text
        await browser.accept(answer.json["sdp"], answer.json["call_id"])
        async with asyncio.timeout(10):
            await browser.until("session.created")
        yield browser, answer.json["call_id"]
    finally:
        await browser.close()


def type_in_writing(browser: Browser) -> None:
    content = [{"type": "input_text", "text": TYPED}]
    item = {"type": "message", "role": "user", "content": content}
    browser.send("conversation.item.create", item=item)
    browser.send("response.create", response={"output_modalities": ["text"]})


async def script_audio() -> bytes:
    """The spoken question between silences, PCM16 mono 24 kHz."""
    silence_before, silence_after = (b"\0" * int(each * 48_000) for each in (BEFORE_SPEECH_S, 0.7))
    return silence_before + await speak(QUESTION) + silence_after


async def talk_over_webrtc(person: Person) -> str:
    session_id = await person.new_session()
    async with webrtc_call(person, session_id) as (browser, _), asyncio.timeout(30):
        browser.microphone.waiting += await script_audio()
        await browser.until("output_audio_buffer.stopped")
        type_in_writing(browser)
        await browser.until("response.done")
    await ended_session(person, session_id)
    return session_id


async def talk_over_the_relay(person: Person) -> str:
    session_id = await person.new_session()
    async with person.call(session_id) as live:
        await live.say(through_opus(await script_audio()))
        answered = await live.until_type("response.done")
        await live.type(TYPED, is_silent=True)
        await live.until_type("response.done", after=answered + 1)
        # What was sent of the answer's audio must have been playable before the client leaves.
        await asyncio.sleep(6)
    await ended_session(person, session_id)
    return session_id


def usage_rows(stack: Stack, session_id: str) -> list[dict[str, Any]]:
    """The rows of the ledger for this session, as they were written."""
    with closing(sqlite3.connect(stack.folder / "kaiwa.sqlite3")) as database:
        database.row_factory = sqlite3.Row
        rows = database.execute(
            f"SELECT {', '.join(USAGE_COLUMNS)} FROM conversations_usage"
            " WHERE session_id = ? ORDER BY id",
            [UUID(session_id).hex],
        )
        return [dict(row) for row in rows]


def without_ids_and_times(row: Any) -> Any:
    """The row as it must be over every transport."""
    if isinstance(row, list):
        return [without_ids_and_times(each) for each in row]
    if not isinstance(row, dict):
        return row
    return {
        name: without_ids_and_times(value)
        for name, value in row.items()
        if not name.endswith(("id", "_at")) and name not in ("transport", "first_sound_ms")
    }


def rtc_calls(stack: Stack) -> dict[str, Any]:
    counts: dict[str, Any] = http("GET", f"{stack.simulator_url}/simulator/calls").json
    return counts


async def none_live(stack: Stack, seconds: float = 12) -> None:
    """Wait until the provider has no live WebRTC call."""
    async with asyncio.timeout(seconds):
        while (await asyncio.to_thread(rtc_calls, stack))["webrtc"]["live"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_one_script_ends_in_the_same_rows_over_both_transports(webrtc_stack: Stack) -> None:
    """Turns, usage, cost and endings are equal, each row of them.

    Over WebRTC the provider hears what Opus has made of the sound, in which it detects the
    beginning of the speech 20 ms later, and bills that much less. So the relay is given the sound
    as Opus leaves it.
    """
    person = await Person.register(webrtc_stack)
    relayed, watched = await asyncio.gather(talk_over_the_relay(person), talk_over_webrtc(person))
    turns = [await person.turns(each) for each in (relayed, watched)]
    assert [turn["text"] for turn in turns[1] if turn["role"] == "user"] == [QUESTION, TYPED]
    assert without_ids_and_times(turns[1]) == without_ids_and_times(turns[0])
    assert turns[1][1]["first_sound_ms"] is not None
    details = [(await person.api("GET", f"sessions/{each}/")).json for each in (relayed, watched)]
    assert [details[1]["calls"][0]["ending"]] == ["client_left"]
    assert without_ids_and_times(details[1]) == without_ids_and_times(details[0])
    rows = [usage_rows(webrtc_stack, each) for each in (relayed, watched)]
    assert [row["kind"] for row in rows[0]] == ["transcription", "response", "response"]
    assert rows[1] == rows[0]
    await none_live(webrtc_stack)


async def test_however_a_call_ends_none_is_left_unwatched(webrtc_stack: Stack) -> None:
    stack = webrtc_stack
    person = await Person.register(stack)
    sessions = [await person.new_session() for _ in range(4)]

    async def hangs_up(session_id: str) -> None:
        async with webrtc_call(person, session_id) as (browser, call_id):
            assert (await person.api("DELETE", f"realtime/calls/{call_id}/")).status == 204
            await asyncio.wait_for(browser.is_closed.wait(), 5)
            state = await person.api("GET", f"realtime/calls/{call_id}/")
            assert (state.json["state"], state.json["ending"]) == ("ended", "client_left")

    async def is_taken_over(session_id: str) -> None:
        async with webrtc_call(person, session_id) as (browser, _), person.call(session_id):
            await asyncio.wait_for(browser.is_closed.wait(), 5)

    async def loses_its_sideband(session_id: str) -> None:
        async with webrtc_call(person, session_id) as (browser, call_id):
            mishap = {"kind": "drop", "api": "sideband", "calls": "running"}
            answer = http("POST", f"{stack.simulator_url}/simulator/mishaps", mishap)
            assert answer.json == {"affected_calls": 1}, answer.text
            while "webrtc.rejoined" not in stack.log():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            type_in_writing(browser)
            await browser.until("response.done")
            assert (await person.api("GET", f"realtime/calls/{call_id}/")).json["state"] == "live"

    async with asyncio.timeout(30):
        await hangs_up(sessions[0])
        await is_taken_over(sessions[1])
        await loses_its_sideband(sessions[2])
        endings = []
        for session_id in sessions[:3]:
            session = await ended_session(person, session_id)
            endings.append([call["ending"] for call in session["calls"]])
    assert endings == [["client_left"], ["taken_over", "client_left"], ["client_left"]]
    turns = await person.turns(sessions[2])
    assert [turn["text"] for turn in turns if turn["role"] == "user"][-1] == TYPED
    await none_live(stack)

    async with webrtc_call(person, sessions[3]) as (browser, call_id):
        type_in_writing(browser)
        await browser.until("response.done")
        while not await person.turns(sessions[3]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await asyncio.to_thread(stack.stop, "server", signal.SIGKILL)
        await asyncio.to_thread(stack.start_server)
        await asyncio.wait_for(browser.is_closed.wait(), 12)
        state = await person.api("GET", f"realtime/calls/{call_id}/")
        assert (state.json["state"], state.json["ending"]) == ("ended", "interrupted")
    await none_live(stack)
