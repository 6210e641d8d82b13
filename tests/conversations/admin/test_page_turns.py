"""Turns and chapters in words: how each was said, what was heard of it, what it cost."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from backend.conversations.admin.page_turns import PageCost, PageTurn, page_chapters, page_cost
from backend.conversations.chapters import chapters_of
from backend.conversations.models import Call, Turn, Usage
from backend.conversations.reading import read_turns
from tests.conversations.equipment import NOON


def page_turn(usages: tuple[Usage, ...] = (), **fields: Any) -> PageTurn:
    """A completed spoken answer with these fields, as the page has it."""
    given = {"role": "assistant", "modality": "voice", "status": "completed", "text": "One two"}
    turns = read_turns([Turn(item_id="a", position=0, **given | fields)], "owner")
    (chapter,) = page_chapters(chapters_of(turns, [], NOON), usages)
    (turn,) = chapter.turns
    return turn


@pytest.mark.parametrize(
    ("fields", "how"),
    [
        ({}, "spoken"),
        ({"modality": "text"}, "written"),
        ({"modality": "text", "role": "user"}, "typed"),
    ],
)
def test_a_turn_says_how_it_was_said(fields: dict[str, Any], how: str) -> None:
    assert page_turn(**fields).how == how


def test_a_completed_turn_that_was_heard_says_nothing_more() -> None:
    turn = page_turn()
    assert (turn.time, turn.status, turn.heard, turn.first_sound, turn.costs) == (
        "", "", "", "", (),
    )  # fmt: skip


def test_an_interrupted_turn_says_what_was_heard() -> None:
    fields: dict[str, Any] = {
        "status": "interrupted",
        "heard_ms": 840,
        "started_at": NOON,
        "first_sound_ms": 9,
    }
    turn = page_turn(heard_text="One", **fields)
    assert (turn.status, turn.time, turn.first_sound) == (
        "interrupted", "12:00:00", "first sound after 9 ms",
    )  # fmt: skip
    assert turn.heard.startswith("Heard: the first 0.8 s; the greyed words")
    assert page_turn(heard_text="One two", **fields).heard == "Heard: the first 0.8 s."


def usage(**fields: Any) -> Usage:
    given = {
        "source_id": "r",
        "kind": "response",
        "model": "m",
        "cost_usd": Decimal("0.0123456789"),
    }
    return Usage(**given | fields)


def test_a_cost_stands_at_the_first_part_of_its_item() -> None:
    paid = (usage(item_id="a"), usage(item_id="b"), usage(source_id="a"))
    assert len(page_turn(paid).costs) == 1
    assert page_turn(paid, content_index=1).costs == ()
    speech = usage(source_id="a", kind="transcription")
    assert len(page_turn((speech,), role="user").costs) == 1


@pytest.mark.parametrize(
    ("fields", "usd", "details"),
    [
        ({}, "0.012346 USD", ""),
        ({"cost_usd": None, "text_out": 3}, "unknown", "Text out 3"),
        ({"audio_in": 9, "audio_in_cached": 4}, "0.012346 USD", "Audio in 9 (cached 4)"),
        ({"image_in": 1, "seconds": 2.5}, "0.012346 USD", "Image in 1 · 2.5 s transcribed"),
    ],
)
def test_a_cost_says_what_it_was_paid_for(fields: dict[str, Any], usd: str, details: str) -> None:
    assert page_cost(usage(**fields)) == PageCost(usd, "m", details, is_estimated=False)


@pytest.mark.parametrize(
    ("fields", "ended"),
    [
        ({"ended_at": NOON, "ending": "idle"}, "nothing was said for a while"),
        ({}, "live"),
        ({"lease_until": NOON - timedelta(seconds=1)}, "open, but its server does not respond"),
    ],
)
def test_a_call_says_how_it_began_and_ended(fields: dict[str, Any], ended: str) -> None:
    later = NOON + timedelta(seconds=9)
    given = {"first_position": 0, "started_at": NOON, "lease_until": later, "ending": ""}
    (chapter,) = page_chapters(chapters_of([], [Call(**given | fields)], NOON), ())
    assert (chapter.begun, chapter.ended, chapter.turns) == ("first call", ended, [])
