"""Failures: the help card that the page shows for each, and the way to continue."""

import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, Request, Response, Route, expect

from tests.journeys.audio.equipment import chromium, microphone_playing
from tests.journeys.page.visitor import Visitor, inject_fault, is_of_one_session, register, visiting
from tests.journeys.stack import Stack, http

pytestmark = pytest.mark.page

LOST_CONNECTION = ("WebSocket connection", "net::ERR_CONNECTION_REFUSED")
"""The browser's own console messages when the server is gone."""


def test_a_denied_microphone_shows_a_card_and_opens_no_call(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack), permissions=()) as visitor:
        visitor.tap_microphone()
        card = visitor.help_card("microphone_denied")
        expect(card).to_contain_text("Click the icon to the left of the page’s address")
        visitor.await_state("idle")
        assert visitor.page.evaluate("watch.sockets.length") == 0

        visitor.context.grant_permissions(["microphone"])
        card.get_by_role("button").click()
        visitor.await_state("listening")
        expect(card).to_have_count(0)


def test_a_missing_microphone_shows_a_card_and_typing_works(
    playwright: Playwright, stack: Stack
) -> None:
    with (
        chromium(playwright) as browser,
        visiting(browser, stack, login=register(stack)) as visitor,
    ):
        visitor.tap_microphone()
        expect(visitor.help_card("microphone_missing")).to_contain_text("Plug one in")
        assert visitor.type_and_wait("How many people work on the orders?")
        assert visitor.live_tracks() == 0


def test_a_silent_microphone_shows_a_card(
    playwright: Playwright, stack: Stack, tmp_path: Path
) -> None:
    with (
        chromium(playwright, *microphone_playing(tmp_path / "missing.wav")) as browser,
        visiting(browser, stack, login=register(stack)) as visitor,
    ):
        visitor.tap_microphone()
        card = visitor.help_card("microphone_silent")
        expect(card).to_contain_text("perfectly silent")
        card.get_by_role("button", name="Choose a microphone").click()
        expect(visitor.page.get_by_role("dialog", name="Settings")).to_be_visible()
        # The default one and the two of the fake device.
        expect(visitor.page.locator("#device option")).to_have_count(3)


def test_the_page_comes_back_to_a_server_that_was_killed_and_restarted(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack), is_new=True) as visitor:
        visitor.allow(*LOST_CONNECTION)
        visitor.type_and_wait("How many people work on the orders?")
        visitor.await_stored(2)
        # The refresh of the session list may be in flight when the server is killed.
        session = f"{stack.url}/api/sessions/{visitor.session_id}/"
        visitor.allow(
            f"net::ERR_EMPTY_RESPONSE ({session})", f"net::ERR_CONNECTION_RESET ({session})"
        )
        failed = failed_attempts(visitor)
        visitor.page.clock.install()
        visitor.open_muted_call()
        stack.stop("server", signal.SIGKILL)
        try:
            visitor.await_state("reconnecting")
            visitor.type("What is the most difficult part for you?")
            expect(visitor.lines.last).to_contain_text("Sending…")
            # The server is away for 25 s: three attempts would be over after 7 s.
            fail_attempts(visitor, failed, 5)
            expect(visitor.page.locator("#state-name")).to_have_text("Reconnecting")
            expect(visitor.page.locator("#state-hint")).to_contain_text("keeps trying by itself")
        finally:
            stack.start_server()
        visitor.page.clock.fast_forward(LONGEST_DELAY_MS)
        expect(visitor.answers.nth(1)).to_have_attribute("data-status", "completed")
        visitor.await_state("listening")
        expect(visitor.page.locator("#help")).to_be_empty()
        # The microphone, which was released after 30 s, is open again.
        visitor.page.evaluate(
            """watch.waitUntil(() => watch.tracks.at(-1).readyState === "live", "microphone")"""
        )
        assert visitor.live_tracks() == 1
        # Once for the loss, and once for the microphone, but not for each attempt.
        lost, resting = (text for text in visitor.watched("announced") if "Reconnecting" in text)
        assert lost == "Reconnecting: The connection was lost. Kaiwa keeps trying by itself."
        assert resting == f"{lost} The microphone is off meanwhile."

        visitor.await_stored(4)
        before = visitor.bubbles()
        assert [line["role"] for line in before] == ["user", "assistant"] * 2
        visitor.page.reload()
        expect(visitor.lines).to_have_count(4)
        assert visitor.bubbles() == before
        assert [turn["text"] for turn in visitor.turns()] == [line["text"] for line in before]


