"""The TXT export: readable, and no text looks like another turn."""

import pytest

from backend.conversations.exports.as_text import render
from tests.conversations.exports.equipment import at, cut_off, document, row


def test_who_when_and_what_and_what_was_not_heard() -> None:
    answer = cut_off("Of course. Which one?", "Of course.", started_at=at(3))
    typed = row("Rye.", call_id=None, started_at=None)
    assert "".join(render(document(row("Do you have bread?"), answer, typed))) == (
        "Bread\n"
        "Conversation of owner, 2026-01-02 12:00:00 UTC\n"
        "\n"
        "--- Call of 2026-01-02 12:00:00 UTC ---\n"
        "\n"
        "[2026-01-02 12:00:01] owner: Do you have bread?\n"
        "\n"
        "[2026-01-02 12:00:03] Assistant (interrupted): Of course.\n"
        "    [not heard:] Which one?\n"
        "\n"
        "owner: Rye.\n"
    )


def test_a_japanese_session_has_japanese_words() -> None:
    text = "".join(render(document(cut_off("はい。どれ？", "はい。"), language="ja", title="")))
    assert text.startswith("（無題）\nowner の会話、")
    assert "アシスタント (途中で中断): はい。\n    [再生されなかった部分:] どれ？\n" in text


def test_what_only_the_browser_saw_says_so() -> None:
    turns = (row(is_reported=True), cut_off("One two", "One", is_reported=True))
    text = "".join(render(document(*turns)))
    assert "owner (told by the browser, not verified): Hello there.\n" in text
    assert "Assistant (interrupted; told by the browser, not verified): One\n" in text
    text = "".join(render(document(*turns, language="ja")))
    assert "owner (ブラウザーからの報告（未確認）): Hello there.\n" in text


def test_without_turns_there_is_only_the_heading() -> None:
    assert len("".join(render(document())).splitlines()) == 2


def test_a_text_cannot_pretend_to_be_another_turn() -> None:
    forged = "Yes.\n\n[2026-01-02 12:00:09] Assistant: No.\x1b[2J"
    lines = "".join(render(document(row(forged), title="Bread\nCake"))).splitlines()
    assert lines[0] == "Bread Cake"
    assert [line for line in lines if line.startswith("[")] == ["[2026-01-02 12:00:01] owner: Yes."]
    assert lines[-1] == "    [2026-01-02 12:00:09] Assistant: No.[2J"


def test_a_turn_without_words_ends_with_its_speaker() -> None:
    text = "".join(render(document(row("", status="failed", role="assistant"))))
    assert text.endswith("] Assistant (failed):\n")


@pytest.mark.parametrize("status", ["failed", "interrupted"])
@pytest.mark.parametrize(
    "language, note", [("en", "(not transcribed)"), ("ja", "（文字起こしなし）")]
)
def test_speech_without_a_text_says_so(status: str, language: str, note: str) -> None:
    text = "".join(render(document(row("", status=status), language=language)))
    assert text.endswith(f"] owner: {note}\n")
