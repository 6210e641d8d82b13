"""Whole conversations over the real server: speak, interrupt, type, leave, come back."""

import asyncio
import hashlib
import json
import re
import time
from typing import Any

import pytest
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import TypeAdapter

from tests.journeys.admin_client import AdminClient
from tests.journeys.person import LiveCall, Person
from tests.journeys.speech import QUESTION, speak
from tests.journeys.stack import Stack, http

pytestmark = pytest.mark.journey

INTERRUPTION = "Sorry, let me stop you there."


def audio_ms(events: list[dict[str, Any]], item_id: str) -> int:
    """Milliseconds of the item's audio received; 24 kHz PCM16 is 48 bytes a millisecond."""
    lengths = [
        len(event["delta"]) * 3 // 4
        for event in events
        if event["type"] == "response.output_audio.delta" and event["item_id"] == item_id
    ]
    return sum(lengths) // 48


async def interrupt_the_next_reply(live: LiveCall, *, after: int) -> tuple[str, int]:
    """Speak as soon as audio arrives; truncate at what has been heard in real time by then.

    Returns the item's id and the `audio_end_ms`.
    """
    first = await live.until_type("response.output_audio.delta", after=after)
    item_id = live.events[first]["item_id"]
    await live.say(await speak(INTERRUPTION))
    await live.say_nothing(0.7)
    started = await live.until_type("input_audio_buffer.speech_started", after=first)
    played_ms = int((live.arrived[started] - live.arrived[first]) * 1000)
    heard_ms = min(played_ms, audio_ms(live.events, item_id))
    await live.send(
        {
            "type": "conversation.item.truncate",
            "item_id": item_id,
            "content_index": 0,
            "audio_end_ms": heard_ms,
        }
    )
    await live.until_type("conversation.item.truncated", after=first)
    return item_id, heard_ms


async def test_a_spoken_and_typed_conversation_is_stored_word_for_word(
    realtime_stack: Stack,
) -> None:
    person = await Person.register(realtime_stack)
    session_id = await person.new_session()

    async with person.call(session_id) as live:
        assert live.types()[:2] == ["session.created", "relay.ready"]
        assert "instructions" not in live.events[0]["session"]

        await live.say(await speak(QUESTION))
        await live.say_nothing(0.7)
        first_answer = await live.until_type("response.created")
        cut_item, heard_ms = await interrupt_the_next_reply(live, after=first_answer)

        second_answer = await live.until_type("response.done", after=first_answer)
        await live.until_type("response.done", after=second_answer + 1)
        typed_at = len(live.events)
        await live.type("How much does it cost?")
        await live.until_type("response.done", after=typed_at)
        left_at = time.monotonic()

    simulator_calls = http("GET", f"{realtime_stack.simulator_url}/simulator/calls").json
    ours = simulator_calls["calls"][-1]
    assert ours["audio_bytes"] == len(live.sent_audio)
    assert ours["audio_sha256"] == hashlib.sha256(live.sent_audio).hexdigest()
    names = {name.lower() for name in ours["headers"]}
    assert "openai-safety-identifier" in names
    assert "openai-beta" not in names
    assert person.username not in json.dumps(ours["headers"])

    adapter: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
    for event in live.events:
        if not event["type"].startswith("relay."):
            adapter.validate_python(event)

    session = await ended_session(person, session_id)
    assert time.monotonic() - left_at < 10
    assert session["realtime_mode"] is True
    assert [call["ending"] for call in session["calls"]] == ["client_left"]

    turns = await person.turns(session_id)
    assert [(turn["role"], turn["modality"]) for turn in turns] == [
        ("user", "voice"),
        ("assistant", "voice"),
        ("user", "voice"),
        ("assistant", "voice"),
        ("user", "text"),
        ("assistant", "voice"),
    ]
    assert turns[0]["text"] == QUESTION
    cut = turns[1]
    assert cut["item_id"] == cut_item
    assert cut["status"] == "interrupted"
    assert cut["heard_ms"] == heard_ms
    assert cut["text"].startswith(cut["heard_text"].rstrip())
    assert len(cut["heard_text"]) < len(cut["text"])
    assert turns[3]["status"] == "completed"
    assert turns[3]["text"] == transcript_of(live, turns[3]["item_id"])
    assert turns[4]["text"] == "How much does it cost?"
    assert turns[5]["text"] == transcript_of(live, turns[5]["item_id"])
    assert [turn["position"] for turn in turns] == sorted(turn["position"] for turn in turns)

    answer = http("GET", f"{realtime_stack.url}/metrics")
    for sample in (
        r'kaiwa_calls_ended_total\{ending="client_left"\} [1-9]',
        r'kaiwa_frames_received_total\{side="client"\} [1-9]\d\d',
        r'kaiwa_frames_sent_total\{side="client"\} [1-9]\d',
        r"kaiwa_first_sound_seconds_count [1-9]",
        r"kaiwa_relay_latency_seconds_count [1-9]",
        r'kaiwa_cost_usd_total\{model="gpt-realtime"\} 0\.0*[1-9]',
        r"kaiwa_database_up 1\.0",
    ):
        assert re.search(f"(?m)^{sample}", answer.text), sample
    call_id = session["calls"][0]["id"]
    assert re.search(
        f"call.ended .*call_id={call_id}.* request_id=[0-9a-f]{{32}}", realtime_stack.log()
    )


