"""PURE: cuts an answer into beats: a piece of caption and a piece of sound that belong together."""

import re
from dataclasses import dataclass

from backend.simulator.engine.conversation import BYTES_PER_MS

BEAT_MS = 160
_WORDS = re.compile(r"\s*[^\s\u3000-\u9fff\uff00-\uffef]+|\s*[\u3000-\u9fff\uff00-\uffef]{1,3}")


@dataclass(frozen=True, slots=True)
class Beat:
    """Either may be empty: sound without a new word, or (in text mode) words without sound."""

    text: str
    pcm: bytes = b""


def words_of(text: str) -> list[str]:
    """The text in small pieces that join to it again: words, or up to three Japanese characters."""
    pieces = _WORDS.findall(text)
    rest = text[sum(map(len, pieces)) :]
    return [*pieces, rest] if rest else pieces


def spoken(text: str, pcm: bytes) -> list[Beat]:
    """The beats of speech: a word comes with the sound at its place, by its share of letters."""
    step = BEAT_MS * BYTES_PER_MS
    slices = [pcm[start : start + step] for start in range(0, len(pcm), step)] or [b""]
    texts = [""] * len(slices)
    letters = max(len(text), 1)
    place = 0
    for word in words_of(text):
        texts[min(place * len(slices) // letters, len(slices) - 1)] += word
        place += len(word)
    return [Beat(text, piece) for text, piece in zip(texts, slices, strict=True)]


def written(text: str) -> list[Beat]:
    """The beats of a written answer."""
    return [Beat(word) for word in words_of(text)] or [Beat("")]
