"""Whatever a provider or a client sends is stored, on SQLite and on PostgreSQL alike."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.conversations.column_fitting import (
    ID_CHARACTERS,
    MAX_CONTENT_INDEX,
    MAX_POSITION,
    storable_id,
    storable_model,
    storable_turn,
    storable_usage,
)
from backend.conversations.ledger import UsageWrite
from backend.conversations.models import Turn, Usage
from backend.conversations.title_prompt import title_in
from backend.conversations.writing import TurnWrite, write
from backend.protocol import usage
from backend.protocol.transcript import turns
from backend.protocol.usage import MAX_COUNT, usage_of
from tests.conversations.equipment import new_call, new_session, turn, turn_write, usage_write

_LETTERS = st.sampled_from("aあ\0\ud800\udc00\ufffd😀#~")
_IDS = st.text(_LETTERS, min_size=1, max_size=4) | st.builds(
    lambda length, end: "x" * length + end,
    st.sampled_from([120, ID_CHARACTERS - 1, ID_CHARACTERS, 5_000]),
    st.text(_LETTERS, max_size=3),
)
_NUMBERS = st.sampled_from(
    [0, 1, MAX_CONTENT_INDEX, MAX_CONTENT_INDEX + 1, MAX_POSITION + 1, 2**31, 2**63, 10**40, -1]
)
_TURNS = st.builds(
    turn,
    _IDS,
    st.text(_LETTERS, max_size=6),
    content_index=_NUMBERS,
    position=_NUMBERS,
    heard_text=st.none() | st.text(_LETTERS, max_size=3),
    heard_ms=st.none() | _NUMBERS,
)
_USAGES = st.builds(
    usage.Usage,
    _IDS,
    st.sampled_from(["response", "transcription"]),
    text_in=_NUMBERS,
    audio_out=_NUMBERS,
    seconds=st.sampled_from([0.0, -1.0, 1e308, float("inf"), float("nan")]),
)


@given(_IDS)
def test_an_id_is_made_to_fit_once(item_id: str) -> None:
    stored = storable_id(item_id)
    assert 0 < len(stored) <= ID_CHARACTERS
    assert stored.encode()
    assert storable_id(stored) == stored


@pytest.mark.parametrize(
    "item_id", ["item_1", "x" * ID_CHARACTERS, "あ" * ID_CHARACTERS, "a\ufffd"]
)
def test_an_id_that_fits_is_not_changed(item_id: str) -> None:
    assert storable_id(item_id) == item_id


def test_different_ids_stay_different() -> None:
    long = "x" * 2 * ID_CHARACTERS
    ids = [long, long + "1", long + "2", "a\0", "a\ud800", "a\udc00", "a\ufffd", "a"]
    assert len(set(map(storable_id, ids))) == len(ids)


def test_two_spellings_of_one_character_are_one_id() -> None:
    assert storable_id("\ud83d\ude00") == storable_id("😀") == "😀"
    assert storable_id("\ud83d\ude00" * 200) == storable_id("😀" * 200)


def test_an_index_that_does_not_fit_is_put_into_the_id() -> None:
    stored = [storable_turn(turn(content_index=index)) for index in (32_767, 32_768, 32_769, -1)]
    assert [each.content_index for each in stored] == [32_767, 0, 0, 0]
    assert len({each.item_id for each in stored}) == 4


def test_numbers_are_bounded() -> None:
    stored = storable_turn(turn(position=10**40, heard_ms=10**40))
    assert (stored.position, stored.heard_ms) == (MAX_POSITION, MAX_COUNT)
    counts = storable_usage(usage.Usage("resp_1", "response", text_in=10**40, image_in=-1))
    assert (counts.text_in, counts.image_in) == (MAX_COUNT, 0)
    assert len(storable_model("m" * 1_000)) == 100


def test_the_kind_of_usage_is_kept() -> None:
    written = usage.TextUsage("resp_1", "response", text_in=5, text_in_written=2)
    assert storable_usage(written) == written


def test_a_number_of_seconds_beyond_any_float_is_read() -> None:
    event = json.loads(
        '{"type": "conversation.item.input_audio_transcription.completed", "item_id": "item_1",'
        f' "usage": {{"type": "duration", "seconds": 1{"0" * 400}}}}}'
    )
    assert usage_of(event) == usage.Usage("item_1", "transcription", seconds=float(MAX_COUNT))


def test_a_title_has_only_what_can_be_stored() -> None:
    assert title_in("Bread\0 and\ud800 cheese") == "Bread and cheese"


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.django_db
def test_the_database_keeps_every_word(owner: User) -> None:
    call = new_call(new_session(owner))

    @settings(max_examples=60)
    @given(st.lists(_TURNS, max_size=6), st.lists(_USAGES, max_size=3))
    def check(said: list[turns.Turn], used: list[usage.Usage]) -> None:
        # A text of its own for each, so that one that is lost is missed.
        numbered = [each._replace(text=f"{number} {each.text}") for number, each in enumerate(said)]
        # The provider's latest version of a turn replaces an earlier one.
        latest: dict[Any, TurnWrite] = {
            (storable_turn(each).item_id, storable_turn(each).content_index): turn_write(call, each)
            for each in numbered
        }
        counted = [usage_write(call, each) for each in used]
        with transaction.atomic():
            stored = write([*latest.values(), *counted])
            assert len(stored.turns) == Turn.objects.count() == len(latest)
            numbers = {text.split()[0] for text in Turn.objects.values_list("text", flat=True)}
            assert numbers == {each.turn.text.split()[0] for each in latest.values()}
            assert Usage.objects.count() == len({(storable_id(u.source_id), u.kind) for u in used})
            transaction.set_rollback(True)

    check()


@pytest.mark.postgres
@pytest.mark.django_db
def test_long_ids_and_names_are_stored(owner: User) -> None:
    """An id of another call is stored under a name of its own, also if it has no room for one."""
    session = new_session(owner)
    first, second = new_call(session), new_call(session)
    long = "x" * ID_CHARACTERS
    said = [turn(long + end, f"Words {end}") for end in ("", "1", "2")]
    write([turn_write(first, each) for each in said])
    write([turn_write(second, each) for each in said])
    assert Turn.objects.count() == 6
    model = "m" * 1_000
    write([UsageWrite(session.pk, None, model, usage.Usage(long + "1", "response", text_in=1))])
    row = Usage.objects.get()
    assert (len(row.source_id), row.model) == (ID_CHARACTERS, model[:100])
