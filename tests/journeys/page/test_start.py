"""The start of the page in a browser that refuses something, and in one that is too old."""

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.journeys.page.visitor import register, visiting
from tests.journeys.stack import Stack

pytestmark = pytest.mark.page

BLOCK_STORAGE = """
  for (const name of ["localStorage", "sessionStorage"]) {
    Object.defineProperty(globalThis, name, {
      get() { throw new DOMException("The operation is insecure.", "SecurityError"); },
    });
  }
"""
"""As a browser does that blocks the cookies and the data of all sites."""
RELOAD = "Reload the page / ページを再読み込み"


def test_with_blocked_storage_the_page_works_and_says_once_that_the_login_is_not_kept(
    browser: Browser, stack: Stack
) -> None:
    login = register(stack)
    with visiting(browser, stack) as visitor:
        page = visitor.page
        page.add_init_script(BLOCK_STORAGE)
        page.reload()
        expect(page.locator("#sign-in-notice")).to_contain_text("you have to sign in again")
        page.locator("#username").fill(login.username)
        page.locator("#password").fill(login.password)
        page.locator("#sign-in-submit").click()
        expect(page.locator("#message")).to_be_visible()
        assert visitor.type_and_wait("Hello")
        page.locator("#account").click()
        page.locator("#sign-out").click()
        expect(page.locator("#sign-in-submit")).to_be_visible()
        expect(page.locator("#sign-in-notice")).to_be_hidden()


def test_a_start_that_fails_shows_a_sentence_and_a_button(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        # The conversation of this address does not exist.
        visitor.allow("net::ERR_FAILED", "planned", "404")
        address = f"{stack.url}/#/s/00000000-0000-4000-8000-000000000000"

        def abort(route: Route) -> None:
            route.abort()

        def throw(route: Route) -> None:
            body = 'await 0; throw new Error("planned");'
            route.fulfill(content_type="text/javascript", body=body)

        for module, happens in [("latest", abort), ("app-realtime", throw)]:
            page.route(f"**/{module}.js", happens)
            page.goto("about:blank")
            page.goto(address)
            expect(page.get_by_role("heading", name="Kaiwa did not start")).to_be_visible()
            expect(page.get_by_role("heading", name="開始できませんでした")).to_be_visible()
            expect(page.get_by_role("heading", name="too old")).to_be_hidden()
            expect(page.get_by_role("button", name=RELOAD)).to_be_focused()
            page.unroute(f"**/{module}.js")
        page.keyboard.press("Enter")
        expect(page.locator("#message")).to_be_visible()
        assert page.url == address


@pytest.mark.parametrize("is_signed_in", [False, True])
def test_a_talk_screen_that_does_not_come_is_told_when_somebody_is_signed_in(
    browser: Browser, stack: Stack, is_signed_in: bool
) -> None:
    login = register(stack)
    with visiting(browser, stack, login=login if is_signed_in else None) as visitor:
        page = visitor.page
        visitor.allow("net::ERR_FAILED", "Failed to fetch dynamically imported module")
        page.route("**/session-list.js", lambda route: route.abort())
        page.reload()
        if not is_signed_in:
            page.locator("#username").fill(login.username)
            page.locator("#password").fill(login.password)
            page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Kaiwa did not start")).to_be_visible()
        expect(page.get_by_role("button", name=RELOAD)).to_be_focused()
        page.unroute("**/session-list.js")
        page.keyboard.press("Enter")
        expect(page.locator("#message")).to_be_visible()


def test_a_browser_that_is_too_old_is_shown_a_sentence_and_opens_nothing(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        page.add_init_script("delete AbortSignal.timeout;")
        visitor.requests.clear()
        page.reload()
        expect(page.get_by_role("heading", name="This browser is too old")).to_be_visible()
        expect(page.get_by_role("heading", name="did not start")).to_be_hidden()
        expect(page.get_by_role("button", name=RELOAD)).to_be_visible()
        assert [url for url in visitor.requests if "/api/" in url or url.startswith("ws")] == []


def test_without_newer_apis_it_types_and_talks_and_an_exception_closes_the_microphone(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        # Missing in Safari 16.4 to 17.3, and in Firefox before 121, 124 and 125.
        page.add_init_script(
            "delete Promise.withResolvers; delete AbortSignal.any; delete Intl.Segmenter;"
        )
        page.reload()
        assert visitor.type_and_wait("Hello")
        visitor.open_muted_call()
        assert visitor.live_tracks() == 1
        visitor.allow("planned")
        page.evaluate("void (kaiwa.talk.client.onLevel = () => { throw new Error('planned'); })")
        expect(visitor.help_card("page_failed")).to_be_visible()
        assert (visitor.live_tracks(), visitor.open_contexts()) == (0, 0)
        visitor.await_state("ended")
        expect(page.locator("#mode-voice")).to_have_attribute("aria-pressed", "false")
        page.get_by_role("button", name="Reload the page").click()
        expect(visitor.lines).to_have_count(2)
