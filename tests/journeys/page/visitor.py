"""A person in front of the page: what they do, what they see, and what must never happen."""

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

from tests.journeys.page.devices import device, remembered
from tests.journeys.stack import ROOT, Stack, http, running_stack

HERE = Path(__file__).resolve().parent
WATCH = (HERE / "watch.js").read_text()
PATIENCE_MS = 20_000

expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True, slots=True)
class Login:
    """A login that was made through the API."""

    username: str
    password: str
    token: str


def running_page_stack(folder: Path) -> AbstractContextManager[Stack]:
    """What `make run` starts: the server in demo mode, and the simulator at about its pace."""
    return running_stack(
        folder,
        simulator=("--pace", "4"),
        DEBUG="on",
        DEMO="on",
        DJANGO_SETTINGS_MODULE="tests.journeys.page.settings",
    )


def register(stack: Stack, username: str = "") -> Login:
    """Make a login as a script would, for journeys that are not about signing in."""
    username = username or f"visitor-{secrets.token_hex(4)}"
    password = secrets.token_urlsafe(16)
    body = {"username": username, "password": password}
    answer = http("POST", f"{stack.url}/api/auth/register/", body)
    assert answer.status == 201, answer.text
    return Login(username, password, answer.json["token"])


def is_of_one_session(url: str) -> bool:
    """Whether this is the address of one session, and not of the list or of its turns."""
    return re.search("/api/sessions/[0-9a-f-]{36}/$", url) is not None


def befall(stack: Stack, **mishap: Any) -> None:
    """Let this happen to the next call at the provider."""
    answer = http("POST", f"{stack.simulator_url}/simulator/mishaps", mishap)
    assert answer.status < 300, answer.text


