"""What was heard of a spoken text that was cut off: an estimate, cut to a whole word.

A transcript runs ahead of its audio, so a delta's words are taken to sound from the place that
the audio had reached when the delta came, to the place where the next one came; within that span
evenly. The first delta sounds from the beginning and the last to the end of what audio there is.
"""

import unicodedata
from dataclasses import dataclass, field

_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x9FFF),  # CJK radicals and punctuation, kana, bopomofo, ideographs
    (0xF900, 0xFAFF),  # CJK compatibility ideographs
    (0xFF00, 0xFFEF),  # full-width and half-width forms
    (0x20000, 0x3FFFF),  # further ideographs
)
"""Scripts that put no spaces between words: every character is a place to cut."""

_PAUSES = "、。，．！？…"
_PAUSE_REACH = 2
"""How many characters are given up, at most, to end at a pause in an unspaced script."""


@dataclass(slots=True)
class AudioMarks:
    """How far the audio had come when the text came; `audio_ms` is all the audio so far."""

    audio_ms: float = 0.0
    streamed_chars: int = 0
    _marks: list[tuple[float, int]] = field(default_factory=list)

    def hear(self, ms: float) -> None:
        """So much more audio came."""
        self.audio_ms += ms

    def stream(self, chars: int) -> None:
        """So many more characters came."""
        if not self._marks or self.audio_ms > self._marks[-1][0]:
            self._marks.append((self.audio_ms, self.streamed_chars))
        self.streamed_chars += chars

    def share_heard(self, heard_ms: float) -> float:
        """The share of the text, 0 to 1, that sounds in the first `heard_ms` milliseconds.

        All of it where less audio is known than was heard: nothing then says that any was missed.
        """
        if heard_ms <= 0:
            return 0.0
        if heard_ms >= self.audio_ms:
            return 1.0
        if not self.streamed_chars:
            return heard_ms / self.audio_ms
        start_ms, start_chars = 0.0, 0
        for ms, chars in (*self._marks[1:], (self.audio_ms, self.streamed_chars)):
            if ms > heard_ms:
                progress = (heard_ms - start_ms) / (ms - start_ms)
                return (start_chars + progress * (chars - start_chars)) / self.streamed_chars
            start_ms, start_chars = ms, chars
        return 1.0


def heard_text(text: str, marks: AudioMarks, heard_ms: float) -> str:
    """The beginning of `text` that was heard in `heard_ms` milliseconds, to a whole word."""
    # A hair is added so that a share that stands for n characters is never taken for n - 1.
    return cut_to_whole_word(text, int(marks.share_heard(heard_ms) * len(text) + 1e-6))


def cut_to_whole_word(text: str, chars: int) -> str:
    """The first `chars` characters, less a last word that is not whole, and less trailing space.

    In scripts without spaces every character stands alone, and a pause close before is preferred.
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
    """Whether there is anything but space in this text."""
    return not all(is_space(char) for char in text)


def is_space(char: str) -> bool:
    """Whether this is white space; spelt out, since every language has its own opinion."""
    return char in "\t\n\v\f\r" or unicodedata.category(char)[0] == "Z"


def _cut_between_characters(text: str, cut: int) -> int:
    """Back to where neither a word nor what a reader sees as one character is cut.

    Both are checked until neither moves the cut: in `aaa` and a zero-width joiner, stepping back
    from the joiner ends inside the word.
    """
    while True:
        shorter = _cut_spaced(text, cut)
        while shorter and _clings(text[shorter - 1], text[shorter]):
            shorter -= 1
        if shorter == cut:
            return cut
        cut = shorter


def _cut_spaced(text: str, cut: int) -> int:
    """Back to the start of the word that `cut` goes through; punctuation may be cut off a word."""
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


def _in_word(char: str) -> bool:
    return not is_space(char) and not any(low <= ord(char) <= high for low, high in _UNSPACED)


def _clings(before: str, after: str) -> bool:
    """Whether these two are one character to a reader: accents, joined emoji, skin tones."""
    return (
        unicodedata.category(after)[0] == "M"
        or "\u200d" in (before, after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"
    )


def _cut_at_pause(text: str, cut: int) -> int:
    for shorter in range(cut, max(cut - _PAUSE_REACH - 1, 0), -1):
        if text[shorter - 1] in _PAUSES:
            return shorter
    return cut
