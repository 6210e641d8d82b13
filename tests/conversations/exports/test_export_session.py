"""The use case: all rows in order, in batches, with constant memory."""

import csv
import io
import json
import re
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from backend.conversations import queries
from backend.conversations.exports.export_session import (
    CHUNK_CHARACTERS,
    FORMATS,
    Export,
    export_session,
    turns_in_batches,
    usages_in_batches,
)
from backend.conversations.models import Session, Turn
from backend.conversations.queries import SessionWithFacts
from backend.wording import SENTENCES
from tests.conversations.equipment import NOON, kept_turn, kept_usage, new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.slow]


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner, title="パンの話", created_at=NOON)


def exported(session: Session, format_name: str) -> Export:
    found: SessionWithFacts = queries.own_sessions(session.user_id).get(pk=session.pk)
    return export_session(found, format_name)


def text(session: Session, format_name: str) -> str:
    return b"".join(exported(session, format_name).chunks).decode()


def fill(session: Session, count: int) -> None:
    rows = [
        Turn(session=session, item_id=str(number), position=number, role="user", modality="text",
             status="completed", text=f"Turn {number}: one loaf of rye, please.")
        for number in range(count)
    ]  # fmt: skip
    Turn.objects.bulk_create(rows)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_session_without_turns_is_a_file(session: Session, format_name: str) -> None:
    export = exported(session, format_name)
    assert export.filename == f"パンの話 2026-01-02.{format_name}"
    assert export.ascii_filename == f"kaiwa-2026-01-02.{format_name}"
    assert b"".join(export.chunks)


def test_every_row_is_in_the_json_export(session: Session) -> None:
    call = new_call(session)
    kept_turn(session, call, position=1, item_id="b", text="Rye.")
    kept_turn(session, call, position=0, item_id="a", text="Bread?")
    kept_usage(session, "resp_1", "gpt-realtime", call_id=call.call_id, audio_out=10_000)
    read = json.loads(text(session, "json"))
    assert [turn["text"] for turn in read["turns"]] == ["Bread?", "Rye."]
    assert read["session"]["cost"] == "0.6400"
    assert [usage["cost_usd"] for usage in read["usage"]] == ["0.6400000000"]
    assert [each["id"] for each in read["calls"]] == [str(call.call_id)]


def test_batches_leave_nothing_out_and_repeat_nothing(session: Session) -> None:
    for number, position in enumerate([0, 1, 1, 1, 2, 5, 5]):
        kept_turn(session, item_id=str(number), position=position)
        kept_usage(session, str(number), "gpt-realtime")
    everything = list(session.turns.all())
    for batch_rows in (1, 2, 3, 7, 8):
        assert list(turns_in_batches(session, batch_rows)) == everything
        assert list(usages_in_batches(session, batch_rows)) == list(session.usages.all())


@pytest.mark.parametrize("format_name", FORMATS)
def test_two_thousand_turns_take_a_query_per_batch(
    session: Session, format_name: str, django_assert_max_num_queries: Any
) -> None:
    fill(session, 2000)
    with django_assert_max_num_queries(16):
        made = text(session, format_name)
    places = [made.index(f"Turn {number}:") for number in range(2000)]
    assert all(before < after for before, after in pairwise(places))


@pytest.mark.slow  # tracemalloc makes it four times as slow: 2 s per format
@pytest.mark.parametrize("format_name", FORMATS)
def test_ten_times_as_many_turns_take_no_more_memory(session: Session, format_name: str) -> None:
    def peak_bytes() -> int:
        tracemalloc.start()
        for chunk in exported(session, format_name).chunks:
            assert len(chunk) < 4 * CHUNK_CHARACTERS
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    fill(session, 400)
    peak_bytes()
    short = peak_bytes()
    Turn.objects.all().delete()
    fill(session, 4000)
    assert peak_bytes() < short * 1.5


def test_a_deletion_in_the_middle_ends_the_export(session: Session) -> None:
    fill(session, 2000)
    chunks = exported(session, "csv").chunks
    first = next(chunks)
    session.delete()
    rows = list(csv.reader(io.StringIO((first + b"".join(chunks)).decode(), newline="")))
    assert 100 < len(rows) < 1000


def test_the_pages_dialog_and_the_sentence_have_every_format() -> None:
    html = (Path(__file__).parents[3] / "frontend" / "index.html").read_text(encoding="utf-8")
    dialog = html.partition('<dialog id="export"')[2].partition("</dialog>")[0]
    assert set(re.findall(r'value="(\w+)"', dialog)) == set(FORMATS)
    for sentence in SENTENCES["unknown_format"].values():
        assert all(name in sentence for name in FORMATS)
