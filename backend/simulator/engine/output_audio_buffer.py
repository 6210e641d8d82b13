"""PURE: the output audio of a WebRTC call: what waits to be played, and what has been played.

The track takes audio in real time, so the buffer knows at each moment how much the client has got.
The audio of several responses is played one after the other.
"""

from collections import deque
from dataclasses import dataclass, field

from backend.simulator.engine.conversation import BYTES_PER_MS


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """The first audio of a response has been taken."""

    response_id: str


@dataclass(frozen=True, slots=True)
class PlaybackStopped:
    """All audio of a response, which has ended, has been taken."""

    response_id: str


@dataclass(frozen=True, slots=True)
class PlaybackCleared:
    """Audio of a response was dropped after `played_ms` of the item's audio.

    `was_started`: whether any of it had been taken.
    """

    response_id: str
    item_id: str
    played_ms: int
    was_started: bool


PlaybackChange = PlaybackStarted | PlaybackStopped | PlaybackCleared


@dataclass(slots=True)
class _Playback:
    """The audio of one item; `is_whole`: no more of it will come."""

    response_id: str
    item_id: str
    waiting: bytearray = field(default_factory=bytearray)
    played_bytes: int = 0
    is_whole: bool = False

    @property
    def is_over(self) -> bool:
        return self.is_whole and not self.waiting


class OutputAudioBuffer:
    """Takes PCM16 mono 24 kHz as it is generated; gives it out in frames."""

    def __init__(self) -> None:
        self._playbacks: deque[_Playback] = deque()

    def add(self, response_id: str, item_id: str, pcm: bytes) -> None:
        """Add the next audio of a response's item."""
        last = self._playbacks[-1] if self._playbacks else None
        if last is None or last.response_id != response_id:
            last = _Playback(response_id, item_id)
            self._playbacks.append(last)
        last.waiting += pcm

    def finish(self, response_id: str) -> None:
        """Record that the response has ended: it adds no more audio."""
        for playback in self._playbacks:
            if playback.response_id == response_id:
                playback.is_whole = True

    def take(self, size: int) -> tuple[bytes, list[PlaybackChange]]:
        """The next `size` bytes to play, and the changes that this makes.

        Fewer bytes at the end of an item's audio; none if there is nothing to play, or not enough
        yet.
        """
        changes: list[PlaybackChange] = []
        while self._playbacks and self._playbacks[0].is_over:
            changes.append(PlaybackStopped(self._playbacks.popleft().response_id))
        if not self._playbacks:
            return b"", changes
        playback = self._playbacks[0]
        if len(playback.waiting) < size and not playback.is_whole:
            return b"", changes
        if not playback.played_bytes:
            changes.append(PlaybackStarted(playback.response_id))
        pcm = bytes(playback.waiting[:size])
        del playback.waiting[:size]
        playback.played_bytes += len(pcm)
        return pcm, changes

    def clear(self) -> list[PlaybackChange]:
        """Drop all audio that has not been played."""
        changes: list[PlaybackChange] = []
        for playback in self._playbacks:
            if playback.is_over:
                changes.append(PlaybackStopped(playback.response_id))
                continue
            played_ms = playback.played_bytes // BYTES_PER_MS
            was_started = playback.played_bytes > 0
            changes.append(
                PlaybackCleared(playback.response_id, playback.item_id, played_ms, was_started)
            )
        self._playbacks.clear()
        return changes
