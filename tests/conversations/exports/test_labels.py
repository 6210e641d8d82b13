"""The words of the readable formats."""

import pytest

from backend.conversations.exports.labels import labels_of, printable, utc
from backend.conversations.models import Session
from tests.conversations.equipment import NOON
from tests.conversations.exports.equipment import row


@pytest.mark.parametrize("language", Session.Language.values)
def test_every_role_and_every_status_but_completed_has_a_word(language: str) -> None:
    labels = labels_of(Session(language=language))
    names = {labels.speaker(row(role=role), "owner") for role, _ in row().ROLES}
    assert len(names) == 3
    marks = [labels.mark(row(status=status)) for status, _ in row().STATUSES]
    assert labels.note(row(status="failed")) == ""
    unwritten = row("", status="failed")
    assert (labels.mark(unwritten), labels.note(unwritten)) == ("", labels.not_transcribed)
    assert marks.count("") == 1
    assert labels.mark(row(status="completed")) == ""


def test_a_time_is_written_as_spreadsheets_read_it() -> None:
    assert utc(NOON) == "2026-01-02 12:00:00"
    assert utc(None) == ""


def test_control_characters_go_and_every_line_break_is_one() -> None:
    assert printable("a\r\nb\rc\u2028d\x85e\tf\x1b[31m\0\x07") == "a\nb\nc\nd\ne\tf[31m"
