"""Live captions of both sides in a terminal, with Rich.

Final turns scroll up; below them the rest is redrawn.
"""

from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from backend.cli.conversation import State
from backend.cli.server_api import Cost
from backend.cli.views import printable, spoken_parts, usage_line
from backend.cli.wording import Language, sentence
from backend.protocol.transcript.heard import has_words
from backend.protocol.transcript.turns import Role, Turn
from backend.protocol.usage import Usage

_SIGNS: dict[State, tuple[str, str]] = {
    "connecting": ("○", "dim"),
    "listening": ("●", "green"),
    "hearing_you": ("●", "cyan"),
    "thinking": ("●", "yellow"),
    "speaking": ("●", "magenta"),
    "reconnecting": ("○", "red"),
}

_CURSOR = "▏"
"""The terminal's own is hidden while captions are redrawn."""

_Shown = tuple[State, tuple[Turn, ...], str]


class LiveView:
    """Implements `views.View`. Use it as a context manager, so that the terminal is left whole."""

    def __init__(self, language: Language, console: Console) -> None:
        self._language = language
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._shown: _Shown | None = None

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, state: State, captions: Sequence[Turn], typed: str) -> None:
        shown = (state, tuple(captions), typed)
        if shown != self._shown:
            self._draw(shown)

    def _draw(self, shown: _Shown) -> None:
        self._shown = shown
        state, captions, typed = shown
        sign, style = _SIGNS[state]
        status = Text(f"{sign} {sentence(state, self._language)}", style=style)
        lines = [turn_text(turn, self._language) for turn in captions]
        self._live.update(
            Group(*lines, status, Text(f"> {printable(typed)}{_CURSOR}")), refresh=True
        )

    def turn(self, turn: Turn) -> None:
        if self._shown is not None:
            state, captions, typed = self._shown
            keys = (turn.item_id, turn.content_index)
            others = [each for each in captions if (each.item_id, each.content_index) != keys]
            self._draw((state, tuple(others), typed))
        self._console.print(turn_text(turn, self._language))

    def answered(self, usage: Usage | None, cost: Cost | None) -> None:
        if line := usage_line(usage, cost, self._language):
            self._console.print(Text(f"  {line}", style="dim"))

    def notice(self, code: str, message: str) -> None:
        self._console.print(Text(printable(message), style="yellow"))

    def end(self, exit_code: int) -> None:
        """The exit code says it."""


def turn_text(turn: Turn, language: Language) -> Text:
    """The turn; what was not heard of it is struck through."""
    is_user = turn.role is Role.USER
    text = Text()
    text.append(sentence("you" if is_user else "assistant", language), style="bold")
    text.append("  ")
    if not has_words(turn.text):
        text.append(sentence("not_transcribed", language), style="dim")
        return text
    heard, unheard = spoken_parts(turn)
    text.append(printable(heard))
    if unheard:
        text.append(" ")
        text.append(printable(unheard), style="strike dim")
    return text
