"""Settings of the unit tests: the real ones with cheap password hashes and no API key."""

import os
import tempfile

os.environ.setdefault("DEBUG", "on")
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "0" * 40)
os.environ.setdefault("OPENAI_API_KEY", "")

from backend.settings import *  # noqa: F403

# One per process, because a process replays whatever it finds there.
_SPOOL = tempfile.TemporaryDirectory(prefix="kaiwa-tests-")
SPOOL_DIR = _SPOOL.name

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if "recorder" in DATABASES:  # noqa: F405
    DATABASES["recorder"]["TEST"] = {"MIRROR": "default"}  # noqa: F405

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, because threads that share an in-memory database get "locked" errors at once instead
    # of waiting; one per process, because several runs may share the machine.
    _FOLDER = tempfile.TemporaryDirectory(prefix="kaiwa-tests-")
    DATABASES["default"]["TEST"] = {"NAME": f"{_FOLDER.name}/tests.sqlite3"}  # noqa: F405
