"""What the simulator's tests share: a clock, sound that counts as speech, an engine on a bench."""

import base64
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import numpy as np

from backend.simulator.engine.effects import Effect, HangUp, Language, Line, Say, Send, Understand
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
    """Digital silence, PCM16 24 kHz."""
    return bytes(ms * 48)


def speech(ms: int, level: float = 0.2) -> bytes:
    """A buzz that comes and goes four times a second, as syllables do."""
    time = np.arange(ms * 24) / 24_000
    buzz = np.sign(np.sin(2 * np.pi * 140 * time)) * level
    syllables = np.clip(np.sin(2 * np.pi * 4 * time + 0.3) + 0.8, 0.01, 1)
    return (buzz * syllables * 32_767).astype("<i2").tobytes()


def noise(ms: int, level: float = 0.05) -> bytes:
    """Steady white noise."""
    made = np.random.default_rng(7).standard_normal(ms * 24) * level * 32_767
    return np.clip(made, -32_768, 32_767).astype("<i2").tobytes()


def append(pcm: bytes) -> Event:
    """The event that brings this sound."""
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}


def text_item(text: str, role: str = "user", **fields: Any) -> Event:
    """A message as a client writes it."""
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return {"type": "message", "role": role, "content": content, **fields}


class Parrot:
    """A persona that answers with what it heard."""

    def language(
        self, user_texts: Sequence[str], transcription_language: str | None, instructions: str
    ) -> Language:
        """English, always."""
        return "en"

    def answer(self, heard: str | None, said: Sequence[str], language: Language) -> Line:
        """What was heard, and how many answers went before."""
        text = f"You said {heard!r} after {len(said)} answers."
        return Line(text, text, language)


class Bench:
    """An engine with a clock: plays its server, speaks at once, hears what it is told to."""

    def __init__(self, options: EngineOptions | None = None, *, is_opened: bool = True) -> None:
        ids = count(1)
        self.engine = Engine(
            "gpt-realtime",
            Parrot(),
            lambda prefix: f"{prefix}_{next(ids)}",
            options or EngineOptions(pace=0, late_every=0),
        )
        self.now = 1_000.0
        self.events: list[Event] = []
        self.closed: HangUp | None = None
        self.will_hear: str | None = "Hello."
        self.line_ms: int | None = 1_000
        self.holds_speech = False
        self.holds_hearing = False
        self.held: list[Say | Understand] = []
        if is_opened:
            self._carry_out(self.engine.open(self.now))

    def send(self, type: str, **fields: Any) -> list[Event]:
        """A client event; answers with what came of it."""
        return self.hear_of({"type": type, **fields})

    def hear_of(self, event: object) -> list[Event]:
        """Anything that a client may send."""
        seen = len(self.events)
        self._carry_out(self.engine.from_client(event, self.now))
        return self.events[seen:]

    def configure(self, *settings: Event) -> list[Event]:
        """`session.update` with these settings."""
        for setting in settings:
            found = self.send("session.update", session={"type": "realtime", **setting})
        return found

    def play(self, pcm: bytes) -> list[Event]:
        """Sound in chunks of 40 ms, at a speaking pace."""
        seen = len(self.events)
        for start in range(0, len(pcm), 1_920):
            self.hear_of(append(pcm[start : start + 1_920]))
            self.wait(0.04)
        return self.events[seen:]

    def wait(self, seconds: float) -> list[Event]:
        """Time passes; the engine is woken when it asked to be."""
        seen = len(self.events)
        until = self.now + seconds
        while (at := self.engine.wakes_at) is not None and at <= until:
            self.now = max(self.now, at)
            self._carry_out(self.engine.tick(self.now))
        self.now = until
        return self.events[seen:]

    def release(self) -> list[Event]:
        """What was held is answered now."""
        seen = len(self.events)
        held, self.held = self.held, []
        for effect in held:
            self._answer(effect)
        return self.events[seen:]

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        asked: list[Say | Understand] = []
        for effect in effects:
            match effect:
                case Send(event):
                    self.events.append(event)
                case HangUp():
                    self.closed = effect
                case Say() if self.holds_speech:
                    self.held.append(effect)
                case Understand() if self.holds_hearing:
                    self.held.append(effect)
                case Say() | Understand():
                    asked.append(effect)
        for effect in asked:
            self._answer(effect)

    def _answer(self, effect: Say | Understand) -> None:
        if isinstance(effect, Say):
            pcm = None if self.line_ms is None else speech(self.line_ms)
            self._carry_out(self.engine.spoken(effect.response_id, pcm, self.now))
        else:
            self._carry_out(self.engine.understood(effect.item_id, self.will_hear, self.now))


def types(events: Iterable[Event]) -> list[str]:
    """The events' types."""
    return [event["type"] for event in events]


def only(events: Iterable[Event], type: str) -> Event:
    """The one event of this type."""
    (found,) = [event for event in events if event["type"] == type]
    return found


def error_of(events: Iterable[Event]) -> Event:
    """What the one `error` says."""
    found: Event = only(events, "error")["error"]
    return found
