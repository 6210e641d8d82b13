"""Takes a screenshot of every state of the page: `<state>-<language>-<scheme>-<width>.png`.

    python -m tests.journeys.screenshots docs/screenshots

Each state is taken in two of the four looks or in all, so that both languages, both colour schemes
and both widths are covered and all files stay within a few megabytes.
"""

import secrets
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.journeys.page.tour import Look, speaking_browser, tour
from tests.journeys.page.visitor import Visitor, running_page_stack, visiting
from tests.journeys.stack import Stack

LOOKS = (
    Look("en", "light", 1280),
    Look("ja", "dark", 360),
    Look("ja", "light", 1280),
    Look("en", "dark", 360),
)
ONLY_TWICE = (
    "help-", "sign-in-refused", "register", "demo", "rename", "session-menu", "export", "delete",
    "unreachable", "text", "muted", "push-to-talk", "keys", "sign-out-everywhere", "unanswered",
    "writing", "markdown", "dictat", "search",
)  # fmt: skip
"""Prefixes of the states that are taken in the first two looks only."""


def main(arguments: list[str]) -> int:
    """Write the screenshots into the folder named on the command line."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    pictures = Path(arguments[0])
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("*.png"):
        old.unlink()
    for look in LOOKS:
        with (
            tempfile.TemporaryDirectory(prefix="kaiwa-screenshots-") as folder,
            running_page_stack(Path(folder)) as stack,
        ):
            _take(Path(folder), stack, look, pictures)
    files = sorted(pictures.glob("*.png"))
    size = sum(file.stat().st_size for file in files)
    print(f"{len(files)} pictures, {size / 1e6:.1f} MB, in {pictures}")
    return 0


def _take(folder: Path, stack: Stack, look: Look, pictures: Path) -> None:
    is_first = look in LOOKS[:2]
    with sync_playwright() as playwright, speaking_browser(playwright, folder, look) as browser:
        for state, visitor in tour(browser, stack, look):
            if is_first or not state.startswith(ONLY_TWICE):
                _picture(state, visitor, look, pictures)
        with visiting(browser, stack, **look.context_options()) as visitor:
            visitor.allow("404 (Not Found)")
            _open_a_session_in_the_admin(visitor)
            _picture("admin-session", visitor, look, pictures)


def _open_a_session_in_the_admin(visitor: Visitor) -> None:
    """Open the session that has a voice turn."""
    username, password = f"admin-{secrets.token_hex(2)}", secrets.token_urlsafe(16)
    visitor.stack.manage(
        "createsuperuser", "--no-input", "--username", username, "--email", "admin@example.org",
        DJANGO_SUPERUSER_PASSWORD=password,
    )  # fmt: skip
    page = visitor.page
    page.goto(f"{visitor.stack.url}/admin/")
    page.locator("#id_username").fill(username)
    page.locator("#id_password").fill(password)
    page.locator("[type=submit]").click()
    page.goto(f"{visitor.stack.url}/admin/conversations/session/?realtime_mode__exact=1")
    page.locator("#result_list tbody th a").first.click()
    page.wait_for_url("**/change/**")


def _picture(state: str, visitor: Visitor, look: Look, pictures: Path) -> None:
    # For a help card only its place is taken; the rest of the page is the same each time.
    is_card = state.startswith("help-") and not look.is_narrow
    shown = visitor.page.locator("#dock") if is_card else visitor.page
    shown.screenshot(path=pictures / f"{state}-{look}.png", animations="disabled")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