def transcript_of(live: LiveCall, item_id: str) -> str:
    """The item's final transcript from the provider."""
    done = [
        event
        for event in live.of_type("response.output_audio_transcript.done")
        if event["item_id"] == item_id
    ]
    transcript: str = done[-1]["transcript"]
    return transcript


async def ended_session(person: Person, session_id: str) -> dict[str, Any]:
    """Wait for up to ten seconds until all calls have ended. Returns the session."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        session: dict[str, Any] = (await person.api("GET", f"sessions/{session_id}/")).json
        if all(call["ended_at"] for call in session["calls"]):
            return session
    raise AssertionError("the call has not ended")


async def test_a_second_call_replays_the_first_calls_history(stack: Stack, person: Person) -> None:
    session_id = await person.new_session()
    async with person.call(session_id) as live:
        await live.type("My name is Aoi.", is_silent=True)
        await live.until_type("response.done")
    await ended_session(person, session_id)

    async with person.call(session_id) as again:
        await again.type("What is my name?", is_silent=True)
        await again.until_type("response.done")

    last_call = http("GET", f"{stack.simulator_url}/simulator/calls").json["calls"][-1]
    assert last_call["received"]["conversation.item.create"] == 3
    await ended_session(person, session_id)
    turns = await person.turns(session_id)
    assert [turn["text"] for turn in turns if turn["role"] == "user"] == [
        "My name is Aoi.",
        "What is my name?",
    ]
    assert len(turns) == 4


async def test_an_admin_can_read_the_conversation(stack: Stack, person: Person) -> None:
    session_id = await person.new_session(title="About the price")
    async with person.call(session_id) as live:
        await live.type("How much does it cost?")
        await live.until_type("response.done")
    await ended_session(person, session_id)

    admin = await asyncio.to_thread(AdminClient.sign_in, stack)
    page = await asyncio.to_thread(admin.read, f"/admin/conversations/session/{session_id}/change/")
    assert "About the price" in page
    assert page.index("How much does it cost?") < page.rindex("the user left")
    assert person.token not in page


async def test_a_message_typed_just_before_leaving_is_stored(person: Person) -> None:
    session_id = await person.new_session()
    async with person.call(session_id) as live:
        await live.type("Remember this.")
    await ended_session(person, session_id)
    turns = await person.turns(session_id)
    assert [turn["text"] for turn in turns if turn["role"] == "user"] == ["Remember this."]
