r"""Where a text may be cut: between characters as people see them (grapheme clusters). PURE.

A flag, a family of emoji, か with U+3099 and half-width ｸﾞ are each several code points and one
character. The rule is that of extended grapheme clusters (Unicode Standard Annex #29), from the
package `regex`. `frontend/transcript/graphemes.js` does the same in the page, and
`tests/graphemes.json` tests both. Positions count code points.
"""

import regex

_CLUSTER = regex.compile(
    r"[\U0001f1e6-\U0001f1ff]{2}[\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}]*|\X"
)
r"""`\X`, and flags without it: it counts all flags before each; 4,000 of them took 0.2 s."""

_STARTER = regex.compile(r"(?<!\p{GCB=Prepend})[ -~、。ぁ-ゖァ-ヺ一-鿿ก-ฮÀ-ÖØ-öø-ɏΑ-ΡΣ-ωА-я]")
"""A frequent kind of code point with which a character begins, except behind a prepended mark."""

_BLACK_FLAG = "\U0001f3f4"
_JOINERS = "\u200c\u200d"
_TAGS = "".join(map(chr, range(0xE0020, 0xE0080)))
"""Spell the region after a black flag, as in the flag of Scotland."""


def clusters(text: str) -> list[str]:
    """The characters of the text."""
    found: list[str] = _CLUSTER.findall(text)
    return found


def cluster_start(text: str, position: int) -> int:
    """The last boundary between characters at or before `position`.

    Only the text since the last `_STARTER` is read: 1 microsecond for Japanese, however long it is.
    """
    if position >= len(text):
        return len(text)
    return _cluster_around(text, position)[0]


def cluster_end(text: str, position: int) -> int:
    """The first boundary between characters at or after `position`."""
    if position >= len(text):
        return len(text)
    start, end = _cluster_around(text, position)
    return position if start == position else end


def cut(text: str, most: int) -> str:
    """The beginning of the text: whole characters of at most `most` code points together."""
    return text[: cluster_start(text, most)]


def without_invisible(text: str) -> str:
    """The text with a space for each code point that cannot be seen, such as U+202E.

    A joiner inside a visible character stays: without it, a family of emoji would be three people.
    """
    return "".join(map(_visible, clusters(text)))


def _cluster_around(text: str, position: int) -> tuple[int, int]:
    """The start and end of the character that the code point at `position` belongs to."""
    start = end = _boundary_before(text, position)
    while end <= position:
        start = end
        end = _CLUSTER.match(text, start).end()
    return start, end


def _boundary_before(text: str, position: int) -> int:
    """A boundary at or before `position` that can be found without the rules of clusters."""
    while position > 0 and not _STARTER.match(text, position):
        position -= 1
    return max(position, 0)


def _visible(cluster: str) -> str:
    is_seen = cluster[0].isprintable() and cluster[0] != " "
    kept = (_JOINERS if is_seen else "") + (_TAGS if cluster[0] == _BLACK_FLAG else "")
    return "".join(each if each.isprintable() or each in kept else " " for each in cluster)
