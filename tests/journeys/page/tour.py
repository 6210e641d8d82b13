"""Brings the page into each of its states in turn, for accessibility checks and screenshots."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Playwright, Route, ViewportSize, expect

from backend.simulator.persona.script import PHRASES
from tests.journeys.audio.equipment import chromium, microphone_playing
from tests.journeys.page.speech_files import microphone_wav
from tests.journeys.page.visitor import Visitor, inject_fault, register, visiting
from tests.journeys.stack import Stack

PAUSE_BEFORE_INTERRUPTION_S = 4.0
"""The reply begins about a second after the question and lasts seven."""

MARKDOWN_TURN = {
    "item_id": "written",
    "content_index": 0,
    "role": "assistant",
    "modality": "text",
    "text": """## Plan

1. **One** with `code`
2. Two, see [the manual](https://kaiwa.example/manual)

```python
print("会話")  # a line that is wider than the bubble of an answer on any telephone
```

| a | b |
|---|---|
| c | d |

> A quotation
""",
    "heard_text": None,
    "heard_ms": None,
    "status": "completed",
    "position": 0,
}
"""A turn as the API has it: an answer with what models write."""

CARD_DETAIL = {"time": "15:40", "origin": "https://voice.example", "host": "127.0.0.1:8000"}
"""Values for the texts of the cards that have some."""
ALL_CARDS = "help-cards"
"""The state with all help cards at once, one below the other."""


def own_usage() -> dict[str, Any]:
    """What `GET /api/usage/` answers after a month of talk: some of it estimated or unknown."""
    days = []
    for number in range(30):
        minutes = 0 if number % 7 in (0, 1) else (number * 7) % 23 + 0.5
        counts = {"text_in": round(minutes * 900), "audio_in": round(minutes * 1_200)}
        day = {
            "date": str(date(2026, 11, 1) + timedelta(days=number)),
            "calls": round(minutes / 4),
            "minutes": minutes,
            "usage": counts,
            "cost": None if number == 4 else f"{minutes * 0.06:.4f}",
            "cost_estimated": number in (11, 29),
        }
        days.append(day)
    budget = {"reserved": 0, "resets_at": None}
    return {
        "time_zone": "UTC",
        "days": days,
        "today": days[-1],
        "month": days[-2] | {"cost": "14.2300", "minutes": 237.5, "calls": 61},
        "budgets": [
            budget | {"kind": "money", "limit": 20, "used": 14.23, "left": 5.77},
            budget | {"kind": "minutes", "limit": 30, "used": 26.8, "left": 3.2},
            budget | {"kind": "calls_per_hour", "limit": 60, "used": 3, "left": 57},
        ],
    }


NamedState = tuple[str, Visitor]


@dataclass(frozen=True, slots=True)
class Look:
    """A language, a colour scheme and a width of the page."""

    language: Literal["en", "ja"]
    scheme: Literal["light", "dark"]
    width: Literal[1280, 360]

    def __str__(self) -> str:
        return f"{self.language}-{self.scheme}-{self.width}"

    @property
    def is_narrow(self) -> bool:
        return self.width < 900

    @property
    def phrases(self) -> Sequence[str]:
        """The phrases that the simulator recognises: a greeting, then questions."""
        return [phrase.caption for phrase in PHRASES[self.language]]

    @property
    def viewport(self) -> ViewportSize:
        """The page's size in CSS px."""
        return {"width": self.width, "height": 740 if self.is_narrow else 800}

    def context_options(self) -> dict[str, Any]:
        """The options of a browser context with this look."""
        return {
            "locale": {"en": "en-GB", "ja": "ja-JP"}[self.language],
            "color_scheme": self.scheme,
            "viewport": self.viewport,
            "device_scale_factor": 1,
        }


@contextmanager
def speaking_browser(playwright: Playwright, folder: Path, look: Look) -> Iterator[Browser]:
    """A browser whose microphone plays a question, and a second one in the middle of the reply."""
    _, question, second_question, *_ = look.phrases
    wav = microphone_wav(
        folder / f"tour-{look.language}.wav",
        question, PAUSE_BEFORE_INTERRUPTION_S, second_question, language=look.language,
    )  # fmt: skip
    with chromium(playwright, *microphone_playing(wav)) as browser:
        yield browser


def tour(browser: Browser, stack: Stack, look: Look) -> Iterator[NamedState]:
    """Yield each state's name, and the page in that state. Once for each stack and language."""
    yield from tour_of_layouts(browser, stack, look)
    yield from tour_of_one_layout(browser, stack, look)


def tour_of_layouts(browser: Browser, stack: Stack, look: Look) -> Iterator[NamedState]:
    """The states that bring every layout: forms, the call, dialogs, the drawer, cards."""
    visit = partial(visiting, browser, stack, **look.context_options())
    yield from _signed_out(visit)
    with visit(login=register(stack, {"en": "robin", "ja": "aoi"}[look.language])) as visitor:
        yield from _new_conversation(visitor, look)
        yield from _typing(visitor, look)
        yield from _talking(visitor)
        yield from _dialogs_and_drawer(visitor, look)
        yield from _help(visitor)


def tour_of_one_layout(browser: Browser, stack: Stack, look: Look) -> Iterator[NamedState]:
    """The other states, which differ in the last line, the status and the dock.

    None of them passes by itself, so the caller may change the page's width and scheme meanwhile.
    """
    visit = partial(visiting, browser, stack, **look.context_options())
    with visit(login=register(stack), preferences={"isHandsFree": False}) as visitor:
        yield from _stopped_answers(visitor, look)
        yield from _dictating(visitor)
        yield from _unanswered_and_remembered(visitor, look)
        yield from _starting_to_talk(visitor)
        yield from _losing_the_server(visitor, look)


def _signed_out(visit: Any) -> Iterator[NamedState]:
    with visit() as visitor:
        expect(visitor.page.locator("#sign-in-demo")).to_be_visible()
        yield "sign-in", visitor
        visitor.allow("400 (Bad Request)", "401 (Unauthorized)")
        visitor.page.locator("#username").fill("somebody")
        visitor.page.locator("#password").fill("not-the-password")
        visitor.page.locator("#sign-in-submit").click()
        expect(visitor.page.locator("#sign-in-error")).not_to_be_empty()
        yield "sign-in-refused", visitor
        visitor.page.locator("#sign-in-switch").click()
        # The demo's login is of no use for a new account.
        expect(visitor.page.locator("#sign-in-demo")).to_be_hidden()
        yield "register", visitor
        visitor.page.locator("#password").fill("12345678")
        visitor.page.locator("#sign-in-submit").click()
        expect(visitor.page.locator("#password-error")).not_to_be_empty()
        expect(visitor.page.locator("#password")).to_be_focused()
        yield "register-refused", visitor


def _new_conversation(visitor: Visitor, look: Look) -> Iterator[NamedState]:
    expect(visitor.page.locator("#suggestions")).to_be_visible()
    title = visitor.page.locator("#title")
    assert title.evaluate("(title) => title.scrollWidth <= title.clientWidth"), "the title is cut"
    yield "empty", visitor
    if look.is_narrow:
        visitor.page.locator("#drawer-open").click()
        expect(visitor.page.locator("#drawer-close")).to_be_focused()
        yield "drawer-empty", visitor
        visitor.page.locator("#drawer-close").click()
    visitor.page.locator("#demo summary").click()
    yield "demo", visitor
    visitor.page.locator("#demo summary").click()


def _typing(visitor: Visitor, look: Look) -> Iterator[NamedState]:
    visitor.type_and_wait(look.phrases[0])
    yield "text", visitor


def _stopped_answers(visitor: Visitor, look: Look) -> Iterator[NamedState]:
    """An answer that has not begun and one that is being written, both then stopped; Markdown."""
    stall = {"api": "responses", "kind": "stall"}
    inject_fault(visitor.stack, **stall, after="response.created")
    visitor.type(look.phrases[1])
    visitor.await_state("thinking")
    yield "thinking", visitor
    visitor.page.keyboard.press("Escape")
    visitor.await_state("idle")
    inject_fault(visitor.stack, **stall, after="response.output_text.delta", count=3)
    visitor.type(look.phrases[1])
    visitor.await_state("writing")
    yield "writing", visitor
    visitor.page.keyboard.press("Escape")
    visitor.await_state("idle")
    visitor.page.evaluate("(turn) => kaiwa.talk.client.addTurns([turn])", MARKDOWN_TURN)
    expect(visitor.answers.last.locator("pre")).to_be_visible()
    yield "markdown", visitor


def _dictating(visitor: Visitor) -> Iterator[NamedState]:
    page = visitor.page
    page.locator("#dictate").click()
    expect(page.locator("#dictation-time")).to_have_text("0:01")
    yield "dictating", visitor
    visitor.allow("net::ERR_FAILED")
    page.route("**/transcriptions/", lambda route: route.abort())
    page.locator("#dictation-finish").click()
    expect(page.locator("#dictation-retry")).to_be_visible()
    assert page.evaluate(
        """() => {
          const top = (id) => document.getElementById(id).getBoundingClientRect().top;
          return top("dictation-dismiss") <= top("dictation-sentence");
        }"""
    ), "the cross is not in the corner"
    yield "dictation-failed", visitor
    page.locator("#dictation-dismiss").click()


def _unanswered_and_remembered(visitor: Visitor, look: Look) -> Iterator[NamedState]:
    """An answer that failed, after a reload, below the mark of what the model remembers."""
    mishap = {"kind": "drop", "after": "response.output_text.delta", "count": 3}
    inject_fault(visitor.stack, api="responses", **mishap)
    visitor.type(look.phrases[2])
    expect(visitor.answers.last).to_have_attribute("data-status", "failed")
    visitor.await_stored(5)
    _remember_from(visitor, visitor.turns()[2]["position"])
    visitor.page.reload()
    expect(visitor.page.locator(".retry")).to_be_visible()
    expect(visitor.page.locator(".remembered")).to_be_visible()
    yield "unanswered", visitor


def _remember_from(visitor: Visitor, position: int) -> None:
    """Let every answer about a session say that the model remembers it from this position on."""

    def answer(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), "remembered_from": position})

    visitor.page.route(re.compile(r"/api/sessions/[0-9a-f-]{36}/$"), answer)


