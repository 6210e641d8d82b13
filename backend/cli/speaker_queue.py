"""The sound that waits for the loudspeaker, and how much of it was heard. No I/O.

A loudspeaker takes sound with `take`, from a thread of its own or from a task. What it has taken is
heard `latency_ms` later, so a cut counts only what has left the loudspeaker by then. Time is
counted by the bytes that were asked for, with or without sound: nothing reads a clock.
"""

import math
from array import array
from collections import deque
from dataclasses import dataclass, field
from threading import Lock

from backend.cli.effects import Cut, PartKey
from backend.protocol.audio import BYTES_PER_MS


@dataclass(slots=True)
class _Part:
    """`taken` counts the bytes that were taken, `last_at` the clock after the last of them."""

    key: PartKey
    waiting: deque[bytes] = field(default_factory=deque)
    taken: int = 0
    last_at: int = 0
    is_complete: bool = False


class SpeakerQueue:
    """The parts that are played, in their order. Safe for several threads."""

    def __init__(self, latency_ms: float = 0.0) -> None:
        self._latency = int(latency_ms) * BYTES_PER_MS
        self._parts: dict[PartKey, _Part] = {}
        self._clock = 0
        self._squares = 0.0
        self._counted = 0
        self._lock = Lock()

    def set_latency(self, latency_ms: float) -> None:
        """How long after `take` the sound is heard."""
        self._latency = int(latency_ms) * BYTES_PER_MS

    def play(self, key: PartKey, pcm: bytes) -> None:
        """Append sound of this part."""
        with self._lock:
            self._parts.setdefault(key, _Part(key)).waiting.append(pcm)

    def end(self, key: PartKey) -> None:
        """No more sound comes for this part."""
        with self._lock:
            if part := self._parts.get(key):
                part.is_complete = True

    def take(self, byte_count: int) -> bytes:
        """The next sound: at most `byte_count` bytes, and less if no more waits."""
        taken = bytearray()
        with self._lock:
            for part in self._parts.values():
                while part.waiting and len(taken) < byte_count:
                    pcm = part.waiting.popleft()
                    room = byte_count - len(taken)
                    if len(pcm) > room:
                        part.waiting.appendleft(pcm[room:])
                    taken += pcm[:room]
                    part.taken += min(len(pcm), room)
                    part.last_at = self._clock + len(taken)
                if part.waiting or not part.is_complete:
                    break
            self._clock += byte_count
            self._squares += _squares(taken)
            self._counted += byte_count // 2
        return bytes(taken)

    def take_level(self) -> float:
        """The level (RMS, 0..1) of the sound that was taken since the last call."""
        with self._lock:
            rms = math.sqrt(self._squares / self._counted) / 32768 if self._counted else 0.0
            self._squares, self._counted = 0.0, 0
        return rms

    def take_ended(self) -> list[PartKey]:
        """The parts that have been heard to their end since the last call."""
        with self._lock:
            ended = [
                part.key
                for part in self._parts.values()
                if part.is_complete
                and not part.waiting
                and self._clock - part.last_at >= self._latency
            ]
            for key in ended:
                del self._parts[key]
        return ended

    def flush(self) -> list[Cut]:
        """Drop everything; say of each part what was heard of it."""
        with self._lock:
            cuts = [self._cut(part) for part in self._parts.values()]
            self._parts.clear()
        return cuts

    def _cut(self, part: _Part) -> Cut:
        unheard = min(part.taken, max(0, self._latency - (self._clock - part.last_at)))
        is_all_heard = part.is_complete and not part.waiting and not unheard
        return Cut(part.key, (part.taken - unheard) // BYTES_PER_MS, is_all_heard)


def _squares(pcm: bytearray) -> float:
    """The sum of the squares of every eighth sample, times eight: exact enough for a level."""
    return 8.0 * sum(value * value for value in array("h", bytes(pcm))[::8])
