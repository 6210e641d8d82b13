"""Which files a build of the image sees, by the rules of .dockerignore."""

import re
from functools import cache

from tests.deployment.compose import ROOT


def is_in_context(path: str) -> bool:
    """Return True if .dockerignore lets the file into the build. As in Docker, the last match wins.

    A pattern also matches everything inside of a folder that it names.
    """
    is_ignored = False
    for pattern, is_exception in _rules():
        if pattern.match(path):
            is_ignored = not is_exception
    return not is_ignored


@cache
def context_files() -> tuple[str, ...]:
    """Return the files of the working tree that a build sees."""
    tops = [path for path in ROOT.iterdir() if is_in_context(path.name)]
    files = [file for top in tops for file in (top, *top.rglob("*")) if file.is_file()]
    paths = (file.relative_to(ROOT).as_posix() for file in files)
    return tuple(sorted(path for path in paths if is_in_context(path)))


@cache
def _rules() -> tuple[tuple[re.Pattern[str], bool], ...]:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return tuple((_regex(line.removeprefix("!")), line.startswith("!")) for line in patterns)


def _regex(pattern: str) -> re.Pattern[str]:
    escaped = re.escape(pattern)
    for wildcard, meaning in ((r"\*\*/", "(?:.*/)?"), (r"\*", "[^/]*")):
        escaped = escaped.replace(wildcard, meaning)
    return re.compile(rf"{escaped}(?:/|$)")
