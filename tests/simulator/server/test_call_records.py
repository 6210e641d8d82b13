"""The records of calls."""

import hashlib

from backend.simulator.server.call_records import (
    MAX_CALLS,
    RECENT_AUDIO_BYTES,
    CallRecord,
    CallRecords,
)


def test_all_audio_is_counted_and_hashed_and_the_last_minute_kept() -> None:
    records = CallRecords(budget_bytes=10**8)
    record = records.open("gpt-realtime", {"host": "x"}, 1.0)
    pieces = [bytes([number % 251]) * 480_000 for number in range(20)]
    for piece in pieces:
        records.add_audio(record, piece)
    whole = b"".join(pieces)
    record_json = record.as_json()
    assert record_json["audio_bytes"] == len(whole)
    assert record_json["audio_sha256"] == hashlib.sha256(whole).hexdigest()
    assert bytes(record.recent_audio[-RECENT_AUDIO_BYTES:]) == whole[-RECENT_AUDIO_BYTES:]
    assert record_json["audio_kept_bytes"] == RECENT_AUDIO_BYTES


def test_over_budget_ended_calls_lose_their_audio_and_open_ones_keep_it() -> None:
    records = CallRecords(budget_bytes=1_000)
    ended, running = records.open("m", {}, 1.0), records.open("m", {}, 2.0)
    records.add_audio(ended, bytes(600))
    records.add_audio(running, bytes(300))
    ended.closed_at = 3.0
    records.add_audio(running, bytes(300))
    assert (len(ended.recent_audio), len(running.recent_audio)) == (0, 600)
    records.add_audio(running, bytes(500))
    assert len(running.recent_audio) == 600
    assert running.audio_bytes == 1_100


def test_calls_are_numbered_and_the_oldest_records_are_dropped() -> None:
    records = CallRecords(budget_bytes=0)
    for _ in range(MAX_CALLS + 5):
        records.open("m", {}, 0.0)
    assert len(list(records)) == MAX_CALLS
    assert records.find(5) is None
    found = records.find(6)
    assert found is not None and found.number == 6


def test_a_bill_has_each_response_once() -> None:
    record = CallRecord(1, "m", {}, 0.0)
    usage = {"input_tokens": 3}
    for answer in ({"id": "a", "usage": usage}, {"id": "a", "usage": {}}, {"id": "b"}, None):
        record.charge_answer(answer)
    line = {"kind": "response", "source_id": "a", "model": "m", "usage": usage}
    assert record.as_json()["bill"] == [line]
