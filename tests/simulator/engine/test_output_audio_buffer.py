"""The output audio of a WebRTC call, taken frame by frame."""

import pytest

from backend.simulator.engine.output_audio_buffer import (
    OutputAudioBuffer,
    PlaybackCleared,
    PlaybackStarted,
    PlaybackStopped,
)

FRAME = 960
"""20 ms."""


@pytest.fixture
def buffer() -> OutputAudioBuffer:
    return OutputAudioBuffer()


def test_an_empty_buffer_has_nothing_to_take_or_to_clear(buffer: OutputAudioBuffer) -> None:
    assert buffer.take(FRAME) == (b"", [])
    assert buffer.clear() == []


def test_audio_is_taken_in_order_and_reports_its_start_and_its_end(
    buffer: OutputAudioBuffer,
) -> None:
    buffer.add("r1", "i1", b"a" * FRAME)
    buffer.add("r1", "i1", b"b" * FRAME + b"c" * 100)
    buffer.finish("r1")
    assert buffer.take(FRAME) == (b"a" * FRAME, [PlaybackStarted("r1")])
    assert buffer.take(FRAME) == (b"b" * FRAME, [])
    assert buffer.take(FRAME) == (b"c" * 100, [])
    assert buffer.take(FRAME) == (b"", [PlaybackStopped("r1")])
    assert buffer.take(FRAME) == (b"", [])


def test_it_waits_for_a_whole_frame_while_more_is_to_come(buffer: OutputAudioBuffer) -> None:
    buffer.add("r1", "i1", b"a" * 100)
    assert buffer.take(FRAME) == (b"", [])
    buffer.add("r1", "i1", b"a" * FRAME)
    assert buffer.take(FRAME) == (b"a" * FRAME, [PlaybackStarted("r1")])
    assert buffer.take(FRAME) == (b"", [])
    buffer.finish("r1")
    assert buffer.take(FRAME) == (b"a" * 100, [])


def test_the_next_response_is_played_after_the_first(buffer: OutputAudioBuffer) -> None:
    for number in ("1", "2"):
        buffer.add(f"r{number}", f"i{number}", number.encode() * FRAME)
        buffer.finish(f"r{number}")
    assert buffer.take(FRAME) == (b"1" * FRAME, [PlaybackStarted("r1")])
    assert buffer.take(FRAME) == (b"2" * FRAME, [PlaybackStopped("r1"), PlaybackStarted("r2")])


def test_clear_says_how_much_of_each_item_was_played(buffer: OutputAudioBuffer) -> None:
    buffer.add("r1", "i1", bytes(3 * FRAME))
    buffer.add("r2", "i2", bytes(FRAME))
    buffer.take(FRAME)
    buffer.take(FRAME)
    assert buffer.clear() == [
        PlaybackCleared("r1", "i1", played_ms=40, was_started=True),
        PlaybackCleared("r2", "i2", played_ms=0, was_started=False),
    ]
    assert buffer.take(FRAME) == (b"", [])


def test_clear_after_the_last_frame_is_the_end_of_the_playback(buffer: OutputAudioBuffer) -> None:
    buffer.add("r1", "i1", bytes(FRAME))
    buffer.finish("r1")
    buffer.take(FRAME)
    assert buffer.clear() == [PlaybackStopped("r1")]
