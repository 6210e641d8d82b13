"""What is remembered of calls."""

import hashlib

from backend.simulator.server.call_records import EXCERPT_BYTES, MOST_CALLS, Records


def test_all_sound_is_counted_and_hashed_and_the_last_minute_kept() -> None:
    records = Records(budget_bytes=10**8)
    record = records.open("gpt-realtime", {"host": "x"}, 1.0)
    pieces = [bytes([number % 251]) * 480_000 for number in range(20)]
    for piece in pieces:
        records.hear(record, piece)
    whole = b"".join(pieces)
    told = record.as_json()
    assert told["audio_bytes"] == len(whole)
    assert told["audio_sha256"] == hashlib.sha256(whole).hexdigest()
    assert bytes(record.excerpt[-EXCERPT_BYTES:]) == whole[-EXCERPT_BYTES:]
    assert told["audio_kept_bytes"] == EXCERPT_BYTES


def test_old_ended_calls_give_up_their_sound_first_and_running_ones_keep_theirs() -> None:
    records = Records(budget_bytes=1_000)
    ended, running = records.open("m", {}, 1.0), records.open("m", {}, 2.0)
    records.hear(ended, bytes(600))
    records.hear(running, bytes(300))
    ended.closed_at = 3.0
    records.hear(running, bytes(300))
    assert (len(ended.excerpt), len(running.excerpt)) == (0, 600)
    records.hear(running, bytes(500))
    assert len(running.excerpt) == 600
    assert running.audio_bytes == 1_100


def test_calls_are_numbered_and_the_oldest_are_forgotten() -> None:
    records = Records(budget_bytes=0)
    for _ in range(MOST_CALLS + 5):
        records.open("m", {}, 0.0)
    assert len(list(records)) == MOST_CALLS
    assert records.find(5) is None
    found = records.find(6)
    assert found is not None and found.number == 6
