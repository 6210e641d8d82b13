"""Lines from a pipe, from a terminal, and from a file that is always readable."""

import asyncio
import contextlib
import os
import termios
from collections.abc import Iterator
from pathlib import Path

from backend.cli.keyboard import Keyboard, stdin_number


class Typed:
    """What a keyboard reported."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.texts: list[str] = []
        self.ended = asyncio.Event()

    def keyboard(self, number: int) -> Keyboard:
        return Keyboard(
            number, on_line=self.lines.append, on_text=self.texts.append, on_end=self.ended.set
        )

    async def until_end(self) -> None:
        async with asyncio.timeout(5):
            await self.ended.wait()


@contextlib.contextmanager
def descriptors(*numbers: int) -> Iterator[None]:
    try:
        yield
    finally:
        for number in numbers:
            with contextlib.suppress(OSError):
                os.close(number)


async def test_a_pipe_gives_lines_also_the_last_without_its_end() -> None:
    typed = Typed()
    reading, writing = os.pipe()
    with descriptors(reading, writing), typed.keyboard(reading):
        os.write(writing, "one\n二".encode())
        os.close(writing)
        await typed.until_end()
    assert typed.lines == ["one", "二"]


async def test_a_file_and_dev_null_end_at_once(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_text("one\ntwo\n")
    for path, lines in ((file, ["one", "two"]), (Path(os.devnull), [])):
        typed = Typed()
        number = os.open(path, os.O_RDONLY)
        with descriptors(number), typed.keyboard(number):
            await typed.until_end()
        assert typed.lines == lines


async def test_a_terminal_is_read_key_by_key_and_is_restored() -> None:
    typed = Typed()
    master, terminal = os.openpty()
    with descriptors(master, terminal):
        former = termios.tcgetattr(terminal)
        # Typed while the program started.
        os.write(master, b"early\n")
        with typed.keyboard(terminal):
            assert not termios.tcgetattr(terminal)[3] & termios.ECHO
            # Ctrl-C must stay a signal.
            assert termios.tcgetattr(terminal)[3] & termios.ISIG
            os.write(master, b"hi\rx\x7f\x04")
            await typed.until_end()
        assert termios.tcgetattr(terminal) == former
    assert typed.lines == ["early", "hi"]


def test_a_program_may_have_no_standard_input() -> None:
    assert stdin_number() is None or stdin_number() == 0
