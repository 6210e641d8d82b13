"""`python -m backend.simulator`: checks for the packages that it needs, then runs it."""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

PACKAGES = ("numpy", "espeakng_loader")
"""The packages of requirements-demo.txt that are not in requirements.txt."""


def main() -> int:
    """Run the simulator; return the exit code."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        print(
            f"The simulator cannot start: {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not installed. "
            "Install what it needs with: pip install -r requirements-demo.txt",
            file=sys.stderr,
        )
        return 1
    # Imported by name, because the import fails without those packages.
    command_line: Any = import_module("backend.simulator.server.command_line")
    exit_code: int = command_line.main()
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
