"""Leaving in mid-answer: what was heard of it by then is what is kept."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocket

from tests.journeys.page.visitor import PATIENCE_MS, Visitor, register, visiting
from tests.journeys.stack import Stack, http

pytestmark = [pytest.mark.page, pytest.mark.realtime_audio]


def leave_for_another(page: Page) -> None:
    page.locator("#new-session").click()


def go_back_to_typing(page: Page) -> None:
    page.locator("#mode-text").click()


def truncations_of(page: Page) -> list[dict[str, Any]]:
    """What the page will say of cut answers."""
    said: list[dict[str, Any]] = []

    def hear(text: str | bytes) -> None:
        event = json.loads(text)
        if event["type"] == "conversation.item.truncate":
            said.append(event)

    def opened(socket: WebSocket) -> None:
        socket.on("framesent", hear)

    page.on("websocket", opened)
    return said


def hear_a_second(visitor: Visitor) -> int:
    """Ask, listen to a second of the answer; how much the page knows to be heard, in ms."""
    visitor.tap_microphone()
    last: dict[str, Any] = visitor.page.evaluate(
        """async () => {
          const positions = () => watch.speaker.filter(({ kind }) => kind === "position");
          await watch.until(() => positions().at(-1)?.playedSamples >= 24000, "a second was heard");
          return positions().at(-1);
        }"""
    )
    heard_ms: float = last["playedSamples"] / 24 - last["latencyMs"]
    return math.floor(heard_ms)


def kept_of_the_answer(visitor: Visitor, turns_url: str, token: str) -> dict[str, Any]:
    """The answer's turn as soon as it is known to be cut: it may have been whole before."""
    for _ in range(PATIENCE_MS // 50):
        turns = http("GET", turns_url, token=token).json["results"]
        answers = [turn for turn in turns if turn["role"] == "assistant"]
        if answers and answers[0]["status"] == "interrupted":
            answer: dict[str, Any] = answers[0]
            return answer
        visitor.page.wait_for_timeout(50)
    raise AssertionError(f"the answer is not cut: {turns}")


def turns_url_of(visitor: Visitor) -> str:
    return f"{visitor.stack.url}/api/sessions/{visitor.session_id}/turns/"


@pytest.mark.parametrize("leave", [leave_for_another, go_back_to_typing])
def test_what_was_heard_of_an_answer_is_told_when_one_leaves_it(
    browser: Browser, stack: Stack, leave: Callable[[Page], None]
) -> None:
    login = register(stack)
    with visiting(browser, stack, login=login) as visitor:
        truncations = truncations_of(visitor.page)
        heard_ms = hear_a_second(visitor)
        turns_url = turns_url_of(visitor)
        leave(visitor.page)
        kept = kept_of_the_answer(visitor, turns_url, login.token)
        assert kept["heard_ms"] == truncations[0]["audio_end_ms"] >= heard_ms
        assert kept["text"].startswith(kept["heard_text"])


def test_a_line_that_is_lost_in_mid_answer_ends_the_sound_and_the_record_alike(
    browser: Browser, stack: Stack
) -> None:
    login = register(stack)
    with visiting(browser, stack, login=login) as visitor:
        visitor.allow("net::ERR_INTERNET_DISCONNECTED")
        heard_ms = hear_a_second(visitor)
        visitor.context.set_offline(True)
        visitor.await_state("reconnecting")
        cut: dict[str, Any] = visitor.page.evaluate(
            """async () => {
              const cuts = () => watch.speaker.flatMap(({ kind, cuts }) =>
                kind === "flushed" ? cuts : []);
              await watch.until(() => cuts().length > 0, "the sound was cut");
              return cuts()[0];
            }"""
        )
        visitor.context.set_offline(False)
        visitor.await_state("listening")
        kept = kept_of_the_answer(visitor, turns_url_of(visitor), login.token)
        assert heard_ms <= kept["heard_ms"] == pytest.approx(cut["playedSamples"] / 24, abs=500)


def test_a_page_that_is_closed_in_mid_answer_leaves_what_was_heard(
    browser: Browser, stack: Stack
) -> None:
    login = register(stack)
    with visiting(browser, stack, login=login) as visitor:
        heard_ms = hear_a_second(visitor)
        turns_url = turns_url_of(visitor)
        visitor.page.goto("about:blank")
        kept = kept_of_the_answer(visitor, turns_url, login.token)
        assert heard_ms <= kept["heard_ms"] < 3_500
