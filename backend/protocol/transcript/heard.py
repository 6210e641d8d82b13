"""How much of a spoken text was heard before it was cut off: an estimate, cut to a whole word.

A transcript arrives before its audio is played. The estimate assumes that the text of a delta is
spoken evenly, from the audio position at which the delta arrived to that at which the next one did.
The first delta starts at the beginning, the last one stops at the end of the audio.
"""

import unicodedata
from dataclasses import dataclass, field

from backend.protocol.graphemes import cluster_start

_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x9FFF),  # CJK radicals and punctuation, kana, bopomofo, ideographs
    (0xF900, 0xFAFF),  # CJK compatibility ideographs
    (0xFF00, 0xFFEF),  # full-width and half-width forms
    (0x20000, 0x3FFFF),  # further ideographs
)
"""Scripts without spaces between words: a text can be cut at every character."""

_PAUSES = "、。，．！？…"
_MAX_PAUSE_DISTANCE = 2
"""How many characters a cut in an unspaced script moves back, at most, to end at a pause."""


@dataclass(slots=True)
class TextTiming:
    """The audio position at which each delta of a text arrived. `audio_ms`: all audio so far."""

    audio_ms: float = 0.0
    text_chars: int = 0
    _marks: list[tuple[float, int]] = field(default_factory=list)

    def add_text(self, chars: int) -> None:
        """Count this many more characters, at the present audio position."""
        if not self._marks or self.audio_ms > self._marks[-1][0]:
            self._marks.append((self.audio_ms, self.text_chars))
        self.text_chars += chars

    def text_share(self, heard_ms: float) -> float:
        """The share of the text, 0 to 1, that is spoken in the first `heard_ms` milliseconds.

        1 where `heard_ms` reaches the end of the known audio: nothing shows that any was missed.
        """
        if heard_ms <= 0:
            return 0.0
        if heard_ms >= self.audio_ms:
            return 1.0
        if not self.text_chars:
            return heard_ms / self.audio_ms
        start_ms, start_chars = 0.0, 0
        for ms, chars in (*self._marks[1:], (self.audio_ms, self.text_chars)):
            if ms > heard_ms:
                progress = (heard_ms - start_ms) / (ms - start_ms)
                return (start_chars + progress * (chars - start_chars)) / self.text_chars
            start_ms, start_chars = ms, chars
        return 1.0


def heard_text(text: str, timing: TextTiming, heard_ms: float) -> str:
    """The beginning of `text` that was heard in `heard_ms` milliseconds, to a whole word."""
    # The margin keeps a rounding error from turning a share of n characters into n - 1.
    return cut_to_whole_word(text, int(timing.text_share(heard_ms) * len(text) + 1e-6))


def cut_to_whole_word(text: str, chars: int) -> str:
    """The first `chars` characters, without a word that is cut and without trailing space.

    In scripts without spaces each character is a word, and a pause shortly before is preferred.
    """
    if chars >= len(text):
        return text
    cut = _cut_between_characters(text, chars)
    if cut == chars:
        cut = _cut_at_pause(text, cut)
    while cut and is_space(text[cut - 1]):
        cut -= 1
    return text[:cut]


def has_words(text: str) -> bool:
    """Whether the text holds anything but white space."""
    return bool(text.lstrip(_SPACES))


def is_space(char: str) -> bool:
    """Whether this is white space: an explicit rule, since Python and JavaScript differ here."""
    return char in "\t\n\v\f\r" or unicodedata.category(char)[0] == "Z"


_SPACES = "".join(filter(is_space, map(chr, range(0x3001))))
"""Every character that is white space; the ideographic space, U+3000, is the last one."""


def _cut_between_characters(text: str, cut: int) -> int:
    """Move the cut back until it divides neither a word nor a character (`graphemes`).

    Both are checked until neither moves the cut: in `aaa` and a zero-width joiner, stepping back
    from the joiner ends inside the word.
    """
    while True:
        shorter = cluster_start(text, _cut_spaced(text, cut))
        if shorter == cut:
            return cut
        cut = shorter


def _cut_spaced(text: str, cut: int) -> int:
    """Move the cut back to the start of the word it divides; punctuation may be cut off a word."""
    if not (cut and _in_word(text[cut - 1]) and _in_word(text[cut])):
        return cut
    end = cut
    while end < len(text) and _in_word(text[end]):
        end += 1
    if not any(unicodedata.category(char)[0] in "LN" for char in text[cut:end]):
        return cut
    while cut and _in_word(text[cut - 1]):
        cut -= 1
    return cut


def is_unspaced(char: str) -> bool:
    """Whether this character is of a script without spaces between words."""
    return any(low <= ord(char) <= high for low, high in _UNSPACED)


def _in_word(char: str) -> bool:
    return not is_space(char) and not is_unspaced(char)


def _cut_at_pause(text: str, cut: int) -> int:
    for shorter in range(cut, max(cut - _MAX_PAUSE_DISTANCE - 1, 0), -1):
        if text[shorter - 1] in _PAUSES and cluster_start(text, shorter) == shorter:
            return shorter
    return cut
