"""A call outlives its connections to the provider, which here last five seconds."""

import asyncio
import hashlib
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.person import CHUNK_BYTES, LiveCall, Person
from tests.journeys.stack import Stack, http, running_stack
from tests.journeys.test_relay_journey import ended_session

pytestmark = pytest.mark.journey

CAP_S = 5
MOVES = 3


@pytest.fixture(scope="module")
def capped_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack whose simulator ends each session after five seconds."""
    folder = tmp_path_factory.mktemp("rotation")
    simulator = ("--cap-s", str(CAP_S), "--pace", "8", "--cheap")
    with running_stack(folder, simulator=simulator) as running:
        yield running


async def keep_the_microphone_open(live: LiveCall) -> None:
    """Send a chunk every 40 ms, each of another level that is far below speech."""
    for number in range(10_000):
        await live.say(struct.pack("<h", number % 20) * (CHUNK_BYTES // 2))


async def ask(live: LiveCall, text: str) -> str:
    """Type a question, and stop the playback of its answer half a second after its beginning.

    Returns the answer's item id.
    """
    after = len(live.events)
    await live.type(text)
    done = await live.until_type("response.done", after=after)
    item_id: str = live.events[done]["response"]["output"][0]["id"]
    await live.send(
        {
            "type": "conversation.item.truncate",
            "item_id": item_id,
            "content_index": 0,
            "audio_end_ms": 500,
        }
    )
    return item_id


def rotated(live: LiveCall) -> list[tuple[str, str]]:
    return [(event["reason"], event["result"]) for event in live.of_type("relay.rotated")]


def connections(stack: Stack, since: int = 0) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = http("GET", f"{stack.simulator_url}/simulator/calls").json[
        "calls"
    ]
    return [call for call in calls if call["number"] > since and call["api"] == "realtime"]


def inject(stack: Stack, **mishap: Any) -> None:
    answer = http("POST", f"{stack.simulator_url}/simulator/mishaps", mishap)
    assert answer.status < 300, answer.text


async def test_a_call_moves_three_times_and_loses_no_frame(capped_stack: Stack) -> None:
    person = await Person.register(capped_stack)
    session_id = await person.new_session()
    answers = []
    before = [call["number"] for call in connections(capped_stack)]
    async with person.call(session_id) as live:
        microphone = asyncio.create_task(keep_the_microphone_open(live))
        after = 0
        for number in range(MOVES):
            answers.append(await ask(live, f"Question {number}"))
            after = 1 + await live.until(
                lambda event: event["type"] == "relay.rotated" and event["result"] == "renewed",
                after=after,
            )
        answers.append(await ask(live, "The last question"))
        # It names an item of a connection that is gone.
        await live.send(
            {
                "type": "conversation.item.truncate",
                "item_id": answers[0],
                "content_index": 0,
                "audio_end_ms": 300,
            }
        )
        await live.until(
            lambda event: (
                event["type"] == "conversation.item.truncated" and event["audio_end_ms"] == 300
            )
        )
        microphone.cancel()
        await asyncio.gather(microphone, return_exceptions=True)
    session = await ended_session(person, session_id)

    assert [call["ending"] for call in session["calls"]] == ["client_left"]
    assert {reason for reason, _ in rotated(live)} == {"cap"}
    assert not live.of_type("error") + live.of_type("relay.error")
    assert len(live.of_type("relay.ready")) == 1

    # Every byte of the microphone arrived once, in order, on one connection or the next.
    at = 0
    for call in connections(capped_stack, since=max(before, default=0)):
        sent = live.sent_audio[at : at + call["audio_bytes"]]
        assert call["audio_sha256"] == hashlib.sha256(sent).hexdigest()
        at += call["audio_bytes"]
    assert at == len(live.sent_audio)

    turns = await person.turns(session_id)
    assert [(turn["role"], turn["modality"]) for turn in turns] == [
        ("user", "text"),
        ("assistant", "voice"),
    ] * (MOVES + 1)
    assert [turn["text"] for turn in turns[::2]] == [
        *(f"Question {number}" for number in range(MOVES)),
        "The last question",
    ]
    assert [turn["item_id"] for turn in turns[1::2]] == answers
    assert [turn["position"] for turn in turns] == sorted({turn["position"] for turn in turns})
    assert [turn["heard_ms"] for turn in turns[1::2]] == [300, 500, 500, 500]
    # An answer costs its tokens once, whichever connection it came on.
    spent = [event["response"]["usage"]["output_tokens"] for event in live.of_type("response.done")]
    assert session["usage"]["text_out"] + session["usage"]["audio_out"] == sum(spent)
    # The first answer on each connection is spoken.
    assert {item["type"] for item in parts(live)} == {"output_audio"}


def parts(live: LiveCall) -> list[dict[str, Any]]:
    """The content parts of all answers."""
    return [
        part
        for done in live.of_type("response.done")
        for item in done["response"]["output"]
        for part in item["content"]
    ]


async def test_a_connection_lost_in_mid_answer_is_replaced_within_the_call(
    capped_stack: Stack,
) -> None:
    person = await Person.register(capped_stack)
    session_id = await person.new_session()
    inject(capped_stack, kind="drop")
    async with person.call(session_id) as live:
        await live.type("How much does it cost?")
        lost = await live.until_type("relay.rotating")
        assert live.events[lost]["reason"] == "provider_lost"
        await live.until_type("relay.rotated", after=lost)
        await ask(live, "Are you still there?")
    session = await ended_session(person, session_id)
    assert [call["ending"] for call in session["calls"]] == ["client_left"]
    assert not live.of_type("relay.error")
    turns = await person.turns(session_id)
    assert [(turn["role"], turn["status"]) for turn in turns] == [
        ("user", "completed"),
        ("assistant", "interrupted"),
        ("user", "completed"),
        ("assistant", "interrupted"),
    ]
    assert turns[1]["text"].startswith(turns[1]["heard_text"])
    assert turns[1]["heard_ms"] is not None


async def test_a_provider_that_is_gone_for_good_ends_the_call(capped_stack: Stack) -> None:
    person = await Person.register(capped_stack)
    session_id = await person.new_session()
    async with person.call(session_id) as live:
        inject(capped_stack, kind="refuse", status=503, times=100)
        try:
            inject(capped_stack, kind="drop", calls="running")
            began = time.monotonic()
            assert await live.until_ended() == 4503
            assert time.monotonic() - began < 15
        finally:
            http("DELETE", f"{capped_stack.simulator_url}/simulator/mishaps")
    assert [event["type"] for event in live.events[-3:]] == [
        "relay.rotating",
        "relay.error",
        "relay.closing",
    ]
    assert live.events[-1]["retryable"] is True
    session = await ended_session(person, session_id)
    assert [call["ending"] for call in session["calls"]] == ["provider_unavailable"]
    assert capped_stack.log().count("call.rotation_failed") == 3
    metrics = http("GET", f"{capped_stack.url}/metrics").text
    assert 'kaiwa_rotations_total{rotation="provider_lost_failed"} 3.0' in metrics
