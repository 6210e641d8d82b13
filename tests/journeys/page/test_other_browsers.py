"""Firefox, and WebKitGTK as the nearest thing to Safari: one conversation, typed and spoken.

Not tested here: Safari itself and iOS (its rules for sound, its audio session, the ring switch),
echo cancellation, Bluetooth, the browsers' question for the microphone, which both skip, and a
device that is plugged in.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.journeys.audio.equipment import WIRE_RATE, Samples, best_match
from tests.journeys.browsers.firefox import running_firefox
from tests.journeys.browsers.sound_server import SoundServer, running_sound_server
from tests.journeys.browsers.webkit import running_webkit
from tests.journeys.browsers.window import ENTER, Window
from tests.journeys.page.conftest import QUESTION, SECOND_QUESTION
from tests.journeys.page.speech_files import spoken
from tests.journeys.page.visitor import Login, register
from tests.journeys.stack import Stack, http

pytestmark = [pytest.mark.page, pytest.mark.realtime_audio]

GREETING = "Hello, thank you for taking the time today."
CUT_IN_AFTER_WORDS = 6
BLOCK = WIRE_RATE // 50
SOUNDING = 0.003
"""The loudness of a block of 20 ms, of full scale, above which it is part of an answer."""
LAST_SOUND = WIRE_RATE // 5
"""Long enough to be found in an answer."""

HAS_SCREEN = "(name) => document.body.dataset.screen === name"
HAS_STATE = "(name) => document.documentElement.dataset.state === name"
HAS_CARD = """(name) => document.querySelector(`#help [data-help="${name}"]`) !== null"""
HAS_LINES = """(count) => document.querySelectorAll("#lines .line").length === count"""
ANSWER = """document.querySelectorAll('#lines .line[data-role="assistant"]')[index]"""
HAS_ANSWER = f"(index, status) => {ANSWER}?.dataset.status === status"
SHOWS_WORDS = f"""(index, count) =>
  {ANSWER}?.querySelector(".text").textContent.split(" ").length > count"""
LINES = """() => [...document.querySelectorAll("#lines .line")].map((line) => {
  const text = line.querySelector(".text").cloneNode(true);
  for (const hidden of text.querySelectorAll(".visually-hidden")) hidden.remove();
  const { item, role, modality, status } = line.dataset;
  return [item, role, modality, status, text.textContent];
})"""

Start = Callable[[Path, Mapping[str, str]], AbstractContextManager[Window]]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the browser showed, and what came out of its speaker."""

    version: str
    lines: list[list[str]]
    lines_after_reload: list[list[str]]
    complaints: list[str]
    sound: Samples


@pytest.mark.parametrize(
    ("name", "start"), [("Firefox", running_firefox), ("WebKit", running_webkit)]
)
def test_a_conversation_is_typed_spoken_heard_interrupted_and_kept(
    name: str, start: Start, stack: Stack, tmp_path: Path, measurements: dict[str, str]
) -> None:
    login = register(stack)
    seen = converse(start, stack, login, tmp_path)

    assert seen.complaints == []
    assert [tuple(line[1:4]) for line in seen.lines] == [
        ("user", "text", "completed"),
        ("assistant", "text", "completed"),
        ("user", "voice", "completed"),
        ("assistant", "voice", "interrupted"),
        ("user", "voice", "completed"),
        ("assistant", "voice", "completed"),
    ]
    assert [text for *_, text in seen.lines[::2]] == [GREETING, QUESTION, SECOND_QUESTION]
    assert seen.lines_after_reload == seen.lines
    turns = stored_turns(stack, login)
    keys = ("item_id", "role", "modality", "status", "text")
    assert [[turn[key] for key in keys] for turn in turns] == seen.lines
    cut, whole = both_answers_in(seen.sound)
    # What the page counted is what came out of the speaker. The count may include a pause at its
    # end, which the recording does not show.
    heard_ms, cut_ms = turns[3]["heard_ms"], last_position_ms(cut, turns[3]["text"])
    assert -300 < heard_ms - cut_ms < 700, (heard_ms, cut_ms)
    assert len(whole) > 3 * WIRE_RATE
    measurements[f"{name} {seen.version}"] = f"counted {heard_ms} ms, {cut_ms} ms came out"


