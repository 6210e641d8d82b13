"""What the client can have played by now of the sound that it was sent. PURE.

Answers arrive several times faster than they sound, and a client plays them one after another. So
each piece is taken to begin when it came or when the piece before it had been played, whichever
was later: nobody can have heard more, and somebody with a slow device has heard less.

Lengths are milliseconds, moments seconds on a clock that never goes back.
"""

import math
from dataclasses import dataclass

Key = tuple[str, int]
"""An item and the index of its content part."""


@dataclass(slots=True)
class _Sound:
    """One part's sound: how much of it was sent, and when all of that can have been played."""

    sent_ms: float = 0.0
    ends_s: float = 0.0


class Playback:
    """One client's loudspeaker, as far as it can be known from here."""

    def __init__(self) -> None:
        self._sounds: dict[Key, _Sound] = {}
        self._free_s = 0.0

    def send(self, key: Key, ms: float, now_s: float) -> None:
        """So much sound goes to the client now."""
        sound = self._sounds.get(key)
        if sound is None:
            sound = self._sounds[key] = _Sound()
        sound.sent_ms += ms
        begins_s = self._free_s if self._free_s > now_s else now_s
        self._free_s = sound.ends_s = begins_s + ms / 1000

    def cut(self, now_s: float) -> None:
        """The client cut off what it was playing: the next answer sounds at once."""
        self._free_s = min(self._free_s, now_s)

    def move_on(self, now_s: float) -> None:
        """The client went on by typing and cut nothing: what it was sent is taken as heard."""
        self.cut(now_s)
        for sound in self._sounds.values():
            sound.ends_s = min(sound.ends_s, now_s)

    def sent_ms(self, key: Key) -> float:
        """How much sound was sent."""
        sound = self._sounds.get(key)
        return 0.0 if sound is None else sound.sent_ms

    def is_sounding(self, now_s: float) -> bool:
        """Whether there must still be something to hear, even on the fastest device."""
        return self._free_s > now_s

    def unfinished(self, now_s: float) -> dict[Key, int]:
        """What cannot have been played to its end, and how many milliseconds of it can have."""
        return {
            key: max(0, math.floor(sound.sent_ms - (sound.ends_s - now_s) * 1000))
            for key, sound in self._sounds.items()
            if sound.ends_s > now_s
        }