def _talking(visitor: Visitor) -> Iterator[NamedState]:
    visitor.tap_microphone()
    visitor.await_state("listening")
    yield "listening", visitor
    visitor.await_state("hearing_you")
    yield "hearing-you", visitor
    # No state is yielded during the reply that is interrupted: the caller takes its time with each
    # one, and the fake microphone does not wait.
    visitor.await_state("interrupted")
    yield "interrupted", visitor
    visitor.await_state("speaking")
    # Words of the reply, not the placeholder that ends in an ellipsis.
    expect(visitor.answers.nth(2).locator(".text")).to_have_text(re.compile("[^…]{8}[^…]*$"))
    yield "speaking", visitor
    expect(visitor.answers.nth(2).locator(".text")).to_contain_text(re.compile("[,。]"))
    yield "conversation", visitor
    visitor.await_state("listening")
    visitor.page.locator("#quality-summary").click()
    yield "connection-quality", visitor
    visitor.page.keyboard.press("Escape")
    visitor.page.locator("#mute").click()
    yield "muted", visitor
    visitor.tap_typing()
    visitor.await_state("idle")


def _dialogs_and_drawer(visitor: Visitor, look: Look) -> Iterator[NamedState]:
    page = visitor.page
    page.locator("#settings-open").click()
    # The button that closes the dialog stays in sight, and the page's language is found on a phone.
    expect(page.locator("#settings [type=submit]")).to_be_in_viewport(ratio=1)
    expect(page.locator("#settings [data-language]")).to_have_value(look.language)
    yield "settings", visitor
    page.keyboard.press("Escape")
    page.locator("#thread").focus()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    yield "keys", visitor
    page.keyboard.press("Escape")
    if look.is_narrow:
        page.locator("#drawer-open").click()
    page.locator("#account summary").click()
    yield "drawer", visitor
    page.locator(".session-more").click()
    expect(page.locator("#session-menu")).to_be_visible()
    yield "session-menu", visitor
    page.locator("#session-menu [value=rename]").click()
    yield "rename", visitor
    page.keyboard.press("Escape")
    page.locator(".session-more").click()
    page.locator("#session-menu [value=export]").click()
    expect(page.locator("#export")).to_be_visible()
    yield "export", visitor
    page.keyboard.press("Escape")
    page.route("**/api/usage/?days=30", lambda route: route.fulfill(json=own_usage()))
    page.locator("#usage-open").click()
    page.locator(".by-day summary").click()
    expect(page.locator(".usage-table").last).to_be_visible()
    usage = page.locator("#usage")
    assert usage.evaluate("(box) => box.scrollWidth <= box.clientWidth"), "the table is cut"
    yield "usage", visitor
    page.keyboard.press("Escape")
    page.locator("#sign-out-everywhere").click()
    expect(page.locator("#confirm")).to_be_visible()
    yield "sign-out-everywhere", visitor
    page.keyboard.press("Escape")
    page.locator("#account summary").click()
    page.locator(".session-more").click()
    page.locator("#session-menu [value=delete]").click()
    expect(page.locator("#undo")).to_be_visible()
    yield "delete", visitor
    page.locator("#undo-button").click()
    expect(page.locator("#undo")).to_be_hidden()
    page.get_by_role("searchbox").fill("zzz")
    expect(page.locator("#sessions .session-title")).to_have_count(0)
    yield "search", visitor
    page.get_by_role("searchbox").fill("")
    expect(page.locator("#sessions .session-title")).not_to_have_count(0)
    if look.is_narrow:
        page.locator("#drawer-close").click()