def converse(start: Start, stack: Stack, login: Login, folder: Path) -> Conversation:
    """Sign in, type, talk and interrupt, go back to typing, reload."""
    with running_sound_server(folder) as sound, start(folder, sound.env) as window:
        sign_in(window, stack, login)
        window.write("#message", GREETING + ENTER)
        window.wait_until(HAS_ANSWER, 0, "completed")
        talk_and_interrupt(window, sound)
        heard = sound.heard()
        window.click("#mode-text")
        window.wait_until(HAS_STATE, "idle")
        lines, complaints = window.call(LINES), list(window.complaints)
        window.reload()
        window.wait_until(HAS_LINES, len(lines))
        after_reload = window.call(LINES)
        complaints += window.complaints
        return Conversation(window.version, lines, after_reload, complaints, heard)


def test_webkit_says_that_there_is_no_microphone(stack: Stack, tmp_path: Path) -> None:
    env = {**os.environ, "PULSE_SERVER": f"unix:{tmp_path}/nobody"}
    with running_webkit(tmp_path, env) as window:
        sign_in(window, stack, register(stack))
        window.click("#mode-voice")
        window.wait_until(HAS_CARD, "microphone_missing")
        window.wait_until(HAS_STATE, "idle")
        assert window.complaints == []


def sign_in(window: Window, stack: Stack, login: Login) -> None:
    window.open(f"{stack.url}/")
    window.wait_until(HAS_SCREEN, "sign-in")
    window.write("#username", login.username)
    window.write("#password", login.password + ENTER)
    window.wait_until(HAS_SCREEN, "talk")


def talk_and_interrupt(window: Window, sound: SoundServer) -> None:
    """Ask a question, then another one in the middle of the answer, and hear that one out."""
    window.click("#mode-voice")
    window.wait_until(HAS_STATE, "listening")
    sound.say(spoken(QUESTION))
    window.wait_until(SHOWS_WORDS, 1, CUT_IN_AFTER_WORDS)
    sound.say(spoken(SECOND_QUESTION))
    window.wait_until(HAS_ANSWER, 1, "interrupted")
    window.wait_until(HAS_ANSWER, 2, "completed")
    window.wait_until(HAS_STATE, "listening")


def both_answers_in(heard: Samples) -> tuple[Samples, Samples]:
    """The sound of each answer, from its first to its last block that is not silent.

    The longest silence is between them, while the second question is asked: 2.6 s. On a busy
    machine the sound server is silent for up to 0.6 s within an answer.
    """
    blocks = heard[: len(heard) // BLOCK * BLOCK].reshape(-1, BLOCK)
    sounding = np.flatnonzero(np.sqrt((blocks**2).mean(axis=1)) > SOUNDING)
    second = int(np.argmax(np.diff(sounding))) + 1
    cut, whole = sounding[:second], sounding[second:]
    return blocks[cut[0] : cut[-1] + 1].ravel(), blocks[whole[0] : whole[-1] + 1].ravel()


def last_position_ms(heard: Samples, text: str) -> int:
    """Where in the spoken text the last sound is from.

    Not how long it sounded: on a busy machine the sound server falls silent in the middle.
    """
    last = heard[-LAST_SOUND:]
    start, _ = best_match(spoken(text, voice="marin"), last)
    return (start + len(last)) * 1000 // WIRE_RATE


def stored_turns(stack: Stack, login: Login) -> list[dict[str, Any]]:
    """The turns of the user's only session."""
    url = f"{stack.url}/api/sessions/"
    (session,) = http("GET", url, token=login.token).json["results"]
    answer = http("GET", f"{url}{session['id']}/turns/", token=login.token)
    turns: list[dict[str, Any]] = answer.json["results"]
    return turns
