"""File names of exports, and the header that carries them."""

import re
import unicodedata
from datetime import datetime
from urllib.parse import quote

from backend.protocol.graphemes import cut, without_invisible

MAX_STEM_BYTES = 180
"""Most file systems allow 255 bytes for a name; the rest is for date, number and extension."""

_FORBIDDEN = re.compile(r'[\\/:*?"<>|]')
"""Separators of paths, and what Windows allows in no name."""


def filename(title: str, created_at: datetime, extension: str) -> str:
    """`<title> 2026-01-02.txt`. The title is cut, and forbidden characters become spaces.

    Invisible characters go: among them are those that reverse the direction of writing, with which
    a name can pretend another extension.
    """
    shown = unicodedata.normalize("NFC", without_invisible(title))
    words = " ".join(_FORBIDDEN.sub(" ", shown).split())
    most = len(words.encode()[:MAX_STEM_BYTES].decode(errors="ignore"))
    stem = cut(words, most).strip(" .") or "Kaiwa"
    return f"{stem} {created_at:%Y-%m-%d}.{extension}"


def content_disposition(name: str, fallback: str) -> str:
    """The `Content-Disposition` of a download (RFC 6266).

    A name that is not plain ASCII is sent twice: encoded (RFC 8187), and for old clients as the
    ASCII name `fallback`. `%` counts as not plain, because some browsers decode it.
    """
    if name.isascii() and not re.search(r'[%"\\]', name):
        return f'attachment; filename="{name}"'
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='')}"
