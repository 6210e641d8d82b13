"""The first load: time to paint, layout shift, size, and language."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.journeys.page.visitor import Visitor, layout_shift, register, visiting
from tests.journeys.stack import Stack

pytestmark = pytest.mark.page


def load_of(visitor: Visitor) -> dict[str, Any]:
    """The load's first paint in ms, number of requests, and bytes transferred."""
    load: dict[str, Any] = visitor.page.evaluate(
        """async () => {
          const painted = () => performance.getEntriesByName("first-contentful-paint");
          await watch.waitUntil(() => painted().length > 0, "the first paint");
          const [paint] = painted();
          const loads = [...performance.getEntriesByType("navigation"),
            ...performance.getEntriesByType("resource")];
          return { paintMs: paint.startTime, requests: loads.length,
            bytes: loads.reduce((sum, { transferSize }) => sum + transferSize, 0) };
        }"""
    )
    return load


def test_the_page_loads_without_layout_shift(
    browser: Browser, stack: Stack, measurements: dict[str, str]
) -> None:
    login = register(stack)
    for name, who in (("sign-in", None), ("conversation", login)):
        with visiting(browser, stack, login=who, is_new=True) as visitor:
            expect(
                visitor.page.locator("#username, #message").locator("visible=true")
            ).to_be_visible()
            if who:
                expect(visitor.page.locator("#sessions-empty")).to_be_visible()
            load = load_of(visitor)
            assert layout_shift(visitor.watched("shifts")) == 0
            assert load["bytes"] < 320_000
            measurements[f"load of the {name}"] = (
                f"first paint {load['paintMs']:.0f} ms, {load['requests']} requests, "
                f"{load['bytes'] / 1000:.0f} kB, layout shift 0"
            )


def test_the_sign_in_form_waits_for_no_module_that_only_a_signed_in_user_needs(
    browser: Browser, stack: Stack
) -> None:
    login = register(stack)
    with visiting(browser, stack) as visitor:
        page = visitor.page
        held: list[Route] = []
        page.route("**/talk-screen.js", lambda route: held.append(route))
        page.reload()
        page.locator("#username").fill(login.username)
        page.locator("#sign-in-screen select").select_option("ja")
        expect(page.get_by_role("button", name="ログイン")).to_be_visible()
        page.locator("#password").fill(login.password)
        with page.expect_response("**/api/auth/login/"):
            page.keyboard.press("Enter")
        expect(page.locator("#sign-in-form")).to_have_attribute("aria-busy", "true")
        expect(page.locator("#username")).to_be_visible()
        for route in held:
            route.continue_()
        expect(page.locator("#message")).to_be_focused()
        expect(page.locator("html")).to_have_attribute("lang", "ja")
        expect(page.get_by_role("heading", name="何を話しましょうか？")).to_be_visible()
        assert visitor.type_and_wait("こんにちは")


@pytest.mark.parametrize("is_signed_in", [False, True])
def test_a_paint_before_the_scripts_run_causes_no_layout_shift(
    browser: Browser, stack: Stack, is_signed_in: bool
) -> None:
    with visiting(browser, stack, login=register(stack) if is_signed_in else None) as visitor:
        held: list[Route] = []
        visitor.page.route("**/app-realtime.js", lambda route: held.append(route))
        visitor.page.reload(wait_until="commit")
        expect(visitor.page.locator(".starting .enso")).to_be_visible()
        visitor.page.evaluate(
            "new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)))"
        )
        held[0].continue_()
        expect(visitor.page.locator("#username, #message").locator("visible=true")).to_be_visible()
        assert layout_shift(visitor.watched("shifts")) == 0


@pytest.mark.parametrize(
    ("locale", "language", "greeting"),
    [
        ("ja-JP", "ja", "何を話しましょうか？"),
        ("en-GB", "en", "What shall we talk about?"),
        ("fr-FR", "en", "What shall we talk about?"),
    ],
)
def test_the_language_follows_the_browser(
    browser: Browser, stack: Stack, locale: str, language: str, greeting: str
) -> None:
    with visiting(browser, stack, login=register(stack), locale=locale) as visitor:
        expect(visitor.page.locator("html")).to_have_attribute("lang", language)
        expect(visitor.page.get_by_role("heading", name=greeting)).to_be_visible()


def test_the_language_can_be_switched_and_is_remembered(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, locale="ja-JP") as visitor:
        page = visitor.page
        expect(page.get_by_role("button", name="ログイン")).to_be_visible()
        page.locator("#sign-in-screen select").select_option("en")
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        page.reload()
        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_the_servers_messages_are_in_the_chosen_language(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, locale="ja-JP") as visitor:
        visitor.allow("400 (Bad Request)", "401 (Unauthorized)")
        page = visitor.page
        page.get_by_label("ユーザー名").fill("nobody")
        page.get_by_label("パスワード").fill("nothing-at-all")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("ユーザー名またはパスワードが違います。")


def test_the_form_stays_while_an_answer_is_under_way(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack) as visitor:
        page = visitor.page
        visitor.allow("401 (Unauthorized)")
        held: list[Route] = []
        page.route("**/api/auth/login/", lambda route: held.append(route))
        page.locator("#username").fill("nobody")
        page.locator("#password").fill("wrong")
        page.locator("#sign-in-submit").click()
        switch = page.locator("#sign-in-switch")
        expect(switch).to_be_disabled()
        switch.click(force=True)
        expect(page.locator("#sign-in-title")).to_have_text("Sign in")
        held[0].continue_()
        expect(page.locator("#sign-in-error")).not_to_be_empty()
        switch.click()
        expect(page.locator("#sign-in-title")).to_have_text("Create an account")
