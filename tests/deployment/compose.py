"""Reads the compose files as `docker compose` does: interpolation, then the merge of several files.

Covers what our files use. Sequences of an overriding file are appended to those of the first, but
for `command` and the like; mappings are merged key by key, and other values replaced.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
BASE = ROOT / "docker-compose.yml"
DEMO = ROOT / "docker-compose.demo.yml"

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?::-(?P<default>[^}]*))?\}")
_REPLACED_WHOLE = ("command", "entrypoint", "test")


def stack(*files: Path, **environ: str) -> dict[str, Any]:
    """Return the merged configuration of the files; with BASE alone if none is given."""
    merged: dict[str, Any] = {}
    for file in files or (BASE,):
        loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
        merged = _merged("", merged, _interpolated(loaded, environ))
    return merged


def variables(file: Path) -> set[str]:
    """Return the names of the variables that a file interpolates."""
    return {found["name"] for found in _VARIABLE.finditer(file.read_text(encoding="utf-8"))}


def seconds(duration: str) -> float:
    """Return a duration such as `45s` or `1m30s` in seconds."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0}
    parts = re.findall(r"(\d+)([hms])", duration)
    return sum(int(number) * units[unit] for number, unit in parts)


def _interpolated(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: environ.get(found[1]) or found[2] or "", value)
    if isinstance(value, dict):
        return {key: _interpolated(each, environ) for key, each in value.items()}
    if isinstance(value, list):
        return [_interpolated(each, environ) for each in value]
    return value


def _merged(key: str, first: Any, second: Any) -> Any:
    if isinstance(first, dict) and isinstance(second, dict):
        common = {name: _merged(name, first[name], second[name]) for name in first.keys() & second}
        return {**first, **second, **common}
    if isinstance(first, list) and isinstance(second, list) and key not in _REPLACED_WHOLE:
        return first + [each for each in second if each not in first]
    return second
