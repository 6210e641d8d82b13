"""Live captions, drawn to a terminal in memory."""

import io

from rich.console import Console

from backend.cli.live_view import LiveView, turn_text
from backend.cli.server_api import Cost
from backend.protocol.transcript.turns import Modality, Role, Turn, TurnStatus
from backend.protocol.usage import Usage


def turn(text: str, status: TurnStatus = TurnStatus.COMPLETED, heard: str | None = None) -> Turn:
    return Turn("item", 0, Role.ASSISTANT, Modality.VOICE, text, status, 0, heard)


def drawn(language: str = "en") -> tuple[LiveView, io.StringIO]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=60, height=20, color_system=None)
    return LiveView("ja" if language == "ja" else "en", console), file


def test_state_captions_and_typed_line_are_drawn_and_final_turns_stay() -> None:
    view, file = drawn()
    with view:
        view.show("speaking", [turn("There are", TurnStatus.IN_PROGRESS)], "wait")
        shown = file.getvalue()
        file.truncate(0)
        view.turn(turn("There are four.", TurnStatus.INTERRUPTED, "There are"))
        view.answered(Usage("r", "response", text_in=5), Cost("0.01", False))
        view.answered(None, None)
        view.notice("echo", "Use headphones.\x1b[2J")
        view.end(0)
    assert "AI  There are" in shown and "● Speaking" in shown and "> wait" in shown
    text = file.getvalue()
    # Its caption is not shown any more.
    assert text.count("There are") == 1
    assert "AI  There are four." in text and "$0.01" in text
    assert "Use headphones. [2J" in text and "\x1b[2J" not in text


def test_nothing_is_drawn_again_without_a_change() -> None:
    view, file = drawn()
    with view:
        view.show("listening", [], "")
        before = file.getvalue()
        view.show("listening", [], "")
        assert file.getvalue() == before


def test_what_was_not_heard_is_struck_through() -> None:
    text = turn_text(turn("There are four.", TurnStatus.INTERRUPTED, "There are"), "en")
    assert [
        text.plain[span.start : span.end] for span in text.spans if "strike" in str(span.style)
    ] == ["four."]
    assert "(not transcribed)" in turn_text(turn(" "), "en").plain


def test_the_state_is_in_japanese() -> None:
    view, file = drawn("ja")
    with view:
        view.show("thinking", [], "")
    assert "考えています" in file.getvalue()
