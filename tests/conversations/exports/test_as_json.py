"""The JSON export: valid JSON, whatever the rows."""

import json
from dataclasses import replace
from decimal import Decimal

from backend.conversations.exports.as_json import VERSION, render
from backend.conversations.models import Usage
from tests.conversations.equipment import NOON
from tests.conversations.exports.equipment import CALL_ID, cut_off, document, row


def test_everything_is_in_it() -> None:
    usage = Usage(
        call_id=CALL_ID, source_id="resp_1", kind="response", model="m", cost_usd=Decimal("6E-8"),
        price_date=NOON.date(), created_at=NOON,
    )  # fmt: skip
    asked = row('"Brot"\n\u2028パン 🍞', call_id=None)
    exported = replace(document(asked, cut_off("One two", "One")), usages=(usage,))
    read = json.loads("".join(render(exported)))
    assert list(read) == ["version", "username", "session", "calls", "turns", "usage"]
    assert (read["version"], read["username"]) == (VERSION, "owner")
    assert read["session"]["title"] == "Bread"
    assert read["calls"][0]["started_at"] == "2026-01-02T12:00:00Z"
    assert [turn["text"] for turn in read["turns"]] == ['"Brot"\n\u2028パン 🍞', "One two"]
    assert [turn["call_id"] for turn in read["turns"]] == [None, str(CALL_ID)]
    assert (read["turns"][1]["heard_text"], read["turns"][1]["heard_ms"]) == ("One", 1500)
    assert (read["turns"][1]["first_sound_ms"], read["usage"][0]["is_estimated"]) == (None, False)
    assert (read["usage"][0]["cost_usd"], read["usage"][0]["seconds"]) == ("0.00000006", 0.0)


def test_what_only_the_browser_saw_is_marked() -> None:
    exported = document(row(is_reported=True), row(position=1))
    read = json.loads("".join(render(exported)))
    assert [turn["is_reported"] for turn in read["turns"]] == [True, False]


def test_a_session_without_rows_is_valid_json() -> None:
    read = json.loads("".join(render(document(calls=()))))
    assert (read["calls"], read["turns"], read["usage"]) == ([], [], [])


def test_japanese_is_not_escaped() -> None:
    assert "パン" in "".join(render(document(row("パン"))))
