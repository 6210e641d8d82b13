"""Whether the answers contain the text of `--expect`. Pure."""

import unicodedata
from collections.abc import Iterable


def contains(answers: Iterable[str], expected: str) -> bool:
    """Whether one of the answers contains the text; case, width and kinds of space are ignored."""
    wanted = _comparable(expected)
    return any(wanted in _comparable(answer) for answer in answers)


def _comparable(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
