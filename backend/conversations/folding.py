"""Text as a search compares it: width, case and the two kinds of kana make no difference. PURE."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_KATAKANA = range(ord("ァ"), ord("ヶ") + 1)
_TO_HIRAGANA = {code: code - ord("ァ") + ord("ぁ") for code in _KATAKANA}
_TO_KATAKANA = {small: large for large, small in _TO_HIRAGANA.items()}
_HALF_WIDTH_MARKS = "ﾞﾟ"


def folded(text: str) -> str:
    """Return the text with NFKC, case folding and katakana written as hiragana.

    So `ＡＢＣ` is `abc`, and `ﾊﾟﾝ`, `パン` and `ぱん` are one word.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).casefold().translate(_TO_HIRAGANA)


def spellings(word: str) -> list[str]:
    """Return the usual spellings of a word: as it is, of normal width, in katakana, in hiragana.

    For columns without a folded copy, with a query for each.
    """
    normal = unicodedata.normalize("NFKC", word)
    kana = (normal.translate(_TO_KATAKANA), normal.translate(_TO_HIRAGANA))
    return list(dict.fromkeys((word, normal, *kana)))


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an excerpt."""

    text: str
    is_match: bool


def excerpt(text: str, words: Sequence[str], characters: int = 60) -> list[Piece]:
    """Return about `characters` of the text around the first of these folded words.

    The pieces are the text as it is written, with an ellipsis where it is cut. Every match in them
    is a piece of its own. Empty if no word occurs.
    """
    whole, places = _with_places(text)
    spans = _spans(whole, [word for word in words if word])
    if not spans:
        return []
    first, end = spans[0]
    begin = max(0, places[first] - max(0, characters - (end - first)) // 2)
    stop = min(len(text), max(begin + characters, places[end]))
    pieces = [Piece("…", False)] if begin else []
    done = begin
    for start, finish in ((places[start], places[finish]) for start, finish in spans):
        if start < done or finish > stop:
            continue
        pieces += [Piece(text[done:start], False), Piece(text[start:finish], True)]
        done = finish
    pieces.append(Piece(text[done:stop], False))
    if stop < len(text):
        pieces.append(Piece("…", False))
    return [piece for piece in pieces if piece.text]


def _with_places(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters and its end the place in `text`.

    It is folded cluster by cluster, because a mark that follows a character becomes one with it.
    """
    if text.isascii():  # has no clusters, and folding keeps its length
        return folded(text), list(range(len(text) + 1))
    parts: list[str] = []
    places: list[int] = []
    begin = 0
    while begin < len(text):
        end = begin + 1
        while end < len(text) and _is_mark(text[end]):
            end += 1
        part = folded(text[begin:end])
        parts.append(part)
        places += [begin] * len(part)
        begin = end
    return "".join(parts), [*places, len(text)]


def _is_mark(character: str) -> bool:
    return character in _HALF_WIDTH_MARKS or unicodedata.combining(character) != 0


def _spans(whole: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Begin and end of each match, in their order. Of those that overlap only the first."""
    found: list[tuple[int, int]] = []
    for word in words:
        start = whole.find(word)
        while start >= 0:
            found.append((start, start + len(word)))
            start = whole.find(word, start + len(word))
    spans: list[tuple[int, int]] = []
    for start, end in sorted(found, key=lambda span: (span[0], -span[1])):
        if not spans or start >= spans[-1][1]:
            spans.append((start, end))
    return spans
