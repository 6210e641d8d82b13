"""The server without the limits of a client's rate, for a load that no microphone makes.

    python bench/compare/serve_unlimited.py

run in the root of the tree whose server is started.
"""

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any


def main() -> int:
    """Raise the limits before the runtime takes them, then run `backend.serve`."""
    sys.path[0] = str(Path.cwd())
    # By name: the tree is the one in the working directory.
    limits: Any = import_module("backend.relay.limits")
    limits.DEFAULT_LIMITS = replace(
        limits.DEFAULT_LIMITS,
        client_bytes_per_s=1e12,
        client_burst_bytes=1e12,
        client_frames_per_s=1e9,
        client_burst_frames=1e9,
    )
    code: int = import_module("backend.serve").main()
    return code


if __name__ == "__main__":
    sys.exit(main())
