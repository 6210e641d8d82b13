"""Calls through nginx, PostgreSQL and two replicas: on both servers, over a reload and a stop."""

import asyncio
import http.client
import json
import re
import signal
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.chat.clip_files import wav
from tests.full_stack import FullStack, children_of
from tests.journeys.audio.equipment import FAKE_DEVICE, chromium
from tests.journeys.page.visitor import register, visiting
from tests.journeys.person import LiveCall, Person
from tests.journeys.speech import QUESTION, speak
from tests.journeys.stack import http as request
from tests.journeys.stack_client import Client, publish, replica_answering

pytestmark = pytest.mark.stack

DAPHNE_REPLICA = 3


@pytest.fixture
def on_daphne(full_stack: FullStack) -> Iterator[FullStack]:
    """The stack with one more replica, on Daphne, and no other behind nginx."""
    full_stack.spawn_replica(DAPHNE_REPLICA, server="daphne")
    full_stack.await_replica(DAPHNE_REPLICA)
    address = full_stack.replica_address(DAPHNE_REPLICA)
    client = Client(full_stack)
    try:
        publish(
            full_stack,
            lambda: replica_answering(full_stack, client).startswith(address),
            DAPHNE_REPLICA,
        )
        yield full_stack
    finally:
        publish(
            full_stack,
            lambda: not replica_answering(full_stack, client).startswith(address),
            1,
            2,
        )
        full_stack.stop(f"web-{DAPHNE_REPLICA}")
        client.close()


