"""The server's own settings, and one more static folder: the recorder that listens at the speaker.

A worklet must come from the page's own origin, and a browser's tools cannot answer in its place.
"""

from pathlib import Path

from backend.settings import *  # noqa: F403

STATICFILES_DIRS: list[Path | tuple[str, Path]] = [  # type: ignore[no-redef]
    *STATICFILES_DIRS,  # noqa: F405
    ("test", Path(__file__).resolve().parent.parent / "audio" / "page"),
]
