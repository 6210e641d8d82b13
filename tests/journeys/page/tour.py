"""Brings the page into each of its states in turn, for accessibility checks and screenshots."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Playwright, expect

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

    def context_options(self) -> dict[str, Any]:
        """The options of a browser context with this look."""
        return {
            "locale": {"en": "en-GB", "ja": "ja-JP"}[self.language],
            "color_scheme": self.scheme,
            "viewport": {"width": self.width, "height": 740 if self.is_narrow else 800},
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
    visit = partial(visiting, browser, stack, **look.context_options())
    yield from _signed_out(visit)
    login = register(stack, {"en": "robin", "ja": "aoi"}[look.language])
    with visit(login=login) as visitor:
        yield from _new_conversation(visitor, look)
        yield from _typing(visitor, look)
        yield from _talking(visitor)
        yield from _dialogs_and_drawer(visitor, look)
        yield from _help(visitor)
    with visit(login=login) as visitor:
        yield from _unanswered_and_remembered(visitor, look)
    with visit(login=login) as visitor:
        yield from _writing_and_dictating(visitor, look)
    with visit(login=login) as visitor:
        yield from _starting_to_talk(visitor)
    with visit(login=login, preferences={"isHandsFree": False}) as visitor:
        yield from _push_to_talk(visitor)
    with visit(login=login) as visitor:
        yield from _losing_the_server(visitor, look)


def _signed_out(visit: Any) -> Iterator[NamedState]:
    with visit() as visitor:
        yield "sign-in", visitor
        visitor.allow("400 (Bad Request)", "401 (Unauthorized)")
        visitor.page.locator("#username").fill("somebody")
        visitor.page.locator("#password").fill("not-the-password")
        visitor.page.locator("#sign-in-submit").click()
        expect(visitor.page.locator("#sign-in-error")).not_to_be_empty()
        yield "sign-in-refused", visitor
        visitor.page.locator("#sign-in-switch").click()
        yield "register", visitor


def _new_conversation(visitor: Visitor, look: Look) -> Iterator[NamedState]:
    expect(visitor.page.locator("#suggestions")).to_be_visible()
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


def _unanswered_and_remembered(visitor: Visitor, look: Look) -> Iterator[NamedState]:
    """An answer that failed, after a reload, below the mark of what the model remembers."""
    visitor.type_and_wait(look.phrases[0])
    mishap = {"kind": "drop", "after": "response.output_text.delta", "count": 3}
    inject_fault(visitor.stack, api="responses", **mishap)
    visitor.type(look.phrases[1])
    expect(visitor.answers.last).to_have_attribute("data-status", "failed")
    visitor.await_stored(4)
    visitor.page.reload()
    expect(visitor.page.locator(".retry")).to_be_visible()
    position = visitor.turns()[2]["position"]
    visitor.page.evaluate("(position) => kaiwa.talk.remember(position)", position)
    expect(visitor.page.locator(".remembered")).to_be_visible()
    yield "unanswered", visitor


def _writing_and_dictating(visitor: Visitor, look: Look) -> Iterator[NamedState]:
    """An answer that is being written, one in Markdown, dictation, and a search."""
    page = visitor.page
    inject_fault(
        visitor.stack, api="responses", kind="stall", after="response.output_text.delta", count=3
    )
    visitor.type(look.phrases[1])
    visitor.await_state("writing")
    yield "writing", visitor
    page.keyboard.press("Escape")
    visitor.await_state("idle")
    visitor.await_stored(2)
    page.evaluate("(turn) => kaiwa.talk.client.addTurns([turn])", MARKDOWN_TURN)
    expect(visitor.answers.last.locator("pre")).to_be_visible()
    yield "markdown", visitor
    page.locator("#dictate").click()
    expect(page.locator("#dictation-time")).to_have_text("0:01")
    yield "dictating", visitor
    visitor.allow("net::ERR_FAILED")
    page.route("**/transcriptions/", lambda route: route.abort())
    page.locator("#dictation-finish").click()
    expect(page.locator("#dictation-retry")).to_be_visible()
    yield "dictation-failed", visitor
    if look.is_narrow:
        page.locator("#drawer-open").click()
    page.get_by_role("searchbox").fill("zzz")
    expect(page.locator("#sessions .session-title")).to_have_count(0)
    yield "search", visitor


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
    visitor.page.locator("#mute").click()
    yield "muted", visitor
    visitor.tap_typing()
    visitor.await_state("idle")


def _dialogs_and_drawer(visitor: Visitor, look: Look) -> Iterator[NamedState]:
    page = visitor.page
    page.locator("#settings-open").click()
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
            "([name, variant]) => watch.helpCard.show(name, variant)", [name, variant]
        )
        yield f"help-{name.replace('_', '-')}", visitor
    visitor.page.evaluate("watch.helpCard.hide()")


def _starting_to_talk(visitor: Visitor) -> Iterator[NamedState]:
    visitor.page.evaluate("watch.holdPermission()")
    visitor.tap_microphone()
    visitor.await_state("asking_microphone")
    yield "asking-microphone", visitor
    visitor.page.route("**/api/realtime/tickets/", lambda route: None)
    visitor.page.evaluate("watch.grantPermission()")
    visitor.await_state("connecting")
    yield "connecting", visitor


def _push_to_talk(visitor: Visitor) -> Iterator[NamedState]:
    visitor.tap_microphone()
    visitor.await_state("listening")
    expect(visitor.page.locator("#hold")).to_be_visible()
    yield "push-to-talk", visitor


def _losing_the_server(visitor: Visitor, look: Look) -> Iterator[NamedState]:
    inject_fault(visitor.stack, kind="stall", after="response.created")
    visitor.type(look.phrases[1])
    visitor.await_state("thinking")
    yield "thinking", visitor
    visitor.await_stored(1)
    visitor.page.reload()
    expect(visitor.lines).to_have_count(1)
    visitor.allow("net::ERR_INTERNET_DISCONNECTED")
    visitor.open_muted_call()
    visitor.context.set_offline(True)
    visitor.type(look.phrases[2])
    visitor.await_state("reconnecting")
    yield "reconnecting", visitor
    visitor.context.set_offline(False)
    visitor.page.route("**/api/config/", lambda route: route.abort())
    visitor.allow("net::ERR_FAILED")
    visitor.page.reload()
    expect(visitor.page.locator("#starting-retry")).to_be_visible()
    yield "unreachable", visitor
