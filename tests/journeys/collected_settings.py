"""The server's own settings with a folder for collected files that the test chooses."""

import os
from pathlib import Path

from backend.settings import *  # noqa: F403

STATIC_ROOT = Path(os.environ["TEST_STATIC_ROOT"])
