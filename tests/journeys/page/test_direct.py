"""The page `/openai-realtime`: a browser that talks to the provider itself, without the relay."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Playwright, expect

from tests.journeys.audio.equipment import Samples, chromium, floats_from, microphone_playing
from tests.journeys.page.conftest import QUESTION, SECOND_QUESTION
from tests.journeys.page.speech_files import microphone_wav
from tests.journeys.page.test_accessibility import find_violations
from tests.journeys.page.test_webrtc import MICROPHONE, say
from tests.journeys.page.visitor import Visitor, register, visiting
from tests.journeys.person import Person
from tests.journeys.speech import speak
from tests.journeys.stack import Stack, http
from tests.journeys.test_relay_journey import ended_session

pytestmark = pytest.mark.page

PATH = "/openai-realtime"
SILENT_WITHIN_MS = 50
PAUSE_BEFORE_INTERRUPTION_S = 4.0
"""The reply begins about a second after the question and lasts seven."""
RELAY_PACE = 4
SECOND_ANSWER_S = 5.0
TOOL_CALL = {
    "type": "response.output_item.done",
    "item": {
        "id": "item_tool", "type": "function_call", "name": "find_customer",
        "arguments": '{"name": "Sato", "limit": 3}',
    },
}  # fmt: skip


def azure_origin(stack: Stack) -> str:
    """Where the simulator plays Azure, for a WebSocket."""
    return f"ws://localhost:{stack.simulator_port}"


@contextmanager
def visiting_direct_page(
    browser: Browser, stack: Stack, **options: Any
) -> Iterator[tuple[Visitor, str]]:
    """Sign in and open the page. Yields also the user's token."""
    login = register(stack)
    with visiting(browser, stack, login=login, **options) as visitor:
        visitor.origins.append(stack.simulator_url.replace("http", "ws", 1))
        visitor.origins.append(azure_origin(stack))
        visitor.open(PATH)
        visitor.page.locator("#direct-transport").select_option("websocket")
        yield visitor, login.token


def connect(visitor: Visitor) -> None:
    visitor.page.locator("#direct-connect").click()
    expect(visitor.page.locator("#direct-status")).to_have_attribute("data-link", "connected")


def stored_turns(stack: Stack, session_id: str, token: str) -> list[dict[str, Any]]:
    answer = http("GET", f"{stack.url}/api/sessions/{session_id}/turns/", token=token)
    assert answer.status == 200, answer.text
    results: list[dict[str, Any]] = answer.json["results"]
    return results


async def talk_over_the_relay(
    stack: Stack, voice: str, truncation: dict[str, Any]
) -> list[dict[str, Any]]:
    """The journey's script through the relay, faster; the answer is cut off at the same place.

    Returns the turns.
    """
    person = await Person.register(stack)
    session_id = await person.new_session(voice=voice)
    async with person.call(session_id) as live:

        async def ask(question: str) -> None:
            for sound in (b"\0" * 24_000, await speak(question), b"\0" * 36_000):
                await live.say(sound, pace=RELAY_PACE)

        await ask(QUESTION)
        answered = await live.until_type("response.done")
        item_id = live.of_type("response.output_audio.delta")[0]["item_id"]
        await ask(SECOND_QUESTION)
        await live.until_type("input_audio_buffer.speech_started", after=answered)
        cut = {name: truncation[name] for name in ("type", "content_index", "audio_end_ms")}
        await live.send({**cut, "item_id": item_id})
        await live.until_type("response.done", after=answered + 1)
        # The relay assumes that the client plays the answer at its own speed.
        await asyncio.sleep(SECOND_ANSWER_S)
    await ended_session(person, session_id)
    return await person.turns(session_id)


@dataclass(slots=True)
class Journey:
    """What one conversation produced; the tests below check it."""

    heard: Samples = field(default_factory=lambda: np.zeros(0))
    rate: int = 0
    interrupted_at_frame: int = 0
    """The frame of `heard` at which the page received the interruption's `speech_started`."""
    bubbles: list[dict[str, Any]] = field(default_factory=list)
    truncations: list[dict[str, Any]] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    relayed_turns: list[dict[str, Any]] = field(default_factory=list)
    """Those of the same script through the relay."""
    tracks_after_recording: int = 0
    calls: int = 0


