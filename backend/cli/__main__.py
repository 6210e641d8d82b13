"""`python -m backend.cli`: the terminal client. docs/cli.md has its commands and exit codes."""

import os
import sys

from backend.cli.failures import ExitCode
from backend.cli.packages import missing_packages, missing_sentence
from backend.cli.wording import language_of


def main() -> int:
    """Run the command. Returns the exit code."""
    language = language_of(sys.argv[1:], os.environ)
    if missing := missing_packages():
        print(missing_sentence(missing, language), file=sys.stderr)
        return ExitCode.MISSING
    # Imported here: they need the packages.
    from backend.cli.commands import build_app  # noqa: PLC0415

    build_app(language)(prog_name="python -m backend.cli")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
