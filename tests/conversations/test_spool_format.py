"""The lines of a spool file: what is written is read again, and damage costs only its own line."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.conversations.ledger import UsageWrite
from backend.conversations.spool_format import (
    Encoded,
    fitting,
    key_of,
    line_of,
    read,
    stored_line,
)
from backend.conversations.writing import EndingWrite, TurnWrite, Write
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Modality, Role, TurnStatus
from backend.protocol.usage import TextUsage, Usage
from tests.conversations.equipment import NOON, turn

SESSION, CALL = uuid4(), uuid4()
GROWING = TurnStatus.IN_PROGRESS
# Lone surrogates too: a client's JSON can have them, and UTF-8 cannot.
TEXTS = st.text(st.characters(), max_size=30)


def turn_write(item_id: str = "item_1", text: str = "Hello there.", **more: object) -> TurnWrite:
    return TurnWrite(SESSION, CALL, 300_000, turn(item_id, text, **more))  # type: ignore[arg-type]


ENDING = EndingWrite(SESSION, CALL, Ending.DRAINING)
USAGE = UsageWrite(
    SESSION, CALL, "gpt-realtime", Usage("resp_1", "response", audio_out=3, item_id="item_1")
)

writes = st.one_of(
    st.builds(
        TurnWrite,
        st.uuids(),
        st.none() | st.uuids(),
        st.integers(0, 2**40),
        st.builds(
            turn()._replace,
            item_id=TEXTS,
            text=TEXTS,
            heard_text=st.none() | TEXTS,
            heard_ms=st.none() | st.integers(0, 10**9),
            role=st.sampled_from(Role),
            modality=st.sampled_from(Modality),
            status=st.sampled_from(TurnStatus),
            completed_at=st.none() | st.just(NOON + timedelta(microseconds=1)),
        ),
    ),
    st.builds(
        UsageWrite,
        st.uuids(),
        st.none() | st.uuids(),
        TEXTS,
        st.builds(Usage, TEXTS, st.just("response"), st.integers(0, 2**31), seconds=st.just(1.5))
        | st.builds(TextUsage, TEXTS, st.just("response"), text_in_written=st.integers(0, 9))
        | st.builds(Usage, TEXTS, st.just("response"), is_estimated=st.booleans(), item_id=TEXTS),
        st.none() | st.integers(1, 2**31),
    ),
    st.builds(EndingWrite, st.uuids(), st.uuids(), st.sampled_from(Ending)),
)


@given(writes)
def test_what_is_written_is_read_again(each: Write) -> None:
    line = line_of(each)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    (found,) = read([line]).writes.values()
    # All fields, also those that do not count in a comparison.
    assert repr(found) == repr(each)
    assert not isinstance(each, UsageWrite) or type(found.usage) is type(each.usage)  # type: ignore[union-attr]


def test_the_newest_version_counts_and_a_final_status_stays() -> None:
    versions: tuple[Write, ...] = (
        turn_write(text="Hel", status=GROWING),
        turn_write(text="Hello.", status=TurnStatus.COMPLETED),
        turn_write(text="Hello, you.", status=GROWING),
    )
    versions += (ENDING, replace(ENDING, ending=Ending.IDLE))
    contents = read(map(line_of, versions))
    turn_found, ending_found = contents.writes.values()
    assert turn_found == turn_write(text="Hello, you.", status=TurnStatus.COMPLETED)
    assert ending_found == ENDING


def test_what_was_stored_is_left_out_until_it_changes() -> None:
    first, second = turn_write("item_1"), turn_write("item_2")
    later = turn_write("item_1", "Hello there, you.")
    lines = [line_of(first), line_of(second), stored_line(key_of(first)), line_of(later)]
    assert list(read(lines[:3]).writes.values()) == [second]
    assert list(read(lines).writes.values()) == [second, later]


@pytest.mark.parametrize("cut", [1, 20, -2, -1])
def test_a_torn_last_line_is_skipped_and_not_set_aside(cut: int) -> None:
    last = line_of(turn_write("item_2"))[:cut]
    contents = read([line_of(turn_write()), last])
    assert contents.invalid == []
    # Only the line break was missing: the line is whole.
    assert (len(contents.writes), contents.is_torn) == ((2, False) if cut == -1 else (1, True))


def spoilt(**changes: object) -> bytes:
    return json.dumps(json.loads(line_of(turn_write())) | changes).encode() + b"\n"


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"\0" * 4096 + b"\n",
        b"\xff\xfe\n",
        b"null\n",
        b"[]\n",
        b"[" * 100_000 + b"\n",
        b'{"kind": "stored"}\n',
        b'{"kind": "stored", "key": "turn"}\n',
        b'{"kind": "of_a_later_release", "session": "", "call": null}\n',
        spoilt(session="not-a-uuid"),
        spoilt(call=5),
        spoilt(first_position=True),
        spoilt(first_position="9" * 10),
        spoilt(turn=None),
        spoilt(turn={"item_id": "item_1"}),
        spoilt(kind="ending", call=None, ending="idle"),
        spoilt(kind="ending", ending="unheard_of"),
        spoilt(kind="usage", model="m", usage={"kind": "response", "source_id": "a", "x": 1}),
        spoilt(kind="usage", model="m", usage={"kind": "free", "source_id": "a"}),
        spoilt(
            kind="usage", model="m", usage={"kind": "response", "source_id": "a", "text_in": ""}
        ),
    ],
)
def test_a_line_that_is_not_ours_or_is_damaged_is_set_aside(line: bytes) -> None:
    contents = read([line_of(turn_write()), line, line_of(ENDING)])
    assert contents.invalid == [line]
    assert list(contents.writes.values()) == [turn_write(), ENDING]


@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 5))
def test_no_damage_raises(noise: bytes, at: int, length: int) -> None:
    whole = line_of(turn_write())
    read([whole[:at] + noise + whole[at + length :]])


def encoded(*given_writes: Write) -> list[Encoded]:
    return [Encoded(number, each, line_of(each)) for number, each in enumerate(given_writes)]


def test_where_room_is_short_what_grows_is_left_out_first() -> None:
    growing, final = turn_write("a", status=GROWING), turn_write("b", "A longer, final turn.")
    lines = encoded(growing, final, USAGE, ENDING)
    sizes = [len(each.line) for each in lines]
    assert [each.key for each in fitting(lines, sum(sizes))] == [3, 2, 1, 0]
    assert [each.key for each in fitting(lines, sum(sizes) - 1)] == [3, 2, 1]
    # The growing one would fit, but not before the final one.
    assert [each.key for each in fitting(lines, sum(sizes) - sizes[1])] == [3, 2]
    assert fitting(lines, 0) == []


def test_a_final_turn_that_is_too_long_leaves_its_room_to_the_others() -> None:
    lines = encoded(turn_write("a", "x" * 500), turn_write("b", "Short."))
    assert [each.key for each in fitting(lines, 600)] == [1]
