"""Names a release of the page: a digest of all files in `frontend/`, a part of their URLs.

The page's ES modules import one another by relative URLs. `ManifestStaticFilesStorage` would hash
file names, but it does not rewrite those imports (nor `new URL(..., import.meta.url)`) by default,
and its rewriting of JavaScript is experimental. A release-specific folder needs no rewriting:
`/static/<release>/app-realtime.js` imports only from `/static/<release>/`, so a page that loads
during a deploy never mixes modules of two releases.
"""

import hashlib
from pathlib import Path

DIGEST_LENGTH = 16


def release_of(folder: Path) -> str:
    """Return the hex digest of the folder's file names and contents."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:DIGEST_LENGTH]
