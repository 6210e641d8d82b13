"""The server's own settings with two differences.

One more static folder has the recorder that listens at the speaker: a worklet must come from the
page's own origin, and a browser's tools cannot answer in its place. And passwords are hashed at
once: the real hash takes 0.4 s of a core for each of some sixty logins, while others are listened
to. The journeys without a browser, and `make run`, have the real one.
"""

from pathlib import Path

from backend.settings import *  # noqa: F403

STATICFILES_DIRS = [
    *STATICFILES_DIRS,  # noqa: F405
    ("test", Path(__file__).resolve().parent.parent / "audio" / "page"),
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
