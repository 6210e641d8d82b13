"""Typed lines: from a terminal key by key, or from a pipe line by line."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from backend.cli.line_editor import LineEditor

_READ_BYTES = 4096


class Keyboard:
    """Reads a file descriptor while the event loop runs.

    A terminal is read key by key and without echo, because captions are redrawn around the line;
    Ctrl-C stays a signal. A pipe's lines are typed lines; its end is the end of input.
    `on_line` is given each line, `on_text` the line so far, `on_end` nothing.
    """

    def __init__(
        self,
        number: int,
        *,
        on_line: Callable[[str], None],
        on_text: Callable[[str], None],
        on_end: Callable[[], None],
    ) -> None:
        self._number = number
        self._on_line, self._on_text, self._on_end = on_line, on_text, on_end
        self._editor = LineEditor()
        self._is_terminal = os.isatty(number)
        self._former: Any = None
        self._is_reading = False

    def __enter__(self) -> Self:
        if self._is_terminal:
            self._former = termios.tcgetattr(self._number)
            # Not TCSAFLUSH: what was typed while the program started counts.
            tty.setcbreak(self._number, termios.TCSADRAIN)
        try:
            asyncio.get_running_loop().add_reader(self._number, self._read)
            self._is_reading = True
        except (OSError, PermissionError):
            # A plain file or /dev/null is always readable, and epoll refuses it.
            asyncio.get_running_loop().call_soon(self._read_all)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()
        if self._former is not None:
            termios.tcsetattr(self._number, termios.TCSADRAIN, self._former)

    def _stop(self) -> None:
        if self._is_reading:
            self._is_reading = False
            asyncio.get_running_loop().remove_reader(self._number)

    def _read(self) -> bool:
        """Read what is there. Returns False at the end of the input."""
        keys = os.read(self._number, _READ_BYTES)
        lines = self._editor.feed(keys)
        if not keys:
            lines += self._editor.feed(b"\n")
        for line in lines:
            self._on_line(line)
        self._on_text(self._editor.text)
        if keys and not (self._is_terminal and self._editor.has_ended):
            return True
        self._stop()
        self._on_end()
        return False

    def _read_all(self) -> None:
        while self._read():
            pass


def stdin_number() -> int | None:
    """The file descriptor of standard input; None where there is none."""
    try:
        return sys.stdin.fileno() if sys.stdin else None
    except (OSError, ValueError):
        return None