@pytest.fixture(scope="module")
def journey(
    playwright: Playwright, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Journey:
    """Ask by voice, interrupt the answer with another question, and hear that one's to the end."""
    wav = microphone_wav(
        tmp_path_factory.mktemp("direct") / "talk.wav",
        QUESTION, PAUSE_BEFORE_INTERRUPTION_S, SECOND_QUESTION,
    )  # fmt: skip
    result = Journey()
    with (
        chromium(playwright, *microphone_playing(wav)) as browser,
        visiting_direct_page(browser, stack) as (visitor, token),
        ThreadPoolExecutor(1) as thread,
    ):
        page = visitor.page
        connect(visitor)
        page.get_by_role("button", name="Start Recording").click()
        expect(page.get_by_role("button", name="Stop Recording")).to_be_visible()
        visitor.start_recording()
        expect(visitor.answers.nth(0)).to_have_attribute("data-status", "interrupted")
        # The bound in milliseconds is behind us; the page's second answer is still to come.
        session = f"{stack.url}/api/sessions/{visitor.session_id}/"
        voice = http("GET", session, token=token).json["voice"]
        (cut,) = visitor.sent("conversation.item.truncate")
        relayed = thread.submit(asyncio.run, talk_over_the_relay(stack, voice, cut))
        expect(visitor.answers.nth(1)).to_have_attribute("data-status", "completed")
        # Its whole text is shown when its sound is over.
        expect(visitor.answers.nth(1).locator(".text")).to_contain_text("next spring.")
        recorded = page.evaluate("watch.stopRecording()")
        page.get_by_role("button", name="Stop Recording").click()
        page.evaluate(
            """() => watch.waitUntil(
              () => watch.tracks.every(({ readyState }) => readyState === "ended"), "no track")"""
        )
        result.tracks_after_recording = visitor.live_tracks()
        visitor.await_stored(4)
        page.get_by_role("button", name="Disconnect").click()
        result.rate = recorded["sampleRate"]
        result.heard = floats_from(recorded["heard"])
        result.interrupted_at_frame = int(recorded["cutAtContextS"] * result.rate)
        result.bubbles = visitor.bubbles()
        result.truncations = visitor.sent("conversation.item.truncate")
        result.turns = stored_turns(stack, visitor.session_id, token)
        result.calls = http("GET", session, token=token).json["call_count"]
        result.relayed_turns = relayed.result()
    return result


@pytest.mark.exclusive
def test_the_sentences_arrive_and_both_sides_are_shown(journey: Journey) -> None:
    assert [(line["role"], line["modality"], line["status"]) for line in journey.bubbles] == [
        ("user", "voice", "completed"),
        ("assistant", "voice", "interrupted"),
        ("user", "voice", "completed"),
        ("assistant", "voice", "completed"),
    ]
    asked = [line["text"] for line in journey.bubbles if line["role"] == "user"]
    assert asked == [QUESTION, SECOND_QUESTION]


@pytest.mark.exclusive
def test_the_answer_is_heard_and_an_interruption_silences_it_at_once(
    journey: Journey, measurements: dict[str, str]
) -> None:
    heard, rate, interrupted_at_frame = journey.heard, journey.rate, journey.interrupted_at_frame
    assert np.any(heard[interrupted_at_frame - rate // 4 : interrupted_at_frame]), (
        "nothing was playing at the interruption"
    )
    sounding = np.flatnonzero(heard[interrupted_at_frame : interrupted_at_frame + rate // 2])
    silent_after_ms = float(sounding[-1] + 1) * 1000 / rate if len(sounding) else 0.0
    assert silent_after_ms < SILENT_WITHIN_MS
    measurements["silence after an interruption, direct"] = f"{silent_after_ms:.0f} ms"
    assert journey.tracks_after_recording == 0


@pytest.mark.exclusive
def test_the_turns_are_stored_as_reported_with_what_was_heard(journey: Journey) -> None:
    assert [turn["text"] for turn in journey.turns] == [line["text"] for line in journey.bubbles]
    assert [turn["status"] for turn in journey.turns] == [
        line["status"] for line in journey.bubbles
    ]
    assert all(turn["is_reported"] for turn in journey.turns)
    (truncation,) = journey.truncations
    interrupted = journey.turns[1]
    assert interrupted["heard_ms"] == truncation["audio_end_ms"] > 1000
    assert interrupted["heard_text"] == journey.bubbles[1]["heard"].strip()
    # No call went through the server.
    assert journey.calls == 0


@pytest.mark.exclusive
def test_the_turns_are_those_of_the_relay_but_marked_as_reported(journey: Journey) -> None:
    def rows(turns: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        names = ("role", "modality", "status", "text", "heard_text", "heard_ms")
        return [tuple(turn[name] for name in names) for turn in turns]

    assert rows(journey.turns) == rows(journey.relayed_turns)
    assert [turn["is_reported"] for turn in journey.turns] == [True] * 4
    assert [turn["is_reported"] for turn in journey.relayed_turns] == [False] * 4


@pytest.mark.untimed_audio
def test_over_webrtc_what_was_said_before_stop_recording_is_answered(
    browser: Browser, stack: Stack
) -> None:
    with visiting_direct_page(browser, stack) as (visitor, _):
        page = visitor.page
        page.evaluate(MICROPHONE)
        page.locator("#direct-transport").select_option("webrtc")
        connect(visitor)
        page.get_by_role("button", name="Start Recording").click()
        stop = page.get_by_role("button", name="Stop Recording")
        expect(stop).to_be_visible()
        say(visitor, QUESTION)
        page.evaluate("watch.said")
        # No silence was sent yet: the turn is still open.
        stop.click()
        expect(visitor.answers.first).to_have_attribute("data-status", "completed")
        visitor.await_stored(2)


@pytest.mark.untimed_audio
def test_with_azure_chosen_it_is_azure_that_answers(browser: Browser, stack: Stack) -> None:
    with visiting_direct_page(browser, stack) as (visitor, token):
        page = visitor.page
        provider, model = page.get_by_label("Provider"), page.locator("#direct-model")
        expect(provider.locator("option")).to_have_text(
            [
                f"OpenAI (127.0.0.1:{stack.simulator_port})",
                f"Azure OpenAI (localhost:{stack.simulator_port})",
            ]
        )
        provider.select_option("azure")
        expect(model.locator("option")).to_have_text(["voice-eu", "mini-eu"])
        model.select_option("mini-eu")
        connect(visitor)
        expect(provider).to_be_disabled()
        opened = [url for url in visitor.requests if url.startswith("ws://")]
        assert opened == [f"{azure_origin(stack)}/openai/v1/realtime?model=mini-eu"]
        page.get_by_role("button", name="Start Recording").click()
        expect(visitor.answers.first).to_have_attribute("data-status", "completed")
        page.get_by_role("button", name="Stop Recording").click()
        visitor.await_stored(2)
        page.get_by_role("button", name="Disconnect").click()

        session = f"{stack.url}/api/sessions/{visitor.session_id}/"
        assert http("GET", session, token=token).json["provider"] == "azure"
        page.reload()
        expect(provider).to_have_value("azure")
        expect(page.locator("#direct-transport")).to_have_value("webrtc")
        # Our server makes this call, at the provider that is chosen now.
        provider.select_option("openai")
        connect(visitor)
        changed = http("GET", session, token=token).json
        assert (changed["provider"], changed["model"], changed["call_count"]) == (
            "openai", "gpt-realtime", 1,
        )  # fmt: skip
        page.get_by_role("button", name="Disconnect").click()
        provider.select_option("azure")
        connect(visitor)
        changed = http("GET", session, token=token).json
        assert (changed["provider"], changed["model"], changed["call_count"]) == (
            "azure", "voice-eu", 2,
        )  # fmt: skip


def test_a_page_that_is_closed_reports_what_was_said(browser: Browser, stack: Stack) -> None:
    with visiting_direct_page(browser, stack) as (visitor, token):
        connect(visitor)
        session_id = visitor.session_id
        for event in (
            {"type": "input_audio_buffer.committed", "item_id": "item_u", "previous_item_id": None},
            {
                "type": "conversation.item.input_audio_transcription.completed",
                "item_id": "item_u", "content_index": 0, "transcript": "Are you open on Sunday?",
            },
            {"type": "response.created", "response": {"id": "resp_1"}},
            {
                "type": "response.output_audio_transcript.delta", "response_id": "resp_1",
                "item_id": "item_a", "content_index": 0, "delta": "On Sunday we",
            },
        ):  # fmt: skip
            visitor.receive(event)
        visitor.open(f"/#/s/{session_id}")
        expect(visitor.lines.nth(0)).to_contain_text("Are you open on Sunday?")
        expect(visitor.lines.nth(1)).to_contain_text("On Sunday we")
        expect(visitor.lines.nth(1)).to_contain_text("not verified")
        turns = stored_turns(stack, session_id, token)
        assert [(turn["role"], turn["status"]) for turn in turns] == [
            ("user", "completed"), ("assistant", "interrupted"),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "theme", "width"), [("en", "light", 1280), ("ja", "dark", 360)]
)
def test_axe_finds_no_violation(
    browser: Browser, stack: Stack, language: str, theme: str, width: int
) -> None:
    with visiting_direct_page(
        browser, stack,
        preferences={"language": language, "theme": theme},
        viewport={"width": width, "height": 740},
    ) as (visitor, _):  # fmt: skip
        page = visitor.page
        found = {"disconnected": find_violations(visitor, "html")}
        connect(visitor)
        visitor.receive(TOOL_CALL)
        expect(page.locator("#direct-tool-list")).to_contain_text("find_customer name: Sato")
        found["connected"] = find_violations(visitor, "html")
        visitor.allow("503 (Service Unavailable)")
        refusal = {"success": False, "error": "no key"}
        page.route(
            "**/api/openai/realtime/session", lambda route: route.fulfill(status=503, json=refusal)
        )
        page.locator("#direct-connect").click()
        page.locator("#direct-connect").click()
        expect(page.locator("#direct-status")).to_have_attribute("data-link", "error")
        expect(page.locator("#direct-error")).to_contain_text("OPENAI_API_KEY")
        found["error"] = find_violations(visitor, "html")
        assert {state: violations for state, violations in found.items() if violations} == {}
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_signed_out_the_page_leads_to_the_sign_in_and_back(browser: Browser, stack: Stack) -> None:
    login = register(stack)
    with visiting(browser, stack) as visitor:
        visitor.open(PATH)
        page = visitor.page
        page.get_by_role("link", name="Go to sign-in").click()
        page.get_by_label("Username").fill(login.username)
        page.get_by_label("Password").fill(login.password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{stack.url}{PATH}")
        expect(page.get_by_role("button", name="Connect")).to_be_visible()
