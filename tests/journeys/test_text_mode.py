"""Typing without a call, then talking: one thread over the real server and the real simulator."""

import asyncio
import http.client
import json
from typing import Any

import pytest

from tests.journeys.person import Person
from tests.journeys.stack import Stack

pytestmark = pytest.mark.journey


def streamed(person: Person, path: str, body: Any) -> list[tuple[str, Any]]:
    """Send a message and read the events of its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", person.stack.port, timeout=20)
    headers = {
        "Authorization": f"Token {person.token}",
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
        "Accept-Encoding": "gzip",
    }
    connection.request("POST", f"/api/{path}", json.dumps(body), headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert response.status == 200, text
    assert response.headers["Content-Type"].startswith("text/event-stream")
    events = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


async def test_what_is_typed_is_answered_once_and_the_call_that_follows_speaks(
    stack: Stack, person: Person
) -> None:
    session_id = await person.new_session()
    messages = f"sessions/{session_id}/messages/"

    first = await person.api("POST", messages, {"text": "Hello, how are you?", "id": "m1"})
    assert first.status == 201, first.text + stack.log()
    assert (first.json["role"], first.json["status"]) == ("assistant", "completed")
    assert first.json["text"]
    again = await person.api("POST", messages, {"text": "Hello, how are you?", "id": "m1"})
    assert (again.status, again.json) == (200, first.json)

    question = {"text": "How many people work on the orders?", "id": "m2"}
    events = await asyncio.to_thread(streamed, person, messages, question)
    deltas = [data["text"] for name, data in events if name == "message.delta"]
    name, turn = events[-1]
    assert (name, turn["text"]) == ("message.completed", "".join(deltas))
    assert len(deltas) > 1

    async with person.call(session_id) as live:
        busy = await person.api("POST", messages, {"text": "Hello?"})
        assert (busy.status, busy.json["error"]["code"]) == (409, "call_live")
        await live.type("What is the most difficult part for you?")
        done = await live.until_type("response.done")
        assert live.events[done]["response"]["output_modalities"] == ["audio"]
        assert "response.output_audio.delta" in live.types()

    async with asyncio.timeout(10):
        # The call stores its last turn as it ends, after the socket is closed.
        while len(turns := await person.turns(session_id)) < 6:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert [(turn["role"], turn["modality"]) for turn in turns] == [
        ("user", "text"), ("assistant", "text"),
        ("user", "text"), ("assistant", "text"),
        ("user", "text"), ("assistant", "voice"),
    ]  # fmt: skip
    session = (await person.api("GET", f"sessions/{session_id}/")).json
    assert session["realtime_mode"] is True
    assert session["usage"]["text_in"] > 0
    assert "Hello, how are you?" not in stack.log()
