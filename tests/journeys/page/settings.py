"""The server's own settings with two differences.

An additional static folder holds the recorder worklet: a worklet must be loaded from the page's own
origin, and Playwright cannot intercept that request. And passwords use a fast hash: the real one
takes 0.4 s of a core for each of some sixty logins, and would disturb the audio of other tests. The
journeys without a browser, and `make run`, use the real hash.
"""

from pathlib import Path

from backend.settings import *  # noqa: F403

STATICFILES_DIRS = [
    *STATICFILES_DIRS,  # noqa: F405
    ("test", Path(__file__).resolve().parent.parent / "audio" / "page"),
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
