"""Helpers of the simulator's tests: synthetic audio, events, and an engine with a clock."""

import base64
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import numpy as np

from backend.simulator.engine.effects import (
    CloseWebSocket,
    Effect,
    Language,
    Recognise,
    Send,
    Synthesise,
    Utterance,
)
from backend.simulator.engine.engine import Engine, EngineOptions

Event = dict[str, Any]
TRANSCRIBING: Event = {"audio": {"input": {"transcription": {"model": "gpt-transcribe"}}}}
MANUAL: Event = {"audio": {"input": {"turn_detection": None}}}
ANSWER_ENDS = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]


def silence(ms: int) -> bytes:
    """Digital silence, PCM16 mono 24 kHz."""
    return bytes(ms * 48)


def speech(ms: int, level: float = 0.2) -> bytes:
    """A buzz modulated four times a second, which the detector takes for speech."""
    time = np.arange(ms * 24) / 24_000
    buzz = np.sign(np.sin(2 * np.pi * 140 * time)) * level
    syllables = np.clip(np.sin(2 * np.pi * 4 * time + 0.3) + 0.8, 0.01, 1)
    return (buzz * syllables * 32_767).astype("<i2").tobytes()


def noise(ms: int, level: float = 0.05) -> bytes:
    """Steady white noise."""
    made = np.random.default_rng(7).standard_normal(ms * 24) * level * 32_767
    return np.clip(made, -32_768, 32_767).astype("<i2").tobytes()


def append(pcm: bytes) -> Event:
    """The `input_audio_buffer.append` of this audio."""
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}


def text_item(text: str, role: str = "user", **fields: Any) -> Event:
    """A message item as a client sends it."""
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return {"type": "message", "role": role, "content": content, **fields}


class EchoPersona:
    """A persona whose answer repeats the user's text and counts the previous replies."""

    def language(
        self, user_texts: Sequence[str], transcription_language: str | None, instructions: str
    ) -> Language:
        """Return English."""
        return "en"

    def answer(
        self, user_text: str | None, previous_replies: Sequence[str], language: Language
    ) -> Utterance:
        """Repeat the user's text, and count the previous replies."""
        text = f"You said {user_text!r} after {len(previous_replies)} answers."
        return Utterance(text, text, language)

    def title(self, user_text: str, language: Language) -> str:
        """Repeat the user's text."""
        return f"About {user_text!r}"


class EngineBench:
    """An engine with a simulated clock and the role of its server.

    `recognised_text`: the result of recognition. `line_ms`: the length of synthesised speech, None
    if synthesis fails. `holds_…`: results wait for `release`.
    """

    def __init__(
        self,
        options: EngineOptions | None = None,
        *,
        is_opened: bool = True,
        initial_session: Event | None = None,
    ) -> None:
        ids = count(1)
        self.engine = Engine(
            "gpt-realtime",
            EchoPersona(),
            lambda prefix: f"{prefix}_{next(ids)}",
            options or EngineOptions(pace=0, late_every=0),
            initial_session,
        )
        self.now = 1_000.0
        self.events: list[Event] = []
        self.closed: CloseWebSocket | None = None
        self.recognised_text: str | None = "Hello."
        self.line_ms: int | None = 1_000
        self.holds_synthesis = False
        self.holds_recognition = False
        self.held: list[Synthesise | Recognise] = []
        if is_opened:
            self._apply(self.engine.open(self.now))

    def send(self, type: str, **fields: Any) -> list[Event]:
        """Send a client event; return the events it caused."""
        return self.send_raw({"type": type, **fields})

    def send_raw(self, event: object) -> list[Event]:
        """Send any JSON value as a client event; return the events it caused."""
        seen = len(self.events)
        self._apply(self.engine.from_client(event, self.now))
        return self.events[seen:]

    def configure(self, *settings: Event) -> list[Event]:
        """Send a `session.update` for each of these settings; return the last one's events."""
        for setting in settings:
            found = self.send("session.update", session={"type": "realtime", **setting})
        return found

    def play(self, pcm: bytes) -> list[Event]:
        """Send audio in chunks of 40 ms, in real time; return the events it caused."""
        seen = len(self.events)
        for start in range(0, len(pcm), 1_920):
            self.send_raw(append(pcm[start : start + 1_920]))
            self.wait(0.04)
        return self.events[seen:]

    def take_audio(self, ms: int) -> bytes:
        """Play output audio for this long, in frames of 20 ms; return it."""
        played = b""
        for _ in range(ms // 20):
            pcm, effects = self.engine.take_audio(20 * 48)
            self._apply(effects)
            played += pcm
            self.wait(0.02)
        return played

    def hear(self, pcm: bytes) -> list[Event]:
        """Pass audio of the microphone in frames of 20 ms, in real time; return the events."""
        seen = len(self.events)
        for start in range(0, len(pcm), 960):
            self._apply(self.engine.hear(pcm[start : start + 960], self.now))
            self.wait(0.02)
        return self.events[seen:]

    def wait(self, seconds: float) -> list[Event]:
        """Advance the clock, with a tick whenever the engine pending for one; return the events."""
        seen = len(self.events)
        until = self.now + seconds
        while (at := self.engine.wakes_at) is not None and at <= until:
            self.now = max(self.now, at)
            self._apply(self.engine.tick(self.now))
        self.now = until
        return self.events[seen:]

    def release(self) -> list[Event]:
        """Deliver the results that were held; return the events they caused."""
        seen = len(self.events)
        held, self.held = self.held, []
        for effect in held:
            self._deliver_result(effect)
        return self.events[seen:]

    def _apply(self, effects: Iterable[Effect]) -> None:
        pending: list[Synthesise | Recognise] = []
        for effect in effects:
            match effect:
                case Send(event):
                    self.events.append(event)
                case CloseWebSocket():
                    self.closed = effect
                case Synthesise() if self.holds_synthesis:
                    self.held.append(effect)
                case Recognise() if self.holds_recognition:
                    self.held.append(effect)
                case Synthesise() | Recognise():
                    pending.append(effect)
        for effect in pending:
            self._deliver_result(effect)

    def _deliver_result(self, effect: Synthesise | Recognise) -> None:
        if isinstance(effect, Synthesise):
            pcm = None if self.line_ms is None else speech(self.line_ms)
            self._apply(self.engine.synthesised(effect.response_id, pcm, self.now))
        else:
            self._apply(self.engine.recognised(effect.item_id, self.recognised_text, self.now))


def types(events: Iterable[Event]) -> list[str]:
    """The types of the events."""
    return [event["type"] for event in events]


def only(events: Iterable[Event], type: str) -> Event:
    """The one event of this type."""
    (found,) = [event for event in events if event["type"] == type]
    return found


def error_of(events: Iterable[Event]) -> Event:
    """The `error` object of the only `error` event."""
    found: Event = only(events, "error")["error"]
    return found
