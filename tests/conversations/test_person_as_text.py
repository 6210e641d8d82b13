"""The facts about a person as lines."""

from datetime import UTC, datetime

from backend.conversations.person_as_text import person_as_text


def test_facts_then_sections_with_a_line_for_each_row() -> None:
    facts = {
        "username": "hana",
        "email": "",
        "groups": ["guests", "staff"],
        "budgets": [{"minutes_per_day": 0, "usd_per_month": None}],
        "reviews": [{"note": "Good.\n- note: forged", "at": datetime(2026, 1, 2, tzinfo=UTC)}],
        "usage": [],
    }
    assert person_as_text(facts).splitlines() == [
        "username: hana",
        "email: -",
        "groups: guests, staff",
        "",
        "budgets (1)",
        "- minutes_per_day: 0",
        "",
        "reviews (1)",
        "- note: Good. - note: forged; at: 2026-01-02 00:00:00+00:00",
        "",
        "usage (0)",
    ]