def _help(visitor: Visitor) -> Iterator[NamedState]:
    """Show each help card in its place; `test_failures.py` tests what leads to each."""
    names: list[str] = visitor.page.evaluate(
        """async () => {
          const app = document.querySelector("script[type=module]").src;
          const { HELP } = await import(new URL("words/help.js", app));
          const { HelpCard } = await import(new URL("views/help-card.js", app));
          const place = document.getElementById("help");
          watch.helpCard = new HelpCard(place, kaiwa.words, () => {});
          return Object.keys(HELP);
        }"""
    )
    for name in names:
        variant = "chrome" if name == "microphone_denied" else ""
        visitor.page.evaluate(
            "([name, variant, detail]) => watch.helpCard.show(name, variant, detail)",
            [name, variant, CARD_DETAIL],
        )
        yield f"help-{name.replace('_', '-')}", visitor
    visitor.page.evaluate(
        """([names, detail]) => {
          const place = document.getElementById("help");
          const cards = names.map((name) => {
            watch.helpCard.show(name, "", detail);
            return place.firstChild.cloneNode(true);
          });
          place.replaceChildren(...cards);
        }""",
        [names, CARD_DETAIL],
    )
    yield ALL_CARDS, visitor
    visitor.page.evaluate("watch.helpCard.hide()")


