"""PURE: the user's sound that is not committed yet, and the turns that are heard in it.

With turn detection the buffer says where a turn starts and stops, and forgets the silence between
turns; without it, all sound stays until the client commits or clears it. Places are counted from
the start of the stream.
"""

from collections.abc import Callable
from dataclasses import dataclass

from backend.simulator.engine.conversation import BYTES_PER_MS
from backend.simulator.engine.effects import Event
from backend.simulator.engine.errors import Refused, invalid
from backend.simulator.engine.session_config import EAGERNESS_SILENCE_MS
from backend.simulator.engine.voice_activity import SpeechStarted, VoiceActivity

LEAST_COMMIT_MS = 100
MOST_BYTES = 15 * 1024 * 1024
_PREFIX_MS = 300
_BEFORE_SPEECH_KEPT_MS = 1_000
"""Voice activity needs some frames to be sure, so the start that it names lies in the past."""


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """Somebody speaks; the turn will be the item `item_id`, with the sound from `at_ms` on."""

    item_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class TurnStopped:
    """The turn is over at `at_ms`; `pcm` is its sound, which has left the buffer."""

    item_id: str
    at_ms: int
    pcm: bytes


class InputBuffer:
    """Fed sound, PCM16 mono 24 kHz; answers with the turns that start and stop in it."""

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self._new_id = new_id
        self._sound = bytearray()
        self._starts_at = 0  # bytes of the stream before the buffer
        self._activity = VoiceActivity()
        self._detection: Event = {}
        self._turn_id: str | None = None

    @property
    def is_speech(self) -> bool:
        """Whether somebody speaks."""
        return self._activity.is_speech

    @property
    def end_ms(self) -> int:
        """How much sound has come in."""
        return self._end // BYTES_PER_MS

    @property
    def _end(self) -> int:
        return self._starts_at + len(self._sound)

    def configure(self, detection: Event) -> None:
        """Takes the session's `turn_detection`; empty: the client commits."""
        was_off, self._detection = not self._detection, detection
        if not detection:
            self._forget_turn()
            return
        if was_off:
            # What came meanwhile was not listened to: the old clock stood still.
            self._activity = VoiceActivity(position_ms=self.end_ms)
        self._activity.configure(detection.get("threshold", 0.5), _silence_ms(detection))

    def append(self, pcm: bytes) -> list[TurnStarted | TurnStopped]:
        """More sound. Raises Refused where it is too much."""
        if len(self._sound) + len(pcm) > MOST_BYTES:
            raise invalid("audio", "at most 15 MiB of uncommitted audio")
        self._sound += pcm
        if not self._detection:
            return []
        prefix_ms = self._detection.get("prefix_padding_ms", _PREFIX_MS)
        happened = [
            self._start_turn(heard.at_ms, prefix_ms)
            if isinstance(heard, SpeechStarted)
            else self._stop_turn(heard.at_ms)
            for heard in self._activity.feed(pcm)
        ]
        if not self.is_speech:
            self._drop_before(self._end - (prefix_ms + _BEFORE_SPEECH_KEPT_MS) * BYTES_PER_MS)
        return happened

    def commit(self) -> tuple[str, bytes]:
        """Empties the buffer into an item: its id and its sound. Raises Refused where it is short.

        Speech that is in progress ends here.
        """
        if len(self._sound) < LEAST_COMMIT_MS * BYTES_PER_MS:
            raise Refused(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of "
                f"audio, but buffer only has {len(self._sound) / BYTES_PER_MS:.2f}ms of audio.",
            )
        item_id, pcm = self._turn_id or self._new_id("item"), bytes(self._sound)
        self.clear()
        return item_id, pcm

    def clear(self) -> None:
        """Forgets all sound, and the speech that is in progress."""
        self._drop_before(self._end)
        self._forget_turn()

    def _start_turn(self, at_ms: int, prefix_ms: int) -> TurnStarted:
        self._drop_before((at_ms - prefix_ms) * BYTES_PER_MS)
        self._turn_id = self._new_id("item")
        return TurnStarted(self._turn_id, self._starts_at // BYTES_PER_MS)

    def _stop_turn(self, at_ms: int) -> TurnStopped:
        item_id, self._turn_id = self._turn_id or self._new_id("item"), None
        end = max(at_ms * BYTES_PER_MS - self._starts_at, 0)
        pcm = bytes(self._sound[:end])
        self._drop_before(self._starts_at + end)
        return TurnStopped(item_id, at_ms, pcm)

    def _forget_turn(self) -> None:
        self._activity.reset()
        self._turn_id = None

    def _drop_before(self, place: int) -> None:
        surplus = place - self._starts_at
        if surplus > 0:
            del self._sound[:surplus]
            self._starts_at += surplus


def _silence_ms(detection: Event) -> int:
    """How long a silence ends a turn; 0 is a length like any other."""
    eagerness: str = detection.get("eagerness", "auto")
    silence_ms: int = detection.get("silence_duration_ms", EAGERNESS_SILENCE_MS[eagerness])
    return silence_ms
