"""The server's own addresses without the lock that has passwords hashed one at a time."""

from contextlib import nullcontext

from backend.accounts import api
from backend.urls import *  # noqa: F403

vars(api)["_one_hash_at_a_time"] = nullcontext()