LONGEST_DELAY_MS = 9_000
"""No attempt to reconnect comes later than this after the one before."""
TICKETS = "**/api/realtime/tickets/"


def failed_attempts(visitor: Visitor) -> list[Request]:
    """The attempts of the page, from now on, to reconnect that got no ticket; the list grows."""
    failed: list[Request] = []

    def note(request: Request) -> None:
        if request.url.endswith("/api/realtime/tickets/"):
            failed.append(request)

    visitor.page.on("requestfailed", note)
    return failed


def fail_attempts(visitor: Visitor, failed: list[Request], count: int) -> None:
    """Let the page, whose clock is installed, make attempts until so many have failed.

    On a busy machine the first comes by itself before the clock is moved.
    """
    while len(failed) < count:
        visitor.page.clock.fast_forward(LONGEST_DELAY_MS)


def test_after_two_minutes_without_the_server_a_button_reconnects(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack), is_new=True) as visitor:
        visitor.allow("net::ERR_FAILED")
        visitor.type_and_wait("Hello, thank you for taking the time today.")
        visitor.await_stored(2)
        visitor.page.clock.install()
        visitor.open_muted_call()
        visitor.page.route(TICKETS, lambda route: route.abort())
        failed = failed_attempts(visitor)
        visitor.receive({"type": "relay.draining"})
        visitor.page.evaluate("watch.sockets.at(-1).close(3000)")
        visitor.type("Who else decides about this?")
        visitor.await_state("reconnecting")
        hint = visitor.page.locator("#state-hint")
        expect(hint).to_contain_text("The server is restarting.")
        assert visitor.live_tracks() == 1
        fail_attempts(visitor, failed, 5)
        # Nobody would hear it: after 30 s the microphone is released.
        expect(hint).to_contain_text("The microphone is off meanwhile.")
        assert visitor.live_tracks() == 0
        fail_attempts(visitor, failed, 21)
        card = visitor.help_card("draining")
        expect(card).to_contain_text("The server is restarting")
        expect(visitor.lines.last).to_contain_text("Not sent yet")
        visitor.page.unroute(TICKETS)
        card.get_by_role("button", name="Connect again").click()
        expect(visitor.answers.nth(1)).to_have_attribute("data-status", "completed")


