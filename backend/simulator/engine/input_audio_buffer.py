"""PURE: the input audio buffer, and the detection of user turns in it.

With turn detection the buffer reports where a turn starts and stops, and drops the silence between
turns. Without it, all audio stays until the client commits or clears the buffer. Positions count
from the start of the stream. A client may cut its stream in the middle of a sample: the byte left
over waits for the next piece, until a commit or a clear ends the stream.
"""

from collections.abc import Callable
from dataclasses import dataclass

from backend.simulator.engine.conversation import BYTES_PER_MS, BYTES_PER_SAMPLE
from backend.simulator.engine.effects import Event
from backend.simulator.engine.errors import ClientEventError, invalid_value
from backend.simulator.engine.session_config import EAGERNESS_SILENCE_MS
from backend.simulator.engine.voice_activity import SpeechStarted, VoiceActivityDetector

MIN_COMMIT_MS = 100
MAX_BYTES = 15 * 1024 * 1024
_DEFAULT_PREFIX_MS = 300
_KEPT_BEFORE_SPEECH_MS = 1_000
"""The detector needs some frames to be sure, so the start that it reports lies in the past."""


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The user started to speak; the turn will be the item `item_id`, its audio starts `at_ms`."""

    item_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class TurnStopped:
    """The turn ended at `at_ms`; `pcm` is its audio, which has left the buffer."""

    item_id: str
    at_ms: int
    pcm: bytes


class InputAudioBuffer:
    """Takes PCM16 mono 24 kHz; returns the turns that start and stop in it."""

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self._new_id = new_id
        self._audio = bytearray()
        self._half_sample = b""
        self._offset = 0  # how many bytes of the stream came before the buffer's first
        self._detector = VoiceActivityDetector()
        self._turn_detection: Event = {}
        self._turn_id: str | None = None

    @property
    def is_speech(self) -> bool:
        """Whether the user is speaking."""
        return self._detector.is_speech

    @property
    def end_ms(self) -> int:
        """The length of the stream so far."""
        return self._end // BYTES_PER_MS

    @property
    def _end(self) -> int:
        return self._offset + len(self._audio)

    def configure(self, turn_detection: Event) -> None:
        """Apply the session's `turn_detection`; {} means that the client commits."""
        was_off, self._turn_detection = not self._turn_detection, turn_detection
        if not turn_detection:
            self._forget_turn()
            return
        if was_off:
            # The detector did not process what came meanwhile, so its position is too low.
            self._detector = VoiceActivityDetector(position_ms=self.end_ms)
        self._detector.configure(turn_detection.get("threshold", 0.5), _silence_ms(turn_detection))

    def append(self, audio: bytes) -> list[TurnStarted | TurnStopped]:
        """Add audio of any length in bytes.

        Raises ClientEventError when the buffer would exceed `MAX_BYTES`.
        """
        sound = self._half_sample + audio
        if len(self._audio) + len(sound) > MAX_BYTES:
            raise invalid_value("audio", "at most 15 MiB of uncommitted audio")
        whole = len(sound) - len(sound) % BYTES_PER_SAMPLE
        pcm, self._half_sample = sound[:whole], sound[whole:]
        self._audio += pcm
        if not self._turn_detection:
            return []
        prefix_ms = self._turn_detection.get("prefix_padding_ms", _DEFAULT_PREFIX_MS)
        changes = [
            self._start_turn(change.at_ms, prefix_ms)
            if isinstance(change, SpeechStarted)
            else self._stop_turn(change.at_ms)
            for change in self._detector.feed(pcm)
        ]
        if not self.is_speech:
            self._drop_before(self._end - (prefix_ms + _KEPT_BEFORE_SPEECH_MS) * BYTES_PER_MS)
        return changes

    def commit(self) -> tuple[str, bytes]:
        """Empty the buffer, ending speech in progress; return the new item's id and its audio.

        Raises ClientEventError when the buffer holds less than `MIN_COMMIT_MS`.
        """
        if len(self._audio) < MIN_COMMIT_MS * BYTES_PER_MS:
            raise ClientEventError(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of "
                f"audio, but buffer only has {len(self._audio) / BYTES_PER_MS:.2f}ms of audio.",
            )
        item_id, pcm = self._turn_id or self._new_id("item"), bytes(self._audio)
        self.clear()
        return item_id, pcm

    def clear(self) -> None:
        """Drop all audio, and speech in progress."""
        self._half_sample = b""
        self._drop_before(self._end)
        self._forget_turn()

    def _start_turn(self, at_ms: int, prefix_ms: int) -> TurnStarted:
        self._drop_before((at_ms - prefix_ms) * BYTES_PER_MS)
        self._turn_id = self._new_id("item")
        return TurnStarted(self._turn_id, self._offset // BYTES_PER_MS)

    def _stop_turn(self, at_ms: int) -> TurnStopped:
        item_id, self._turn_id = self._turn_id or self._new_id("item"), None
        end = max(at_ms * BYTES_PER_MS - self._offset, 0)
        pcm = bytes(self._audio[:end])
        self._drop_before(self._offset + end)
        return TurnStopped(item_id, at_ms, pcm)

    def _forget_turn(self) -> None:
        self._detector.reset()
        self._turn_id = None

    def _drop_before(self, position: int) -> None:
        surplus = position - self._offset
        if surplus > 0:
            del self._audio[:surplus]
            self._offset += surplus


def _silence_ms(turn_detection: Event) -> int:
    """The silence that ends a turn. 0 is a valid length."""
    eagerness: str = turn_detection.get("eagerness", "auto")
    silence_ms: int = turn_detection.get("silence_duration_ms", EAGERNESS_SILENCE_MS[eagerness])
    return silence_ms
