"""How much of the audio that the client was sent it can have played by now. PURE.

Responses arrive several times faster than they play, and a client plays them one after another. So
each piece is assumed to start when it came or when the piece before it had been played, whichever
was later: nobody can have heard more, and somebody with a slow device has heard less.

Durations are milliseconds, times are seconds on a clock that never goes back.
"""

import math
from dataclasses import dataclass

PartKey = tuple[str, int]
"""The id of an item and the index of its content part."""


@dataclass(slots=True)
class _PartAudio:
    """One part's audio: how much of it was sent, and when all of that can have been played."""

    sent_ms: float = 0.0
    ends_s: float = 0.0


class Playback:
    """One client's playback, as far as the relay can know it."""

    def __init__(self) -> None:
        self._parts: dict[PartKey, _PartAudio] = {}
        self._ends_s = 0.0

    def add(self, key: PartKey, ms: float, now_s: float) -> None:
        """Add audio that is sent to the client now."""
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = _PartAudio()
        part.sent_ms += ms
        begins_s = self._ends_s if self._ends_s > now_s else now_s
        self._ends_s = part.ends_s = begins_s + ms / 1000

    def cut(self, now_s: float) -> None:
        """The client stopped its playback: the next response plays at once."""
        self._ends_s = min(self._ends_s, now_s)

    def cut_as_heard(self, now_s: float) -> None:
        """The client typed instead of truncating: what it was sent counts as heard."""
        self.cut(now_s)
        for part in self._parts.values():
            part.ends_s = min(part.ends_s, now_s)

    def sent_ms(self, key: PartKey) -> float:
        """How much audio of this part was sent."""
        part = self._parts.get(key)
        return 0.0 if part is None else part.sent_ms

    def is_playing(self, now_s: float) -> bool:
        """Whether even the fastest device must still have audio to play."""
        return self._ends_s > now_s

    def unfinished(self, now_s: float) -> dict[PartKey, int]:
        """The parts that cannot have been played to their end, with the played milliseconds."""
        return {
            key: max(0, math.floor(part.sent_ms - (part.ends_s - now_s) * 1000))
            for key, part in self._parts.items()
            if part.ends_s > now_s
        }
