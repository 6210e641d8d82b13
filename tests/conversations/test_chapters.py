"""A session as chapters: its calls in order, how each began, and what was typed between them."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from backend.conversations.chapters import (
    CONTINUES_WITHIN,
    Beginning,
    CallState,
    Chapter,
    beginning_of,
    chapters_of,
    duration_text,
    state_of,
)
from backend.conversations.models import Call, Turn
from backend.conversations.reading import ReadTurn, read_turns
from backend.spending import limits
from tests.conversations.equipment import NOON

BLOCK = 100_000


def call(number: int, **fields: object) -> Call:
    """The call with this number, whose positions are the block of its number."""
    given = {"first_position": number * BLOCK, "started_at": NOON, "lease_until": NOON}
    return Call(pk=UUID(int=number), **given | fields)


def turns(*positions: tuple[int | None, int]) -> list[ReadTurn]:
    """Turns in order, each of a call (by number, None: typed outside) and at a position."""
    rows = [
        Turn(
            call_id=None if number is None else UUID(int=number),
            position=position,
            role="user",
            modality="voice",
            status="completed",
            text=str(position),
        )
        for number, position in positions
    ]
    return list(read_turns(rows, "owner"))


def outline(chapters: list[Chapter]) -> list[tuple[int, list[str]]]:
    return [(each.number, [read.heard for read in each.turns]) for each in chapters]


def test_calls_and_typed_exchanges_alternate() -> None:
    read = turns((1, 100_000), (1, 100_001), (None, 200_000), (None, 200_001), (3, 300_000))
    chapters = chapters_of(read, [call(1), call(3)], NOON)
    assert outline(chapters) == [
        (1, ["100000", "100001"]),
        (0, ["200000", "200001"]),
        (2, ["300000"]),
    ]


def test_what_the_browser_reported_is_a_chapter_of_its_own() -> None:
    read = turns((None, 0), (None, 1), (None, 100_000), (None, 200_000))
    read[1].turn.is_reported = read[2].turn.is_reported = True
    chapters = chapters_of(read, [], NOON)
    assert outline(chapters) == [(0, ["0"]), (0, ["1", "100000"]), (0, ["200000"])]
    assert [each.is_reported for each in chapters] == [False, True, False]


def test_a_call_in_which_nothing_was_said_has_its_place() -> None:
    read = turns((None, 0), (None, 200_000), (3, 300_000))
    chapters = chapters_of(read, [call(1), call(3), call(4)], NOON)
    assert outline(chapters) == [(0, ["0"]), (1, []), (0, ["200000"]), (2, ["300000"]), (3, [])]


def test_a_turn_belongs_to_its_call_wherever_it_stands() -> None:
    read = turns((2, 5), (1, 100_000), (uuid4().int, 100_001))
    chapters = chapters_of(read, [call(1), call(2)], NOON)
    assert outline(chapters) == [(1, ["100000"]), (2, ["5"]), (0, ["100001"])]


def test_nothing_is_no_chapter() -> None:
    assert chapters_of([], [], NOON) == []


def test_a_chapter_says_how_its_call_began_and_how_long_it_lasted() -> None:
    ended = call(1, ended_at=NOON + timedelta(seconds=65))
    later = call(2, started_at=NOON + timedelta(hours=1))
    first, second = chapters_of([], [ended, later], NOON)
    assert (first.beginning, first.state, first.duration) == ("first", "ended", "1:05")
    assert (second.beginning, second.state, second.duration) == ("reopened", "silent", "")


@pytest.mark.parametrize(
    ("pause", "beginning"),
    [
        (timedelta(seconds=1), Beginning.CONTINUED),
        (CONTINUES_WITHIN, Beginning.CONTINUED),
        (CONTINUES_WITHIN + timedelta(seconds=1), Beginning.REOPENED),
    ],
)
def test_a_call_soon_after_another_continues_it(pause: timedelta, beginning: Beginning) -> None:
    before = call(1, ended_at=NOON)
    assert beginning_of(call(2, started_at=NOON + pause), before) is beginning


def test_a_call_that_ended_another_continues_it() -> None:
    assert beginning_of(call(2), call(1)) is Beginning.CONTINUED


def test_the_first_call_is_the_first() -> None:
    assert beginning_of(call(1), None) is Beginning.FIRST


def test_a_call_continues_another_by_the_rule_of_the_hourly_limit() -> None:
    assert CONTINUES_WITHIN == limits.CONTINUES_WITHIN


def test_a_call_is_live_while_its_lease_lasts() -> None:
    later = NOON + timedelta(seconds=1)
    assert state_of(call(1, lease_until=later), NOON) is CallState.LIVE
    assert state_of(call(1, lease_until=NOON), NOON) is CallState.SILENT
    assert state_of(call(1, lease_until=later, ended_at=NOON), NOON) is CallState.ENDED


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (9.4, "0:09"), (65, "1:05"), (754, "12:34"), (3725, "1:02:05")],
)
def test_a_duration_is_shown_in_minutes_and_seconds(seconds: float, text: str) -> None:
    assert duration_text(timedelta(seconds=seconds)) == text
