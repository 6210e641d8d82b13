"""The packages of requirements-cli.txt, which the server does not need. No import of them here."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from backend.cli.wording import Language, sentence

NEEDED = ("typer", "rich", "websockets", "regex")
"""sounddevice is not among them: WAV files, SoX and typed text do without it."""


def missing_packages(
    names: Sequence[str] = NEEDED, find: Callable[[str], object] = find_spec
) -> list[str]:
    """Those that are not installed."""
    return [name for name in names if not _is_installed(name, find)]


def missing_sentence(names: Sequence[str], language: Language) -> str:
    """What is missing, and the command that installs it."""
    verb = " is" if len(names) == 1 else " are"
    listed = {"en": " and ".join(names) + verb, "ja": "、".join(names)}
    return sentence("package_missing", language, packages=listed[language])


def _is_installed(name: str, find: Callable[[str], object]) -> bool:
    try:
        return find(name) is not None
    except ValueError:
        # `sys.modules` has None for it: an import would fail.
        return False
