"""The loudspeaker's queue: what is played, what was heard, and when a part is over."""

from backend.cli.effects import Cut, PartKey
from backend.cli.speaker_queue import SpeakerQueue

ONE, TWO = PartKey("one", 0), PartKey("two", 0)


def pcm(ms: int) -> bytes:
    return b"\0\x40" * (24 * ms)


def test_sound_is_taken_in_order_and_no_more_than_is_there() -> None:
    queue = SpeakerQueue()
    queue.play(ONE, b"\1\0\2\0")
    queue.end(ONE)
    queue.play(TWO, b"\3\0")
    assert queue.take(2) == b"\1\0"
    assert queue.take(100) == b"\2\0\3\0"
    assert queue.take(100) == b""


def test_a_part_that_is_not_complete_holds_the_next_one_back() -> None:
    queue = SpeakerQueue()
    queue.play(ONE, b"\1\0")
    queue.play(TWO, b"\2\0")
    assert queue.take(100) == b"\1\0"
    queue.end(ONE)
    assert queue.take(100) == b"\2\0"


def test_a_cut_counts_only_what_has_left_the_loudspeaker() -> None:
    queue = SpeakerQueue(latency_ms=100)
    queue.play(ONE, pcm(500))
    queue.take(300 * 48)
    assert queue.flush() == [Cut(ONE, 200, was_all_heard=False)]
    assert queue.take(48) == b"" and queue.flush() == []


def test_silence_that_is_taken_after_a_part_lets_the_rest_of_it_be_heard() -> None:
    queue = SpeakerQueue(latency_ms=100)
    queue.play(ONE, pcm(500))
    queue.end(ONE)
    queue.take(500 * 48)
    assert queue.take_ended() == []
    assert queue.flush() == [Cut(ONE, 400, was_all_heard=False)]
    queue.play(TWO, pcm(500))
    queue.end(TWO)
    queue.take(600 * 48)
    assert queue.take_ended() == [TWO]
    assert queue.take_ended() == []


def test_a_part_without_its_end_is_cut_even_where_all_that_came_was_heard() -> None:
    queue = SpeakerQueue()
    queue.play(ONE, pcm(100))
    queue.take(500 * 48)
    assert queue.take_ended() == []
    assert queue.flush() == [Cut(ONE, 100, was_all_heard=False)]


def test_a_part_that_was_heard_whole_but_not_reported_yet_is_not_truncated() -> None:
    queue = SpeakerQueue()
    queue.play(ONE, pcm(100))
    queue.end(ONE)
    queue.take(100 * 48)
    assert queue.flush() == [Cut(ONE, 100, was_all_heard=True)]


def test_the_level_is_that_of_what_was_taken_since() -> None:
    queue = SpeakerQueue()
    queue.play(ONE, pcm(40))
    queue.take(20 * 48)
    assert abs(queue.take_level() - 0.5) < 0.01
    assert queue.take_level() == 0.0
    queue.take(40 * 48)
    assert 0.3 < queue.take_level() < 0.4
