"""Splitting a reply into chunks."""

import pytest

from backend.simulator.engine.chunking import CHUNK_MS, split_words, spoken_chunks, written_chunks


@pytest.mark.parametrize(
    "text",
    [
        "Hello, you there!",
        "こんにちは、Kaiwa です。 はい",
        " x ",
        "",
        "一二三四　五",
        "a\nb\u3000c ",
    ],
)
def test_the_pieces_join_to_the_text(text: str) -> None:
    assert "".join(split_words(text)) == text
    assert "".join(chunk.text for chunk in written_chunks(text)) == text
    assert "".join(chunk.text for chunk in spoken_chunks(text, bytes(48_000))) == text


def test_no_audio_is_lost_and_all_chunks_but_the_last_have_one_length() -> None:
    pcm = bytes(range(256)) * 300
    chunks = spoken_chunks("One two three four five.", pcm)
    assert b"".join(chunk.pcm for chunk in chunks) == pcm
    assert {len(chunk.pcm) for chunk in chunks[:-1]} == {CHUNK_MS * 48}


def test_the_words_are_spread_over_the_sound() -> None:
    chunks = spoken_chunks("one two three four five six seven eight", bytes(48 * 1_600))
    positions = [position for position, chunk in enumerate(chunks) if chunk.text]
    assert len(positions) >= 7
    assert positions == sorted(positions) and positions[-1] >= 7
