"""A user of the page in a real browser: actions, what the page shows, and checks on every test."""

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Dialog,
    Locator,
    Page,
    expect,
)

from tests.journeys.page.contexts import browser_context, storage_script
from tests.journeys.stack import AZURE, ROOT, Stack, http, running_stack

FOLDER = Path(__file__).resolve().parent
WATCH = (FOLDER / "watch.js").read_text()
TIMEOUT_MS = 20_000

expect.set_options(timeout=TIMEOUT_MS)


@dataclass(frozen=True, slots=True)
class Login:
    """A user that was registered over the API."""

    username: str
    password: str
    token: str


def running_page_stack(folder: Path) -> AbstractContextManager[Stack]:
    """Run what `make run` starts: the server in demo mode, and the simulator at about that pace."""
    return running_stack(
        folder,
        simulator=("--pace", "4"),
        DEBUG="on",
        DEMO="on",
        DJANGO_SETTINGS_MODULE="tests.journeys.page.settings",
        **AZURE,
    )


def register(stack: Stack, username: str = "") -> Login:
    """Register a user over the API, for tests that are not about signing in."""
    username = username or f"visitor-{secrets.token_hex(4)}"
    password = secrets.token_urlsafe(16)
    body = {"username": username, "password": password}
    answer = http("POST", f"{stack.url}/api/auth/register/", body)
    assert answer.status == 201, answer.text
    return Login(username, password, answer.json["token"])


def is_of_one_session(url: str) -> bool:
    """True for the URL of one session; false for the list and for a session's turns."""
    return re.search("/api/sessions/[0-9a-f-]{36}/$", url) is not None


def inject_fault(stack: Stack, **mishap: Any) -> None:
    """Make the simulator misbehave in this way in its next call."""
    answer = http("POST", f"{stack.simulator_url}/simulator/mishaps", mishap)
    assert answer.status < 300, answer.text