def _starting_to_talk(visitor: Visitor) -> Iterator[NamedState]:
    """Each wait at the start of a call, up to push-to-talk."""
    held: list[Route] = []
    visitor.page.route("**/api/realtime/tickets/", lambda route: held.append(route), times=1)
    visitor.page.evaluate("watch.holdPermission()")
    visitor.tap_microphone()
    visitor.await_state("asking_microphone")
    yield "asking-microphone", visitor
    with visitor.page.expect_request("**/api/realtime/tickets/"):
        visitor.page.evaluate("watch.grantPermission()")
    visitor.await_state("connecting")
    yield "connecting", visitor
    held[0].continue_()
    visitor.await_state("listening")
    expect(visitor.page.locator("#hold")).to_be_visible()
    yield "push-to-talk", visitor


def _losing_the_server(visitor: Visitor, look: Look) -> Iterator[NamedState]:
    """A lost call with an unsent message; then a page that cannot be started."""
    visitor.allow("net::ERR_INTERNET_DISCONNECTED", "net::ERR_FAILED")
    visitor.context.set_offline(True)
    visitor.type(look.phrases[2])
    visitor.await_state("reconnecting")
    yield "reconnecting", visitor
    visitor.context.set_offline(False)
    visitor.page.route("**/api/config/", lambda route: route.abort())
    visitor.page.reload()
    expect(visitor.page.locator("#starting-retry")).to_be_visible()
    yield "unreachable", visitor
