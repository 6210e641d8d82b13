"""The server's own settings without the middleware that keeps a request in one thread."""

from backend.settings import *  # noqa: F403

MIDDLEWARE = [name for name in MIDDLEWARE if name != "backend.middleware.in_one_thread"]  # noqa: F405
