"""Leaving in mid-reply: what has been heard by then is what is stored."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocket

from tests.journeys.page.visitor import TIMEOUT_MS, Visitor, register, visiting
from tests.journeys.stack import Stack, http

pytestmark = [pytest.mark.page, pytest.mark.realtime_audio]


def open_new_session(page: Page) -> None:
    page.locator("#new-session").click()


def switch_to_text(page: Page) -> None:
    page.locator("#mode-text").click()


def truncations_of(page: Page) -> list[dict[str, Any]]:
    """A list that collects the `conversation.item.truncate` events the page sends."""
    truncations: list[dict[str, Any]] = []

    def collect(text: str | bytes) -> None:
        event = json.loads(text)
        if event["type"] == "conversation.item.truncate":
            truncations.append(event)

    def on_socket(socket: WebSocket) -> None:
        socket.on("framesent", collect)

    page.on("websocket", on_socket)
    return truncations


def hear_a_second(visitor: Visitor) -> int:
    """Ask a question and hear a second of the reply. Returns the ms heard so far."""
    visitor.tap_microphone()
    last: dict[str, Any] = visitor.page.evaluate(
        """async () => {
          const positions = () => watch.speaker.filter(({ kind }) => kind === "position");
          await watch.waitUntil(
            () => positions().at(-1)?.playedSamples >= 24000, "a second was played");
          return positions().at(-1);
        }"""
    )
    heard_ms: float = last["playedSamples"] / 24 - last["latencyMs"]
    return math.floor(heard_ms)


def interrupted_reply(visitor: Visitor, turns_url: str, token: str) -> dict[str, Any]:
    """Wait until the reply's turn is stored as interrupted, and return it."""
    for _ in range(TIMEOUT_MS // 50):
        turns = http("GET", turns_url, token=token).json["results"]
        replies = [turn for turn in turns if turn["role"] == "assistant"]
        if replies and replies[0]["status"] == "interrupted":
            reply: dict[str, Any] = replies[0]
            return reply
        visitor.page.wait_for_timeout(50)
    raise AssertionError(f"the reply was not interrupted: {turns}")


def turns_url_of(visitor: Visitor) -> str:
    return f"{visitor.stack.url}/api/sessions/{visitor.session_id}/turns/"


@pytest.mark.parametrize("leave", [open_new_session, switch_to_text])
def test_leaving_in_mid_reply_stores_what_was_heard(
    browser: Browser, stack: Stack, leave: Callable[[Page], None]
) -> None:
    login = register(stack)
    with visiting(browser, stack, login=login) as visitor:
        truncations = truncations_of(visitor.page)
        heard_ms = hear_a_second(visitor)
        turns_url = turns_url_of(visitor)
        leave(visitor.page)
        stored = interrupted_reply(visitor, turns_url, login.token)
        assert stored["heard_ms"] == truncations[0]["audio_end_ms"] >= heard_ms
        assert stored["text"].startswith(stored["heard_text"])


def test_a_connection_lost_in_mid_reply_ends_audio_and_turn_at_the_same_point(
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
              await watch.waitUntil(() => cuts().length > 0, "the sound was cut");
              return cuts()[0];
            }"""
        )
        visitor.context.set_offline(False)
        visitor.await_state("listening")
        stored = interrupted_reply(visitor, turns_url_of(visitor), login.token)
        assert heard_ms <= stored["heard_ms"] == pytest.approx(cut["playedSamples"] / 24, abs=500)


def test_closing_the_page_in_mid_reply_stores_what_was_heard(
    browser: Browser, stack: Stack
) -> None:
    login = register(stack)
    with visiting(browser, stack, login=login) as visitor:
        heard_ms = hear_a_second(visitor)
        turns_url = turns_url_of(visitor)
        visitor.page.goto("about:blank")
        stored = interrupted_reply(visitor, turns_url, login.token)
        assert heard_ms <= stored["heard_ms"] < 3_500
