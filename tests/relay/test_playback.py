"""How much of its audio a client can have played by now."""

from backend.relay.playback import Playback

FIRST, SECOND = ("item_a", 0), ("item_b", 0)


def test_audio_that_came_fast_plays_in_real_time() -> None:
    playback = Playback()
    for piece in range(10):
        playback.add(FIRST, 1000, 100 + piece / 5)
    assert playback.sent_ms(FIRST) == 10_000
    assert playback.unfinished(104) == {FIRST: 4000}
    assert playback.unfinished(109.75) == {FIRST: 9750}
    assert playback.unfinished(110) == {}


def test_a_response_that_waits_for_another_does_not_play_yet() -> None:
    playback = Playback()
    playback.add(FIRST, 3000, 100)
    playback.add(SECOND, 2000, 100.5)
    assert playback.unfinished(102) == {FIRST: 2000, SECOND: 0}
    assert playback.unfinished(104) == {SECOND: 1000}


def test_no_audio_plays_before_it_came() -> None:
    playback = Playback()
    playback.add(FIRST, 1000, 100)
    playback.add(FIRST, 1000, 105)
    assert playback.unfinished(105.5) == {FIRST: 1500}


def test_after_a_cut_the_next_response_plays_at_once() -> None:
    playback = Playback()
    playback.add(FIRST, 60_000, 100)
    playback.cut(105)
    playback.add(SECOND, 3000, 106)
    assert playback.unfinished(107)[SECOND] == 1000


def test_what_came_before_a_typed_message_counts_as_heard() -> None:
    playback = Playback()
    playback.add(FIRST, 60_000, 100)
    playback.cut_as_heard(105)
    playback.add(SECOND, 3000, 106)
    assert playback.unfinished(107) == {SECOND: 1000}


def test_a_part_without_audio_was_not_sent() -> None:
    playback = Playback()
    playback.cut(1)
    assert playback.sent_ms(FIRST) == 0
    assert playback.unfinished(1) == {}
