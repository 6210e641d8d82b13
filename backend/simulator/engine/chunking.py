"""PURE: splits a reply into chunks: a piece of text with the piece of audio that belongs to it."""

import re
from dataclasses import dataclass

from backend.simulator.engine.conversation import BYTES_PER_MS

CHUNK_MS = 160
_WORDS = re.compile(r"\s*[^\s\u3000-\u9fff\uff00-\uffef]+|\s*[\u3000-\u9fff\uff00-\uffef]{1,3}")


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is sent at one time. Audio may come without a new word; a written reply has no audio."""

    text: str
    pcm: bytes = b""


def split_words(text: str) -> list[str]:
    """Split into words, or up to three Japanese characters; the pieces join to the same text."""
    pieces = _WORDS.findall(text)
    rest = text[sum(map(len, pieces)) :]
    return [*pieces, rest] if rest else pieces


def spoken_chunks(text: str, pcm: bytes) -> list[Chunk]:
    """The chunks of a spoken reply; a word's position in the audio is estimated from letters."""
    step = CHUNK_MS * BYTES_PER_MS
    slices = [pcm[start : start + step] for start in range(0, len(pcm), step)] or [b""]
    texts = [""] * len(slices)
    letters = max(len(text), 1)
    position = 0
    for word in split_words(text):
        texts[min(position * len(slices) // letters, len(slices) - 1)] += word
        position += len(word)
    return [Chunk(text, piece) for text, piece in zip(texts, slices, strict=True)]


def written_chunks(text: str) -> list[Chunk]:
    """The chunks of a written reply."""
    return [Chunk(word) for word in split_words(text)] or [Chunk("")]
