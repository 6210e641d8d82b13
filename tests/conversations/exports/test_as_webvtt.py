"""The WebVTT export: `webvtt-py` reads it; cues have the times of the turns."""

import io
from uuid import UUID

import pytest
import webvtt

from backend.conversations.exports.as_webvtt import render, timestamp
from backend.conversations.exports.document import Document
from backend.conversations.models import Call
from tests.conversations.exports.equipment import CALL_ID, at, cut_off, document, row

LATER = UUID(int=2)


def captions(made: Document) -> list[tuple[str, str, str]]:
    """Start, end and text of every cue, as `webvtt-py` reads them."""
    read = webvtt.from_buffer(io.StringIO("".join(render(made))))
    return [(caption.start, caption.end, caption.text) for caption in read.captions]


def test_cues_have_the_times_of_the_turns_in_their_call() -> None:
    asked = row("Bread?", started_at=at(1), completed_at=at(2.5))
    answer = row("Yes.", role="assistant", started_at=at(3.25), completed_at=at(5))
    assert captions(document(asked, answer)) == [
        ("00:00:01.000", "00:00:02.500", "Bread?"),
        ("00:00:03.250", "00:00:05.000", "Yes."),
    ]


def test_speakers_are_named_and_interruptions_marked() -> None:
    text = "".join(render(document(row("Bread?"), cut_off("Of course. Which?", "Of course."))))
    assert text == (
        "WEBVTT\n"
        "\n"
        "NOTE Call of 2026-01-02 12:00:00 UTC\n"
        "\n"
        "00:00:01.000 --> 00:00:02.000\n"
        "<v owner>Bread?</v>\n"
        "\n"
        "00:00:01.000 --> 00:00:02.500\n"
        "<v Assistant>Of course.\n"
        "<c.unheard>[not heard:] Which?</c>\n"
        "<i>[interrupted]</i></v>\n"
    )


def test_what_only_the_browser_saw_says_so() -> None:
    turns = (row("Bread?", is_reported=True), row("", status="failed", is_reported=True))
    mark = "<i>[told by the browser, not verified]</i>"
    text = "".join(render(document(*turns)))
    assert f"<v owner>Bread?\n{mark}</v>\n" in text
    assert f"<v owner><i>(not transcribed)</i>\n{mark}</v>\n" in text
    assert "".join(render(document(row("", is_reported=True)))) == "WEBVTT\n"


def test_the_end_is_that_of_what_was_heard() -> None:
    long = cut_off("One two three. " * 20, "One", heard_ms=1500, completed_at=at(60))
    assert captions(document(long))[0][:2] == ("00:00:01.000", "00:00:02.500")


def test_an_answer_generated_faster_than_spoken_can_still_be_read() -> None:
    fast = row("x" * 100, role="assistant", completed_at=at(1.1))
    assert captions(document(fast))[0][:2] == ("00:00:01.000", "00:00:07.000")
    japanese = row("あ" * 20, role="assistant", completed_at=at(1.1))
    assert captions(document(japanese, language="ja"))[0][:2] == ("00:00:01.000", "00:00:05.000")


def test_the_next_call_follows_without_the_pause_between() -> None:
    calls = (Call(id=CALL_ID, started_at=at(0)), Call(id=LATER, started_at=at(90_000)))
    turns = (
        row("Bread?", completed_at=at(4)),
        row("Cake?", call_id=LATER, started_at=at(90_002), completed_at=at(90_004)),
    )
    made = document(*turns, calls=calls)
    assert [cue[:2] for cue in captions(made)] == [
        ("00:00:01.000", "00:00:04.000"),
        ("00:00:06.000", "00:00:08.000"),
    ]
    assert "".join(render(made)).count("NOTE Call of") == 2


def test_turns_without_times_or_outside_calls_follow_each_other() -> None:
    turns = (
        row("x" * 50, call_id=None, started_at=at(-5000), completed_at=at(-5000)),
        row("x" * 50, call_id=None, started_at=at(-100), completed_at=None),
        row("x" * 50, started_at=None, completed_at=None),
        row("x" * 5000, call_id=None, started_at=None, completed_at=None),
    )
    assert [cue[:2] for cue in captions(document(*turns))] == [
        ("00:00:00.000", "00:00:03.000"),
        ("00:00:03.000", "00:00:06.000"),
        ("00:00:06.000", "00:00:09.000"),
        ("00:00:09.000", "00:00:29.000"),
    ]


def test_no_cue_starts_before_an_earlier_one_or_ends_before_its_start() -> None:
    turns = (
        row("A", started_at=at(5), completed_at=at(9)),
        row("B", started_at=at(3), completed_at=at(2)),
        row("C", started_at=at(-60), completed_at=at(-59)),
    )
    assert [cue[:2] for cue in captions(document(*turns))] == [
        ("00:00:05.000", "00:00:09.000"),
        ("00:00:05.000", "00:00:06.000"),
        ("00:00:05.000", "00:00:06.000"),
    ]


@pytest.mark.parametrize("text", ["a\n\nb", "a\r\n\r\n\r\nb", "\n a\n \nb\n\n", "a\u2029\u2029b"])
def test_an_empty_line_does_not_end_a_cue(text: str) -> None:
    assert [cue[2] for cue in captions(document(row(text), row("next")))] == ["a\nb", "next"]


def test_markup_and_arrows_in_a_text_are_text() -> None:
    hostile = "<v Assistant>No</v> & 00:00:01.000 --> 00:00:02.000"
    text = "".join(render(document(row(hostile))))
    assert "&lt;v Assistant&gt;No&lt;/v&gt; &amp; 00:00:01.000 --&gt; 00:00:02.000" in text
    assert text.count("-->") == 1
    assert len(captions(document(row(hostile)))) == 1


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_speech_without_a_text_says_so(status: str) -> None:
    text = "".join(render(document(row("", status=status), language="ja")))
    assert "<v owner><i>（文字起こしなし）</i></v>" in text
    assert len(captions(document(row("", status=status)))) == 1


@pytest.mark.parametrize("turns", [(), (row(""), row(" \n "))], ids=["none", "silent"])
def test_without_words_there_is_a_valid_empty_file(turns: tuple[object, ...]) -> None:
    made = document(*turns)  # type: ignore[arg-type]
    assert "".join(render(made)) == "WEBVTT\n"
    assert captions(made) == []


def test_hours_have_as_many_digits_as_they_need() -> None:
    assert timestamp(0) == "00:00:00.000"
    assert timestamp(3_723_004) == "01:02:03.004"
    assert timestamp(360_000_000) == "100:00:00.000"
