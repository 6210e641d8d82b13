"""How a conversation is shown: live captions in a terminal, plain lines, or JSON lines."""

import json
from collections.abc import Sequence
from typing import Any, Protocol, TextIO

from backend.cli.conversation import State
from backend.cli.server_api import Cost
from backend.cli.wording import Language, sentence
from backend.protocol.transcript.heard import has_words
from backend.protocol.transcript.turns import Role, Turn
from backend.protocol.usage import Usage


class View(Protocol):
    """What a conversation shows."""

    def show(self, state: State, captions: Sequence[Turn], typed: str) -> None:
        """What is not final: the state, the turns in progress, the line being typed."""

    def turn(self, turn: Turn) -> None:
        """A turn that is final."""

    def answered(self, usage: Usage | None, cost: Cost | None) -> None:
        """What an answer has used, and what the conversation has cost so far."""

    def notice(self, code: str, message: str) -> None:
        """A warning or an error; `message` is its sentence."""

    def end(self, exit_code: int) -> None:
        """The command is over."""


class PlainView:
    """A line for each final turn on `out`; everything else goes to `errors`."""

    def __init__(self, language: Language, out: TextIO, errors: TextIO) -> None:
        self._language = language
        self._out, self._errors = out, errors

    def show(self, state: State, captions: Sequence[Turn], typed: str) -> None:
        """Not in a pipe."""

    def turn(self, turn: Turn) -> None:
        self._print(self._out, turn_line(turn, self._language))

    def answered(self, usage: Usage | None, cost: Cost | None) -> None:
        if line := usage_line(usage, cost, self._language):
            self._print(self._errors, f"  {line}")

    def notice(self, code: str, message: str) -> None:
        self._print(self._errors, message)

    def end(self, exit_code: int) -> None:
        """The exit code says it."""

    def _print(self, to: TextIO, line: str) -> None:
        print(line, file=to, flush=True)


class JsonView:
    """One JSON object a line, each with a `type`: turn, usage, notice, end."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, state: State, captions: Sequence[Turn], typed: str) -> None:
        """Only what is final is printed."""

    def turn(self, turn: Turn) -> None:
        self._print(
            "turn",
            item_id=turn.item_id,
            content_index=turn.content_index,
            role=turn.role,
            modality=turn.modality,
            text=turn.text,
            heard_text=turn.heard_text,
            heard_ms=turn.heard_ms,
            status=turn.status,
        )

    def answered(self, usage: Usage | None, cost: Cost | None) -> None:
        counted = usage and {
            "text_in": usage.text_in,
            "audio_in": usage.audio_in,
            "text_out": usage.text_out,
            "audio_out": usage.audio_out,
        }
        self._print(
            "usage",
            tokens=counted,
            session_cost_usd=cost and cost.usd,
            is_cost_estimated=cost and cost.is_estimated,
        )

    def notice(self, code: str, message: str) -> None:
        self._print("notice", code=code, message=message)

    def end(self, exit_code: int) -> None:
        self._print("end", exit_code=int(exit_code))

    def _print(self, kind: str, **fields: Any) -> None:
        print(json.dumps({"type": kind, **fields}, ensure_ascii=False), file=self._out, flush=True)


def turn_line(turn: Turn, language: Language) -> str:
    """The turn as a line of text, without control characters of a terminal."""
    who = sentence("you" if turn.role is Role.USER else "assistant", language)
    text, unheard = spoken_parts(turn)
    if not has_words(turn.text):
        text = sentence("not_transcribed", language)
    if unheard:
        text = f"{text} {sentence('heard_until', language, rest=unheard)}".strip()
    return printable(f"{who}: {text}")


def spoken_parts(turn: Turn) -> tuple[str, str]:
    """What was heard of the turn, and what was not, because it was cut off."""
    if turn.heard_text is None or not turn.text.startswith(turn.heard_text):
        return turn.text.strip(), ""
    return turn.heard_text.strip(), turn.text[len(turn.heard_text) :].strip()


def printable(text: str) -> str:
    """The text without what a terminal would obey: a model's words may hold escape sequences."""
    return "".join(each if each.isprintable() else " " for each in text)


def usage_line(usage: Usage | None, cost: Cost | None, language: Language) -> str:
    """The tokens of an answer and the cost of its conversation; empty if neither is known."""
    parts = []
    if usage is not None:
        counts = {
            "tokens_in": usage.text_in + usage.audio_in + usage.image_in,
            "tokens_out": usage.text_out + usage.audio_out,
        }
        parts.append(sentence("tokens", language, **counts))
    if cost is not None and cost.usd is not None:
        name = "cost_estimated" if cost.is_estimated else "cost"
        parts.append(sentence(name, language, usd=short_usd(cost.usd)))
    return " · ".join(parts)


def short_usd(usd: str) -> str:
    """A decimal with at most six places, at least two: 0.000123400 is 0.000123, 0.5 is 0.50."""
    whole, _, fraction = usd.partition(".")
    return f"{whole}.{fraction[:6].rstrip('0').ljust(2, '0')}"
