"""File names of exports, and the header that carries them."""

import re
import unicodedata
from datetime import datetime
from urllib.parse import quote

MAX_STEM_BYTES = 180
"""Most file systems allow 255 bytes for a name; the rest is for date, number and extension."""

_FORBIDDEN = re.compile(r'[\\/:*?"<>|]')
"""Separators of paths, and what Windows allows in no name."""


def filename(title: str, created_at: datetime, extension: str) -> str:
    """`<title> 2026-01-02.txt`. The title is cut, and forbidden characters become spaces.

    Invisible characters go: among them are those that reverse the direction of writing, with which
    a name can pretend another extension.
    """
    shown = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in title)
    words = " ".join(_FORBIDDEN.sub(" ", unicodedata.normalize("NFC", shown)).split())
    stem = words.encode()[:MAX_STEM_BYTES].decode(errors="ignore").strip(" .") or "Kaiwa"
    return f"{stem} {created_at:%Y-%m-%d}.{extension}"


def content_disposition(name: str, fallback: str) -> str:
    """The `Content-Disposition` of a download (RFC 6266).

    A name that is not plain ASCII is sent twice: encoded (RFC 8187), and for old clients as the
    ASCII name `fallback`. `%` counts as not plain, because some browsers decode it.
    """
    if name.isascii() and not re.search(r'[%"\\]', name):
        return f'attachment; filename="{name}"'
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='')}"
