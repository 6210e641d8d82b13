"""What a client can have played by now, by the clock."""

from backend.relay.playback import Playback

FIRST, SECOND = ("item_a", 0), ("item_b", 0)


def test_sound_that_came_fast_is_not_heard_fast() -> None:
    playback = Playback()
    for piece in range(10):
        playback.add(FIRST, 1000, 100 + piece / 5)
    assert playback.sent_ms(FIRST) == 10_000
    assert playback.unfinished(104) == {FIRST: 4000}
    assert playback.unfinished(109.75) == {FIRST: 9750}
    assert playback.unfinished(110) == {}


def test_an_answer_that_waits_for_another_is_not_heard_yet() -> None:
    playback = Playback()
    playback.add(FIRST, 3000, 100)
    playback.add(SECOND, 2000, 100.5)
    assert playback.unfinished(102) == {FIRST: 2000, SECOND: 0}
    assert playback.unfinished(104) == {SECOND: 1000}


def test_nothing_is_played_before_it_came() -> None:
    playback = Playback()
    playback.add(FIRST, 1000, 100)
    playback.add(FIRST, 1000, 105)
    assert playback.unfinished(105.5) == {FIRST: 1500}


def test_after_a_cut_the_next_answer_sounds_at_once() -> None:
    playback = Playback()
    playback.add(FIRST, 60_000, 100)
    playback.cut(105)
    playback.add(SECOND, 3000, 106)
    assert playback.unfinished(107)[SECOND] == 1000


def test_who_goes_on_by_typing_has_heard_what_came_before() -> None:
    playback = Playback()
    playback.add(FIRST, 60_000, 100)
    playback.cut_as_heard(105)
    playback.add(SECOND, 3000, 106)
    assert playback.unfinished(107) == {SECOND: 1000}


def test_of_what_was_never_sent_nothing_is_told() -> None:
    playback = Playback()
    playback.cut(1)
    assert playback.sent_ms(FIRST) == 0
    assert playback.unfinished(1) == {}