def test_a_lost_network_is_shown_at_once_and_its_return_reconnects(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.allow("net::ERR_INTERNET_DISCONNECTED")
        visitor.type_and_wait("Hello, thank you for taking the time today.")
        visitor.open_muted_call()
        # Chromium's offline mode keeps an open socket: the page must not wait for it to close.
        visitor.context.set_offline(True)
        visitor.await_state("reconnecting")
        expect(visitor.page.locator("#state-hint")).to_contain_text("You are offline.")
        visitor.context.set_offline(False)
        visitor.await_state("listening")
        assert visitor.type_and_wait("How many people work on the orders?")


def test_a_provider_refusal_shows_a_card_and_the_message_is_not_lost(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        inject_fault(stack, kind="refuse", status=401)
        held: list[Route] = []
        tickets = "**/api/realtime/tickets/"
        visitor.page.route(tickets, lambda route: held.append(route), times=1)
        with visitor.page.expect_request(tickets):
            visitor.tap_microphone()
        visitor.page.locator("#mute").click()
        # While the call is being opened: after the refusal the message would be sent over REST.
        visitor.type("How many people work on the orders?")
        expect(visitor.lines).to_contain_text("Sending…")
        held[0].continue_()
        card = visitor.help_card("provider_refused")
        expect(card).to_contain_text("The voice service refused")
        assert visitor.page.evaluate("watch.sockets.length") == 1
        card.get_by_role("button").click()
        expect(visitor.answers).to_have_attribute("data-status", "completed")
        expect(visitor.lines).to_have_count(2)
        expect(card).to_have_count(0)


def test_a_failed_reply_shows_a_card_and_the_call_goes_on(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        inject_fault(stack, kind="rate_limit")
        visitor.open_muted_call()
        visitor.type("How many people work on the orders?")
        expect(visitor.help_card("answer_failed")).to_be_visible()
        visitor.type("What is the most difficult part for you?")
        expect(visitor.answers.last).to_have_attribute("data-status", "completed")
        expect(visitor.page.locator("#help")).to_be_empty()


def test_a_history_request_that_fails_is_retried(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.allow("net::ERR_FAILED")
        visitor.type_and_wait("Hello, thank you for taking the time today.")
        visitor.open_muted_call()
        visitor.page.route("**/turns/*", lambda route: route.abort())
        # Lost just after sending, before any answer can come: the server has the message, and the
        # page cannot know that.
        visitor.page.locator("#message").fill("How many people work on the orders?")
        visitor.page.evaluate(
            """() => {
              document.getElementById("send").click();
              dispatchEvent(new Event("offline"));
            }"""
        )
        # The first call was lost, and the second one could not load the history.
        visitor.page.evaluate("watch.waitUntil(() => watch.sockets.length >= 3, 'third call')")
        visitor.page.unroute("**/turns/*")
        visitor.await_state("speaking", "listening")
        expect(visitor.answers.nth(1)).to_be_visible()
        visitor.await_state("listening")
        visitor.await_stored(len(visitor.bubbles()))
        kept = [(turn["item_id"], turn["text"]) for turn in visitor.turns()]
        assert [(line["item"], line["text"]) for line in visitor.bubbles()] == kept


def test_a_typed_exchange_appears_in_other_tabs_and_when_the_user_comes_back(
    browser: Browser, stack: Stack
) -> None:
    """A tab of the same browser is told; another device looks when it gets the focus."""
    login = register(stack)
    with visiting(browser, stack, login=login) as first:
        first.type_and_wait("Hello, thank you for taking the time today.")
        first.await_stored(2)
        with visiting(browser, stack, login=login) as second:
            second.open(f"/#/s/{first.session_id}")
            second.page.reload()
            expect(second.lines).to_have_count(2)
            tab = first.page.context.new_page()
            tab.goto(first.page.url)
            tab_lines = tab.locator("#lines .line")
            expect(tab_lines).to_have_count(2)
            first.type_and_wait("How many people work on the orders?")
            first.await_stored(4)
            expect(tab_lines).to_have_count(4)
            tab.close()
            second.page.evaluate("dispatchEvent(new Event('focus'))")
            expect(second.lines).to_have_count(4)
            second.type("What is the most difficult part for you?")
            expect(second.answers.nth(2)).to_have_attribute("data-status", "completed")
            second.await_stored(6)
            stored = [turn["text"] for turn in second.turns()]
            assert [line["text"] for line in second.bubbles()] == stored


def test_a_session_taken_over_by_another_tab_is_not_reconnected(
    browser: Browser, stack: Stack
) -> None:
    login = register(stack)
    with visiting(browser, stack, login=login) as first:
        first.type_and_wait("How many people work on the orders?")
        first.await_stored(2)
        first.open_muted_call()
        with visiting(browser, stack, login=login) as second:
            second.open(f"/#/s/{first.session_id}")
            second.page.reload()
            expect(second.lines).to_have_count(2)
            second.open_muted_call()
            second.type_and_wait("What is the most difficult part for you?")
            card = first.help_card("taken_over")
            expect(card).to_be_visible()
            # Long enough for a first reconnect attempt, which must not happen.
            first.page.wait_for_timeout(1500)
            assert first.page.evaluate("watch.sockets.length") == 1
            expect(first.page.locator("html")).to_have_attribute("data-state", "ended")

            card.get_by_role("button", name="Talk here").click()
            expect(second.help_card("taken_over")).to_be_visible()
            expect(first.lines).to_have_count(4)
            assert first.bubbles() == second.bubbles()


def is_refresh(response: Response) -> bool:
    """True for the request that refreshes the session list after a turn, the last one of a turn."""
    return response.request.method == "GET" and is_of_one_session(response.url)


def test_signing_out_elsewhere_ends_this_call(browser: Browser, stack: Stack) -> None:
    refreshes: list[Response] = []

    def is_of_answer(response: Response) -> bool:
        """True for the second refresh: the first is of the message, whose answer still sounds."""
        refreshes.extend([response] if is_refresh(response) else [])
        return len(refreshes) == 2

    with visiting(browser, stack, login=register(stack)) as visitor:
        with visitor.page.expect_response(is_of_answer):
            visitor.open_muted_call()
            visitor.type_and_wait("How many people work on the orders?")
        assert all(response.ok for response in refreshes)
        http("POST", f"{stack.url}/api/auth/logout/", token=visitor.token)
        expect(visitor.help_card("revoked")).to_contain_text("You signed out elsewhere")
        visitor.page.get_by_role("button", name="Sign in").click()
        expect(visitor.page.get_by_label("Username")).to_be_focused()
        expect(visitor.page.get_by_text("Your session has expired.")).to_be_visible()


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"
HOSTILE_EVENTS = (
    {
        "type": "response.output_audio_transcript.delta",
        "response_id": "resp_hostile",
        "item_id": "item_hostile",
        "content_index": 0,
        "delta": f"{HOSTILE} heard",
    },
    {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_hostile_user",
        "content_index": 0,
        "transcript": f"{HOSTILE} said",
    },
    {"type": "relay.error", "code": "rate_limit", "message": HOSTILE},
)


def test_a_hostile_transcript_is_shown_as_text(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.type_and_wait(HOSTILE)
        visitor.await_stored(2)
        session = f"{stack.url}/api/sessions/{visitor.session_id}/"
        title = visitor.page.locator("#sessions .session-title")
        expect(title).to_contain_text("<img src=x")
        assert_is_text(visitor)

        http("PATCH", session, {"title": HOSTILE}, token=visitor.token)
        visitor.page.reload()
        expect(title).to_have_text(HOSTILE)
        expect(visitor.page.locator("#title")).to_have_text(HOSTILE)
        expect(visitor.lines.first.locator(".text")).to_have_text(HOSTILE)

        visitor.open_muted_call()
        visitor.type_and_wait("How many people work on the orders?")
        for event in HOSTILE_EVENTS:
            visitor.receive(event)
        for text in (f"{HOSTILE} heard", f"{HOSTILE} said"):
            expect(visitor.page.get_by_text(text, exact=True)).to_be_visible()
        visitor.choose_in_menu("Delete", of=HOSTILE)
        expect(visitor.page.locator("#undo-text")).to_contain_text(HOSTILE)
        assert_is_text(visitor)


def assert_is_text(visitor: Visitor) -> None:
    """Check that no element was created; `visiting` checks dialogs, requests and the CSP."""
    assert visitor.page.locator("img, body script").count() == 0


def test_a_provider_that_is_lost_in_mid_answer_is_replaced_within_the_call(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.open_muted_call()
        inject_fault(stack, kind="drop", calls="running", after="response.output_audio.delta")
        visitor.type("How many people work on the orders?")
        visitor.await_event("relay.rotated")
        expect(visitor.answers).to_have_attribute("data-status", "interrupted")
        visitor.await_state("listening")
        visitor.type("What is the most difficult part for you?")
        expect(visitor.answers.last).to_have_attribute("data-status", "completed")
        expect(visitor.lines).to_have_count(4)
        expect(visitor.page.locator("#help")).to_be_empty()
        assert visitor.page.evaluate("watch.sockets.length") == 1
        assert "reconnecting" in visitor.watched("states")
        visitor.await_stored(4)
        kept = [turn["text"] for turn in visitor.turns()]
        assert [line["text"] for line in visitor.bubbles()][::2] == kept[::2]
