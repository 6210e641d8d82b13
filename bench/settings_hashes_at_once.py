"""The server's settings without the limit of one password hash at a time."""

from backend.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls_hashes_at_once"
