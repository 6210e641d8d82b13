"""CSV for spreadsheets: a byte order mark, so that Excel reads Japanese, and no formulas.

The table of formula characters is ours. The package `defusedcsv` 3.0.0 misses the full-width signs,
which Excel takes as formulas with Japanese input, and formulas after white space, and it changes
every `|` of a cell that it defuses.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator

from backend.conversations.exports.document import Document
from backend.conversations.exports.labels import labels_of, utc
from backend.conversations.reading import split_at_heard

BYTE_ORDER_MARK = "\ufeff"

COLUMNS = (
    "position", "call_id", "started_at_utc", "completed_at_utc", "role", "speaker", "modality",
    "status", "text", "heard_text", "unheard_text", "heard_ms", "first_sound_ms",
    "reported",
)  # fmt: skip

FORMULA_STARTS = frozenset("=+-@|%＝＋－＠")
"""A cell whose first visible character is one of these may be run as a formula (OWASP, "CSV
Injection"); the full-width ones too."""

_INVISIBLE = frozenset(("Cc", "Cf", "Zs", "Zl", "Zp"))


def render(document: Document) -> Iterator[str]:
    """The table in pieces, one row each: a heading, then the turns in spoken order.

    `heard_text` is the whole text where nothing was cut off. `reported` has words for a turn that
    only the browser saw, and is empty otherwise. Every cell is quoted: a spreadsheet
    that separates by `;` would otherwise divide a cell and see a formula in its second half.
    """
    labels = labels_of(document.session)
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    yield BYTE_ORDER_MARK + _drained(buffer)
    for turn in document.turns:
        heard, unheard = split_at_heard(turn.text, turn.heard_text)
        row = (
            str(turn.position), str(turn.call_id or ""), utc(turn.started_at),
            utc(turn.completed_at), turn.role, labels.speaker(turn, document.username),
            turn.modality, turn.status, turn.text, heard, unheard,
            _number(turn.heard_ms), _number(turn.first_sound_ms), labels.source(turn),
        )  # fmt: skip
        writer.writerow([defused(cell) for cell in row])
        yield _drained(buffer)


def _number(ms: int | None) -> str:
    return "" if ms is None else str(ms)


def defused(cell: str) -> str:
    """The cell with an apostrophe before it if a spreadsheet could take it for a formula."""
    first = next((char for char in cell if unicodedata.category(char) not in _INVISIBLE), "")
    return f"'{cell}" if first in FORMULA_STARTS else cell


def _drained(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
