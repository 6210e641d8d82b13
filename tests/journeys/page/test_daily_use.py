"""What a daily user looks for: the theme, the loudspeaker, links, times and days."""

import re

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.journeys.page.visitor import register, visiting
from tests.journeys.stack import Stack

pytestmark = pytest.mark.page


def test_the_theme_the_speaker_links_and_times(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        visitor.type_and_wait("See https://kaiwa.example/a, please.")
        link = visitor.lines.first.get_by_role("link")
        expect(link).to_have_attribute("href", "https://kaiwa.example/a")
        expect(link).to_have_attribute("rel", "noopener noreferrer")
        for line in visitor.lines.all():
            expect(line.locator("time")).to_have_text(re.compile(r"^\d\d:\d\d$"))
        expect(page.locator("#sessions").get_by_role("heading")).to_have_text("Today")

        page.locator("#settings-open").click()
        page.get_by_label("Speaker").select_option(label="Fake Audio Output 1")
        page.get_by_label("Appearance").select_option("dark")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")

        held: list[Route] = []
        page.route("**/app-realtime.js", lambda route: held.append(route))
        page.reload(wait_until="commit")
        expect(page.locator(".starting .enso")).to_be_visible()
        # The modules have not run: nothing was painted in the other theme.
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        expect(page.locator("#theme-color")).to_have_attribute("content", "#14171d")
        held[0].continue_()
        page.locator("#settings-open").click()
        expect(page.get_by_label("Speaker").locator("option:checked")).to_have_text(
            "Fake Audio Output 1"
        )