async def eventually(holds: Callable[[], Awaitable[Any]], seconds: float = 10) -> Any:
    """Wait until `holds()` returns a true value, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := await holds()):
        assert time.monotonic() < deadline, "it did not come in time"
        await asyncio.sleep(0.05)
    return value


async def stored_turns(person: Person, session_id: str, count: int) -> list[dict[str, Any]]:
    """Wait until so many final turns are stored."""

    async def final() -> list[dict[str, Any]]:
        turns = await person.turns(session_id)
        done = [turn for turn in turns if turn["status"] != "in_progress" and turn["text"]]
        return turns if len(done) >= count else []

    turns: list[dict[str, Any]] = await eventually(final)
    return turns


def call_id_of(live: LiveCall) -> str:
    (ready,) = live.of_type("relay.ready")
    call_id: str = ready["call_id"]
    return call_id


def replica_of(stack: FullStack, call_id: str) -> int:
    """The number of the replica that serves the call, by its log."""
    found = [number for number in (1, 2, 3) if call_id in _log_of(stack, f"web-{number}")]
    assert len(found) == 1
    return found[0]


def _log_of(stack: FullStack, name: str) -> str:
    return stack.log_of(name) if (stack.folder / f"{name}.log").exists() else ""


async def speak_and_type(stack: FullStack) -> tuple[Person, str, str]:
    """A conversation of four turns. Returns the user, the session's and the call's id."""
    person = await Person.register(stack)
    session_id = await person.new_session()
    ticket = await person.api("POST", "realtime/tickets/", {"session_id": session_id})
    assert ticket.json["url"] == f"{stack.socket_url}/ws/realtime/{session_id}/"
    async with person.call(session_id) as live:
        await live.say(await speak(QUESTION), pace=4)
        await live.say_nothing(0.7, pace=4)
        await live.until_type("response.done")
        typed_at = len(live.events)
        # A silent answer is complete when it has come; a spoken one must have been played.
        await live.type("How much does it cost?", is_silent=True)
        await live.until_type("response.done", after=typed_at)
    turns = await stored_turns(person, session_id, 4)
    assert [(turn["role"], turn["modality"]) for turn in turns] == [
        ("user", "voice"), ("assistant", "voice"), ("user", "text"), ("assistant", "text"),
    ]  # fmt: skip
    assert (turns[0]["text"], turns[2]["text"]) == (QUESTION, "How much does it cost?")
    assert {turn["status"] for turn in turns} == {"completed"}
    return person, session_id, call_id_of(live)


async def test_a_spoken_and_typed_conversation_is_stored(full_stack: FullStack) -> None:
    person, session_id, call_id = await speak_and_type(full_stack)

    # The id of the handshake's request is in nginx's line and in the last line of the call.
    async def access_line() -> dict[str, Any] | None:
        lines = [line for line in full_stack.nginx_log().splitlines() if line.startswith("{")]
        of_call = [json.loads(line) for line in lines if f"/ws/realtime/{session_id}/" in line]
        return of_call[0] if of_call else None

    line = await eventually(access_line)
    assert line["status"] == "101"
    replica = f"web-{replica_of(full_stack, call_id)}"

    # The call ends after its connection: the provider's pending replies are read first.
    async def ended_lines() -> list[str]:
        return re.findall(rf"call\.ended .*call_id={call_id}.*", full_stack.log_of(replica))

    (ended,) = await eventually(ended_lines)
    assert f"request_id={line['request_id']}" in ended

    for secret in (person.token, full_stack.env["OPENAI_API_KEY"], full_stack.env["SECRET_KEY"]):
        assert secret not in full_stack.log()
    for words in (QUESTION, "How much does it cost?", "relay.ticket."):
        assert words not in full_stack.log()


async def test_a_conversation_on_daphne_is_stored(on_daphne: FullStack) -> None:
    _, _, call_id = await speak_and_type(on_daphne)
    assert replica_of(on_daphne, call_id) == DAPHNE_REPLICA


async def test_an_answer_is_streamed_word_by_word(full_stack: FullStack) -> None:
    person = await Person.register(full_stack)
    session_id = await person.new_session()

    def arrivals() -> list[float]:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", full_stack.port, timeout=20, context=ssl.create_default_context()
        )
        headers = {
            "Authorization": f"Token {person.token}",
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
        }
        body = json.dumps({"text": "How many people work on the orders?"})
        connection.request("POST", f"/api/sessions/{session_id}/messages/", body, headers)
        response = connection.getresponse()
        times = [time.monotonic() for line in response if line.startswith(b"event:")]
        connection.close()
        return times

    times = await asyncio.to_thread(arrivals)
    assert len(times) > 3
    # The simulator writes a word every 50 ms at this pace.
    assert times[-1] - times[0] > 0.1


async def test_a_dictated_clip_passes(full_stack: FullStack) -> None:
    person = await Person.register(full_stack)
    session_id = await person.new_session()
    clip = wav(0, 24_000, pcm=await speak(QUESTION))
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        + clip
        + b"\r\n--x--\r\n"
    )
    client = Client(full_stack)
    response = await asyncio.to_thread(
        client.send, "POST", f"/api/sessions/{session_id}/transcriptions/", body,
        Content__Type="multipart/form-data; boundary=x", Authorization=f"Token {person.token}",
    )  # fmt: skip
    client.close()
    assert (response.status, json.loads(response.text)) == (200, {"text": QUESTION})


async def test_a_reload_cuts_no_call(full_stack: FullStack) -> None:
    person = await Person.register(full_stack)
    session_id = await person.new_session()
    nginx = full_stack.processes["nginx"]
    async with person.call(session_id) as live:
        before = children_of(nginx.pid)
        nginx.send_signal(signal.SIGHUP)

        async def has_new_workers() -> bool:
            return bool(children_of(nginx.pid) - before)

        await eventually(has_new_workers)
        await live.type("How much does it cost?")
        await live.until_type("response.done")
        assert before & children_of(nginx.pid), "no old worker is left to serve the call"
        assert (await person.api("GET", "auth/me/")).status == 200

    async def old_workers_are_gone() -> bool:
        return not before & children_of(nginx.pid)

    await eventually(old_workers_are_gone)


async def test_a_replica_that_stops_in_mid_answer_hands_over_to_the_other(
    full_stack: FullStack,
) -> None:
    person = await Person.register(full_stack)
    session_id = await person.new_session()
    async with person.call(session_id) as live:
        number = replica_of(full_stack, call_id_of(live))
        await live.type("How many people work on the orders?")
        await live.until_type("response.output_audio.delta")
        process = full_stack.processes.pop(f"web-{number}")
        process.send_signal(signal.SIGTERM)
        await live.until_type("relay.draining")
        done = await live.until_type("response.done")
        assert live.events[done]["response"]["status"] == "completed"
        assert await live.until_ended() == 1012
    (closing,) = live.of_type("relay.closing")
    assert closing["retryable"] is True

    # `web` still has both addresses, as in the moment before a name server forgets one.
    async with person.call(session_id) as again:
        assert replica_of(full_stack, call_id_of(again)) != number
        await again.type("How much does it cost?", is_silent=True)
        await again.until_type("response.done")
    turns = await stored_turns(person, session_id, 4)
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * 2
    assert {turn["status"] for turn in turns} == {"completed"}
    assert [turn["position"] for turn in turns] == sorted(turn["position"] for turn in turns)
    assert await asyncio.to_thread(process.wait, 40) == 0
    await asyncio.to_thread(full_stack.start_replicas, number)
    full_stack.publish_replicas(1, 2)


def test_the_page_signs_in_types_is_answered_and_opens_a_call(full_stack: FullStack) -> None:
    body = {"username": "stack-visitor", "password": "a-long-walk-in-the-rain"}
    assert request("POST", f"{full_stack.url}/api/auth/register/", body).status == 201
    with (
        sync_playwright() as playwright,
        chromium(playwright, *FAKE_DEVICE) as browser,
        # Chromium does not read SSL_CERT_FILE.
        visiting(browser, full_stack, is_new=True, ignore_https_errors=True) as visitor,
    ):
        page = visitor.page
        page.get_by_label("Username").fill(body["username"])
        page.get_by_label("Password").fill(body["password"])
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.locator("#message")).to_be_focused()
        assert visitor.type_and_wait("How much does it cost?")
        visitor.await_stored(2)
        # A browser gives its microphone to https only.
        visitor.tap_microphone()
        # Chromium's test device beeps: it may be heard at once, and again and again.
        visitor.await_state("listening", "hearing_you")
        assert any(url.startswith(full_stack.socket_url) for url in visitor.requests)
        visitor.tap_typing()
        visitor.await_state("idle")


def test_the_page_comes_back_from_a_replica_that_stops_in_mid_answer(
    full_stack: FullStack,
) -> None:
    with (
        sync_playwright() as playwright,
        chromium(playwright, *FAKE_DEVICE) as browser,
        visiting(
            browser, full_stack, login=register(full_stack), ignore_https_errors=True
        ) as visitor,
    ):
        visitor.open_muted_call()
        number = replica_of(full_stack, f"session_id={visitor.session_id}")
        visitor.type("How many people work on the orders?")
        visitor.await_state("speaking")
        process = full_stack.processes.pop(f"web-{number}")
        process.send_signal(signal.SIGTERM)
        visitor.await_event("relay.closing")
        expect(visitor.answers.first).to_have_attribute("data-status", "completed")
        visitor.await_state("listening")
        expect(visitor.page.locator("#help")).to_be_empty()

        assert visitor.type_and_wait("How much does it cost?")
        visitor.await_stored(4)
        turns = visitor.turns()
        assert [turn["role"] for turn in turns] == ["user", "assistant"] * 2
        assert {turn["status"] for turn in turns} == {"completed"}
        assert [turn["text"] for turn in turns] == [line["text"] for line in visitor.bubbles()]
    assert process.wait(40) == 0
    full_stack.start_replicas(number)
    full_stack.publish_replicas(1, 2)