@dataclass(slots=True)
class Visitor:
    """One page of one browser context. Records its requests, errors and console messages."""

    stack: Stack
    context: BrowserContext
    page: Page
    login: Login | None = None
    allowed: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    """Origins other than the server's that the page may connect to."""

    def __post_init__(self) -> None:
        page = self.page
        page.set_default_timeout(TIMEOUT_MS)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.requests.append(socket.url))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self._dialog_opened(dialog))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(f"{message.text} ({message.location['url']})")
                if message.type in ("error", "warning")
                else None
            ),
        )

    def _dialog_opened(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def allow(self, *parts: str) -> None:
        """Accept console messages that contain one of these parts, such as lost connections."""
        self.allowed += parts

    def assert_no_complaints(self) -> None:
        """Check: no request to another origin, no console error or warning, no CSP violation."""
        origins = (self.stack.url, self.stack.socket_url, "data:", *self.origins)
        assert [url for url in self.requests if not url.startswith(origins)] == []
        unexpected = [
            complaint
            for complaint in self.complaints
            if not any(part in complaint for part in self.allowed)
        ]
        assert unexpected == [], unexpected
        if not self.page.is_closed():
            assert self.watched("violations") == []

    # Actions

    def open(self, path: str = "/") -> None:
        self.page.goto(f"{self.stack.url}{path}")
        expect(self.page.locator("body")).not_to_have_attribute("data-screen", "starting")

    def type(self, text: str) -> None:
        self.page.locator("#message").fill(text)
        self.page.locator("#message").press("Enter")

    def type_and_wait(self, text: str) -> str:
        """Send a message and wait for the complete reply. Returns its text."""
        before = self.answers.count()
        self.type(text)
        expect(self.answers).to_have_count(before + 1)
        expect(self.answers.nth(before)).to_have_attribute("data-status", "completed")
        self.await_state("idle", "listening")
        return self.answers.nth(before).locator(".text").inner_text()

    def choose_in_menu(self, action: str, of: str = "") -> None:
        """Choose an action in the menu of the conversation with this title, by keyboard."""
        self.page.get_by_role("button", name=f"Menu of “{of}").press("Enter")
        self.page.get_by_role("dialog").get_by_role("button", name=action).press("Enter")

    def tap_microphone(self) -> None:
        self.page.locator("#mode-voice").click()

    def open_muted_call(self) -> None:
        """Open a call that hears nothing, to send typed messages through it.

        It is muted before the microphone opens: of a later mute, a busy machine is too late for the
        fake microphone's first tone.
        """
        self.page.evaluate("watch.holdPermission()")
        self.tap_microphone()
        self.await_state("asking_microphone")
        self.page.locator("#mute").click()
        self.page.evaluate("watch.grantPermission()")
        self.await_state("listening")

    def tap_typing(self) -> None:
        self.page.locator("#mode-text").click()

    def start_recording(self) -> None:
        """Record the speaker's output from now on; voice mode must be on."""
        self.page.evaluate("watch.startRecording()")

    # What the page shows

    @property
    def lines(self) -> Locator:
        return self.page.locator("#lines .line")

    @property
    def answers(self) -> Locator:
        return self.page.locator('#lines .line[data-role="assistant"]')

    def bubbles(self) -> list[dict[str, Any]]:
        """The transcript as the page shows it, one dict for each turn."""
        shown: list[dict[str, Any]] = self.lines.evaluate_all(
            """(lines) => lines.map((line) => {
              const unheard = line.querySelector(".unheard")?.cloneNode(true) ?? null;
              unheard?.querySelector(".visually-hidden")?.remove();
              const text = line.querySelector(".text").cloneNode(true);
              for (const hidden of text.querySelectorAll(".visually-hidden")) hidden.remove();
              const { item, role, modality, status } = line.dataset;
              const whole = text.textContent;
              text.querySelector(".unheard")?.remove();
              return { item, role, modality, status, text: whole,
                heard: text.textContent, unheard: unheard?.textContent ?? null };
            })"""
        )
        return shown

    def await_state(self, *names: str) -> None:
        """Wait until the page shows one of these call states."""
        self.page.evaluate(
            """(names) => watch.waitUntil(
              () => names.includes(document.documentElement.dataset.state), names)""",
            names,
        )

    def help_card(self, name: str) -> Locator:
        return self.page.locator(f'#help [data-help="{name}"]')

    # What watch.js has recorded

    def watched(self, name: str) -> Any:
        return self.page.evaluate("(name) => watch[name]", name)

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """The events of this type that the page has sent, oldest first."""
        frames: list[dict[str, Any]] = self.page.evaluate(
            """(kind) => watch.frames
              .filter(({ way, event }) => way === "out" && event.type === kind)
              .map(({ event }) => event)""",
            kind,
        )
        return frames

    def await_event(self, kind: str, count: int = 1) -> None:
        """Wait until the page has received `count` events of this type."""
        self.page.evaluate(
            """([kind, count]) => watch.waitUntil(() => watch.frames
              .filter(({ way, event }) => way === "in" && event.type === kind).length >= count,
              kind)""",
            [kind, count],
        )

    def receive(self, event: dict[str, Any]) -> None:
        """Dispatch an event to the page as if the server had sent it."""
        self.page.evaluate(
            """(event) => watch.sockets.at(-1).dispatchEvent(
              new MessageEvent("message", { data: JSON.stringify(event) }))""",
            event,
        )

    def live_tracks(self) -> int:
        """The number of open microphone tracks; the browser shows its indicator if there is one."""
        open_tracks: int = self.page.evaluate(
            "watch.tracks.filter(({ readyState }) => readyState === 'live').length"
        )
        return open_tracks

    def open_contexts(self) -> int:
        """The number of audio contexts that are not closed; each one keeps a device open."""
        contexts: int = self.page.evaluate(
            "watch.contexts.filter(({ state }) => state !== 'closed').length"
        )
        return contexts

    # What the server has stored

    @property
    def token(self) -> str:
        token: str = self.page.evaluate("localStorage.getItem('kaiwa.token')")
        return token

    @property
    def session_id(self) -> str:
        session_id: str = self.page.evaluate("location.hash.replace('#/s/', '')")
        return session_id

    def await_stored(self, count: int) -> None:
        """Wait until the server has stored `count` final turns; it writes them with a delay."""
        for _ in range(TIMEOUT_MS // 50):
            if sum(turn["status"] != "in_progress" for turn in self.turns()) >= count:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"the server has not stored {count} turns: {self.turns()}")

    def turns(self) -> list[dict[str, Any]]:
        """The session's turns from the API."""
        url = f"{self.stack.url}/api/sessions/{self.session_id}/turns/?page_size=200"
        answer = http("GET", url, token=self.token)
        assert answer.status == 200, answer.text
        results: list[dict[str, Any]] = answer.json["results"]
        return results


def layout_shift(shifts: list[dict[str, Any]]) -> float:
    """Cumulative layout shift without user input: the worst window of 5 s, as browsers count it."""
    without_input = [shift for shift in shifts if not shift["hadRecentInput"]]
    return max(
        (
            sum(other["value"] for other in without_input if 0 <= other["at"] - first["at"] < 5000)
            for first in without_input
        ),
        default=0.0,
    )


@contextmanager
def visiting(
    browser: Browser,
    stack: Stack,
    *,
    login: Login | None = None,
    preferences: dict[str, Any] | None = None,
    permissions: Sequence[str] = ("microphone",),
    is_new: bool = False,
    **options: Any,
) -> Iterator[Visitor]:
    """Open the page at `/` in a browser context and check for complaints at the end.

    A screenshot is saved in var/failed-journeys/ if the test fails.
    """
    options.setdefault("locale", "en-GB")
    options.setdefault("viewport", {"width": 1280, "height": 800})
    with browser_context(browser, permissions, is_new=is_new, **options) as context:
        visitor = Visitor(stack, context, context.new_page(), login)
        for script in (storage_script(login.token if login else "", preferences or {}), WATCH):
            visitor.page.add_init_script(script)
        try:
            visitor.open()
            yield visitor
            visitor.assert_no_complaints()
        except BaseException:
            _save_screenshot(visitor.page)
            raise


def _save_screenshot(page: Page) -> None:
    folder = ROOT / "var" / "failed-journeys"
    folder.mkdir(parents=True, exist_ok=True)
    if not page.is_closed():
        page.screenshot(path=folder / f"{secrets.token_hex(4)}.png")
