"""The server's own settings, with as many passwords hashed at once as are asked about."""

from backend.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls_hashes_at_once"
