"""What can end a command early, and the exit codes of the terminal client. Pure."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended; docs/cli.md lists them, and scripts rely on them."""

    OK = 0
    NOT_EXPECTED = 1
    """The answer does not contain the text of `--expect`."""
    USAGE = 2
    """Wrong options, or a file that cannot be read; Click uses the same code."""
    MISSING = 3
    """A package, a program or a sound device that is needed is missing."""
    REFUSED = 4
    """Not logged in, or the server or the provider refused."""
    UNREACHABLE = 5
    """The server or the provider cannot be reached, or the connection was lost for good."""
    NO_ANSWER = 6
    """The call was open, and no answer came, or it failed."""
    INTERRUPTED = 130
    """Ctrl-C before a script's command was over: 128 + SIGINT, as in shells."""


class Failure(Exception):
    """A command cannot go on.

    `sentence` is a name in `cli.wording` with `values` to fill in; `message` is a sentence of the
    server's, which replaces it where it is not empty.
    """

    def __init__(
        self, exit_code: ExitCode, sentence: str, message: str = "", **values: object
    ) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code
        self.sentence = sentence
        self.message = message
        self.values = values
