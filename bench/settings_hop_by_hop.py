"""The server's settings without `in_one_thread`: each middleware hook runs in its own thread."""

from backend.settings import *  # noqa: F403

MIDDLEWARE = [name for name in MIDDLEWARE if name != "backend.middleware.in_one_thread"]  # noqa: F405