@dataclass(slots=True)
class Visitor:
    """One page of one browser context, watched from its first request to its last."""

    stack: Stack
    context: BrowserContext
    page: Page
    login: Login | None = None
    allowed: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        page = self.page
        page.set_default_timeout(PATIENCE_MS)
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
        """Complaints that are the journey's point: a browser reports every lost connection."""
        self.allowed += parts

    def assert_nothing_untoward(self) -> None:
        """No request elsewhere, no complaint in the console, nothing that the policy stopped."""
        origins = (self.stack.url, self.stack.url.replace("http", "ws", 1), "data:")
        assert [url for url in self.requests if not url.startswith(origins)] == []
        unexpected = [
            complaint
            for complaint in self.complaints
            if not any(part in complaint for part in self.allowed)
        ]
        assert unexpected == [], unexpected
        if not self.page.is_closed():
            assert self.watched("violations") == []

    # ── What they do ────────────────────────────────────────────────────────────────────────────

    def open(self, path: str = "/") -> None:
        self.page.goto(f"{self.stack.url}{path}")
        expect(self.page.locator("body")).not_to_have_attribute("data-screen", "starting")

    def type(self, text: str) -> None:
        self.page.locator("#message").fill(text)
        self.page.locator("#message").press("Enter")

    def say_by_keyboard(self, text: str) -> str:
        """Type, wait for the whole answer, and return it."""
        before = self.answers.count()
        self.type(text)
        expect(self.answers).to_have_count(before + 1)
        expect(self.answers.nth(before)).to_have_attribute("data-status", "completed")
        self.await_state("idle", "listening")
        return self.answers.nth(before).locator(".text").inner_text()

    def tap_microphone(self) -> None:
        self.page.locator("#mode-voice").click()

    def tap_typing(self) -> None:
        self.page.locator("#mode-text").click()

    def listen(self) -> None:
        """Record what leaves the loudspeaker from now on; the voice must be running."""
        self.page.evaluate("watch.listen()")

    # ── What they see ───────────────────────────────────────────────────────────────────────────

    @property
    def lines(self) -> Locator:
        return self.page.locator("#lines > li")

    @property
    def answers(self) -> Locator:
        return self.page.locator('#lines > li[data-role="assistant"]')

    def bubbles(self) -> list[dict[str, Any]]:
        """The conversation as it stands on the screen."""
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
        """Wait until the call is in one of these states, however short it may be."""
        self.page.evaluate(
            """(names) => watch.until(
              () => names.includes(document.documentElement.dataset.state), names)""",
            names,
        )

    def help_card(self, name: str) -> Locator:
        return self.page.locator(f'#help [data-help="{name}"]')

    # ── What passed the page's doors ────────────────────────────────────────────────────────────

    def watched(self, name: str) -> Any:
        return self.page.evaluate("(name) => watch[name]", name)

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """Events of this type that the page sent, oldest first."""
        frames: list[dict[str, Any]] = self.page.evaluate(
            """(kind) => watch.frames
              .filter(({ way, event }) => way === "out" && event.type === kind)
              .map(({ event }) => event)""",
            kind,
        )
        return frames

    def await_event(self, kind: str, count: int = 1) -> None:
        """Wait until so many events of this type have come from the server."""
        self.page.evaluate(
            """([kind, count]) => watch.until(() => watch.frames
              .filter(({ way, event }) => way === "in" && event.type === kind).length >= count,
              kind)""",
            [kind, count],
        )

    def receive(self, event: dict[str, Any]) -> None:
        """Let the page hear an event that no server sent."""
        self.page.evaluate(
            """(event) => watch.sockets.at(-1).dispatchEvent(
              new MessageEvent("message", { data: JSON.stringify(event) }))""",
            event,
        )

    def live_tracks(self) -> int:
        """Microphone tracks that are open: the browser's light is on if there is one."""
        open_tracks: int = self.page.evaluate(
            "watch.tracks.filter(({ readyState }) => readyState === 'live').length"
        )
        return open_tracks

    def open_contexts(self) -> int:
        """Audio contexts that are not closed: each holds a device."""
        contexts: int = self.page.evaluate(
            "watch.contexts.filter(({ state }) => state !== 'closed').length"
        )
        return contexts

    # ── What the server has ─────────────────────────────────────────────────────────────────────

    @property
    def token(self) -> str:
        token: str = self.page.evaluate("localStorage.getItem('kaiwa.token')")
        return token

    @property
    def session_id(self) -> str:
        session_id: str = self.page.evaluate("location.hash.replace('#/s/', '')")
        return session_id

    def await_kept(self, count: int) -> None:
        """Wait until the server has so many whole turns: it writes them down in its own time."""
        for _ in range(PATIENCE_MS // 50):
            if sum(turn["status"] != "in_progress" for turn in self.turns()) >= count:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"the server has not kept {count} turns: {self.turns()}")

    def turns(self) -> list[dict[str, Any]]:
        """The session's turns as the API has them."""
        url = f"{self.stack.url}/api/sessions/{self.session_id}/turns/?page_size=200"
        answer = http("GET", url, token=self.token)
        assert answer.status == 200, answer.text
        results: list[dict[str, Any]] = answer.json["results"]
        return results


def layout_shift(shifts: list[dict[str, Any]]) -> float:
    """How much a page jumped by itself: the worst 5 s of it, as browsers reckon it."""
    by_itself = [shift for shift in shifts if not shift["hadRecentInput"]]
    return max(
        (
            sum(other["value"] for other in by_itself if 0 <= other["at"] - first["at"] < 5000)
            for first in by_itself
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
    """A device of one's own, opened at `/`; a picture is kept in var/ if the journey fails."""
    options.setdefault("locale", "en-GB")
    options.setdefault("viewport", {"width": 1280, "height": 800})
    with device(browser, permissions, is_new=is_new, **options) as context:
        visitor = Visitor(stack, context, context.new_page(), login)
        for script in (remembered(login.token if login else "", preferences or {}), WATCH):
            visitor.page.add_init_script(script)
        try:
            visitor.open()
            yield visitor
            visitor.assert_nothing_untoward()
        except BaseException:
            _keep_picture(visitor.page)
            raise


def _keep_picture(page: Page) -> None:
    folder = ROOT / "var" / "failed-journeys"
    folder.mkdir(parents=True, exist_ok=True)
    if not page.is_closed():
        page.screenshot(path=folder / f"{secrets.token_hex(4)}.png")
