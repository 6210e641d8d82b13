"""Facts about a person as text to read: `person.txt` beside `person.json` in an archive."""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.conversations.exports.labels import printable

NONE = "-"


def person_as_text(facts: Mapping[str, Any]) -> str:
    """Return a line for each fact, then a section for each list of rows, with a line for each row.

    `facts` are values, lists of values and lists of rows; a row is a mapping. The names are those
    of the JSON, so that a line of the one file is found in the other. An empty list is a section.
    """
    rows = {name: value for name, value in facts.items() if _is_of_rows(value)}
    lines = [f"{name}: {_text(value)}" for name, value in facts.items() if name not in rows]
    for name, section in rows.items():
        lines += ["", f"{name} ({len(section)})", *map(_row, section)]
    return "\n".join(lines) + "\n"


def _is_of_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)


def _row(row: Mapping[str, Any]) -> str:
    """The row on one line, without the columns that are empty."""
    given = {name: value for name, value in row.items() if value not in (None, "")}
    return "- " + "; ".join(f"{name}: {_text(value)}" for name, value in given.items())


def _text(value: Any) -> str:
    """The value on one line, so that no note can look like a row of its own."""
    if value is None or value == "":
        return NONE
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_text, value))
    return " ".join(printable(str(value)).split())
