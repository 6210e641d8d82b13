"""The admin's charts in Chromium: under the strict policy, in both themes, with the keyboard."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.page.test_accessibility import AXE
from tests.journeys.stack import Stack

pytestmark = pytest.mark.page

PAGE = "/admin/reports/dailyfigures/"
FILL = """
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from django.contrib.auth.models import User
from django.utils import timezone
from backend.reports.days import day_of
from backend.reports.histogram import Histogram
from backend.reports.models import DailyFigures
from backend.reports.tally import Tally
admin = User.objects.create_superuser("{username}", password="{password}")
for age in range(9):
    for number, model in enumerate(("gpt-realtime-2.1", "gpt-realtime-2.1-mini")):
        calls = 5 + age + number
        tally = Tally(
            calls=calls, call_ms=calls * 90_000, cost_usd=Decimal(calls) / 7,
            endings=Counter(client_left=calls - 1, internal=1),
            first_sound=Histogram.of([700 + 10 * age] * calls + [1500]),
        )
        DailyFigures.objects.create(
            day=day_of(timezone.now()) - timedelta(days=age), user=admin, provider="openai",
            model=model, **tally.as_row(),
        )
"""
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
FITS = """() => {
  const { scrollWidth, clientWidth } = document.querySelector(".reports");
  return scrollWidth <= clientWidth;
}"""
HAS_COLOUR = """
async (figure) => {
  const canvas = figure.querySelector("canvas");
  const isDrawn = () => {
    const { color } = getComputedStyle(figure.querySelector(".swatch"));
    const wanted = color.match(/\\d+/g).map(Number);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let at = 0; at < data.length; at += 4)
      // A sloping line has hardly a pixel of its exact colour.
      if (wanted.every((value, channel) => Math.abs(data[at + channel] - value) < 24)) return true;
    return false;
  };
  for (let frame = 0; frame < 60 && !isDrawn(); frame++)
    await new Promise((resolve) => requestAnimationFrame(resolve));
  return isDrawn();
}
"""
"""Whether the chart has a pixel of about its first series' colour within a second."""


@pytest.fixture(scope="module")
def login(stack: Stack) -> tuple[str, str]:
    """An admin's name and password, with figures of nine days and two models."""
    username, password = f"admin-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    stack.manage("shell", "--no-imports", "-c", FILL.format(username=username, password=password))
    return username, password


@pytest.mark.parametrize(("locale", "scheme"), [("en-GB", "light"), ("ja-JP", "dark")])
def test_charts_are_drawn_and_can_be_read_without_seeing_them(
    locale: str, scheme: str, browser: Browser, stack: Stack, login: tuple[str, str], tmp_path: Path
) -> None:
    with numbers_page(browser, stack, login, locale=locale, color_scheme=scheme) as page:
        assert_drawn_in_both_themes(page)
        assert_keys_go_from_day_to_day(page)
        assert_csv_is_downloaded(page, tmp_path / "numbers.csv")
        assert_accessible_at_every_width(page)


@contextmanager
def numbers_page(
    browser: Browser, stack: Stack, login: tuple[str, str], **look: Any
) -> Iterator[Page]:
    """The page of numbers. At the end, nothing has violated the policy or failed."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **look)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script(WATCH)
    page.goto(f"{stack.url}/admin/login/?next={PAGE}")
    for field, value in zip(("#id_username", "#id_password"), login, strict=True):
        page.locator(field).fill(value)
    page.locator("[type=submit]").click()
    expect(page.locator(".reports-plot canvas")).to_have_count(5)
    yield page
    assert page.evaluate("window.violations") == []
    assert errors == []
    context.close()


def assert_drawn_in_both_themes(page: Page) -> None:
    """Each chart has the colour of its first swatch, also after the admin's switch was used."""
    swatch = page.locator(".swatch").first
    colours = set()
    for _ in range(2):
        colours.add(swatch.evaluate("(it) => getComputedStyle(it).color"))
        for chart in page.locator(".reports-chart").all():
            assert chart.evaluate(HAS_COLOUR)
        page.locator(".theme-toggle:visible").first.click()
    assert len(colours) == 2


def assert_keys_go_from_day_to_day(page: Page) -> None:
    """The legend shows what the table has in the row of that day; Enter opens the table."""
    chart = page.locator(".reports-chart").first
    chart.locator(".reports-plot").focus()
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    shown = chart.locator(".reports-legend b").all_text_contents()
    # The more expensive model is first.
    assert shown == ["7", "6"]
    row = chart.locator("tbody tr").nth(-2)
    assert row.locator("td").all_text_contents() == shown
    label = row.locator("th").get_attribute("data-label")
    assert chart.locator("output").text_content() == label
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(row).to_be_visible()


def assert_csv_is_downloaded(page: Page, file: Path) -> None:
    with page.expect_download() as download:
        page.locator(".reports-csv").click()
    download.value.save_as(file)
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 1 + 18 and lines[0].startswith('"day","model","calls"')


def assert_accessible_at_every_width(page: Page) -> None:
    """axe-core finds nothing, one table being open; nothing sticks out of the page."""
    page.evaluate(AXE)
    found: list[Any] = page.evaluate(
        """async () => (await axe.run(".reports", { resultTypes: ["violations"] })).violations
          .map(({ id, nodes }) => [id, nodes.slice(0, 3).map(({ html }) => html)])"""
    )
    assert found == []
    for width in (1280, 768, 360):
        page.set_viewport_size({"width": width, "height": 900})
        # The charts are drawn again a moment after the window has changed.
        page.wait_for_function(FITS)
