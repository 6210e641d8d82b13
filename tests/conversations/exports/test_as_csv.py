"""The CSV export: what a spreadsheet reads, and no formula."""

import csv
import io
from dataclasses import replace

import pytest

from backend.conversations.exports.as_csv import BYTE_ORDER_MARK, COLUMNS, defused, render
from tests.conversations.exports.equipment import CALL_ID, cut_off, document, row


def read(text: str) -> list[dict[str, str]]:
    assert text.startswith(BYTE_ORDER_MARK)
    return list(csv.DictReader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline="")))


def test_a_turn_is_a_row_whatever_its_text() -> None:
    asked = 'Say "bread", please;\nパン'
    rows = read("".join(render(document(row(asked), cut_off("One two", "One", position=1)))))
    assert list(rows[0]) == list(COLUMNS)
    assert (rows[0]["text"], rows[0]["heard_text"], rows[0]["unheard_text"]) == (asked, asked, "")
    assert rows[0] | {
        "position": "0", "call_id": str(CALL_ID), "started_at_utc": "2026-01-02 12:00:01",
        "completed_at_utc": "2026-01-02 12:00:02", "role": "user", "speaker": "owner",
        "modality": "voice", "status": "completed", "heard_ms": "", "first_sound_ms": "",
    } == rows[0]  # fmt: skip
    assert (rows[1]["heard_text"], rows[1]["unheard_text"]) == ("One", " two")
    assert (rows[1]["status"], rows[1]["heard_ms"]) == ("interrupted", "1500")


def test_what_only_the_browser_saw_says_so() -> None:
    rows = read("".join(render(document(row(is_reported=True), row(position=1)))))
    assert [each["reported"] for each in rows] == ["told by the browser, not verified", ""]


def test_without_turns_there_is_only_the_heading() -> None:
    assert "".join(render(document())).count("\r\n") == 1


@pytest.mark.parametrize(
    "formula",
    [
        "=1+1", "+1", "-1", "@SUM(A1)", "|calc", "%0", "＝1+1", "＋1", "－1", "＠x", " =1", "\t=1",
        "\r=1", "\n=1", "\u3000＝1", "\ufeff=1", "\u200b=1", "\0=1",
    ],
    ids=ascii,
)  # fmt: skip
def test_no_cell_is_a_formula(formula: str) -> None:
    assert defused(formula) == f"'{formula}"
    (shown,) = read("".join(render(document(cut_off(formula, formula)))))
    assert shown["text"] == shown["heard_text"] == f"'{formula}"


@pytest.mark.parametrize("text", ["", "a=1", "1-1", "「=1」", "2026-01-02", "🍞", "'=1"])
def test_other_cells_are_unchanged(text: str) -> None:
    assert defused(text) == text


def test_every_cell_is_quoted_so_that_no_separator_divides_it() -> None:
    line = "".join(render(document(row("a;=1+1")))).splitlines()[1]
    assert '"a;=1+1"' in line
    assert all(cell[0] == cell[-1] == '"' for cell in line.split(","))


def test_a_username_is_defused_too() -> None:
    (shown,) = read("".join(render(replace(document(row()), username="@owner"))))
    assert shown["speaker"] == "'@owner"
