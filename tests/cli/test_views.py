"""Plain lines and JSON lines."""

import io
import json

from backend.cli.server_api import Cost
from backend.cli.views import (
    JsonView,
    PlainView,
    printable,
    short_usd,
    spoken_parts,
    turn_line,
    usage_line,
)
from backend.protocol.transcript.turns import Modality, Role, Turn, TurnStatus
from backend.protocol.usage import Usage

USAGE = Usage("resp_1", "response", text_in=60, audio_in=3, text_out=2, audio_out=16)


def turn(text: str, *, role: Role = Role.ASSISTANT, heard: str | None = None) -> Turn:
    status = TurnStatus.COMPLETED if heard is None else TurnStatus.INTERRUPTED
    heard_ms = None if heard is None else 400
    return Turn("item", 0, role, Modality.VOICE, text, status, 0, heard, heard_ms)


def test_turns_are_on_one_stream_and_everything_else_on_the_other() -> None:
    out, errors = io.StringIO(), io.StringIO()
    view = PlainView("en", out, errors)
    view.show("listening", [], "typed")
    view.turn(turn("How many?", role=Role.USER))
    view.turn(turn("Four of us, and two retire.", heard="Four of us,"))
    view.answered(USAGE, Cost("0.000500000", False))
    view.notice("echo", "Use headphones.")
    view.end(0)
    assert out.getvalue() == "You: How many?\nAI: Four of us, (not heard: and two retire.)\n"
    assert errors.getvalue() == (
        "  63 tokens in, 18 out · this conversation so far: $0.0005\nUse headphones.\n"
    )


def test_each_json_line_is_an_object_with_a_type() -> None:
    out = io.StringIO()
    view = JsonView(out)
    view.show("listening", [], "")
    view.turn(turn("受注は四名です。", heard=""))
    view.answered(None, None)
    view.answered(USAGE, Cost(None, False))
    view.notice("no_answer", "No answer came.")
    view.end(6)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["type"] for line in lines] == ["turn", "usage", "usage", "notice", "end"]
    assert lines[0] == {
        "type": "turn", "item_id": "item", "content_index": 0, "role": "assistant",
        "modality": "voice", "text": "受注は四名です。", "heard_text": "", "heard_ms": 400,
        "status": "interrupted",
    }  # fmt: skip
    assert lines[1]["tokens"] is None and lines[2]["tokens"]["audio_out"] == 16
    assert lines[-1] == {"type": "end", "exit_code": 6}


def test_what_was_heard_and_what_was_not() -> None:
    assert spoken_parts(turn("Four of us.")) == ("Four of us.", "")
    assert spoken_parts(turn("Four of us.", heard="Four of")) == ("Four of", "us.")
    assert spoken_parts(turn("Four.", heard="")) == ("", "Four.")
    assert spoken_parts(turn("Four.", heard="Five")) == ("Four.", "")


def test_speech_without_a_text_is_named() -> None:
    assert turn_line(turn("", role=Role.USER), "ja") == "あなた: （文字にできませんでした）"


def test_a_models_words_do_not_reach_the_terminal_as_commands() -> None:
    assert turn_line(turn("a\x1b]0;title\x07b\nc"), "en") == "AI: a ]0;title b c"
    assert printable("会話 👪") == "会話 👪"


def test_costs_are_short_and_exact_enough() -> None:
    assert [short_usd(usd) for usd in ("0.000123400", "0.5", "12", "0.0000001")] == [
        "0.000123", "0.50", "12.00", "0.00",
    ]  # fmt: skip
    assert usage_line(None, Cost("0.01", True), "en") == (
        "this conversation so far: $0.01 (estimated)"
    )
    assert usage_line(None, None, "en") == "" == usage_line(None, Cost(None, False), "en")
