"""Whether the provider's session is still configured as we configured it, in a watched call. PURE.

The browser's own events go past the relay there, `session.update` among them. The provider tells
both sides of each change with `session.updated`, which has the whole session.

The instructions and the tools must be ours to the letter; to a tool the provider may add fields. Of
the other fields it may write its own form, so they are compared with its answer to our own update.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from backend.protocol.reading import JsonObject, mapping_at, mappings_at, text_at

RESTORED_AT_MOST = 3
"""How often a session is restored; after another change the call ends. A client that means well
changes nothing; one that does not would be answered for as long as it goes on."""

_COMPARED = (
    ("output_modalities",),
    ("tool_choice",),
    ("audio", "input", "transcription"),
    ("audio", "input", "turn_detection"),
)
"""The paths of the other fields. Without a transcription no word of the user would be kept."""


class Verdict(StrEnum):
    OURS = "ours"
    EARLIER = "earlier"
    """Not ours yet: our first `session.update` has not been applied."""
    CHANGED = "changed"
    TOO_OFTEN = "too_often"


class SessionGuard:
    """The session of one watched call. `session` is what our `session.update` has."""

    def __init__(self, session: Mapping[str, Any]) -> None:
        self._instructions = _instructions_of(session)
        self._tools = mappings_at(session, "tools")
        self._accepted: list[Any] | None = None
        self._changes = 0

    def judge(self, session: Mapping[str, Any]) -> Verdict:
        """Judge the session of a `session.updated`. A change is to be answered with our update."""
        is_ours = _instructions_of(session) == self._instructions and _are_tools(
            mappings_at(session, "tools"), self._tools
        )
        others = [_at(session, path) for path in _COMPARED]
        if self._accepted is None:
            if not is_ours:
                return Verdict.EARLIER
            self._accepted = others
        if is_ours and others == self._accepted:
            return Verdict.OURS
        self._changes += 1
        return Verdict.CHANGED if self._changes <= RESTORED_AT_MOST else Verdict.TOO_OFTEN


def _instructions_of(session: Mapping[str, Any]) -> str:
    return (text_at(session, "instructions") or "").strip()


def _are_tools(given: Sequence[JsonObject], ours: Sequence[JsonObject]) -> bool:
    return len(given) == len(ours) and all(
        {**theirs, **tool} == theirs for tool, theirs in zip(ours, given, strict=True)
    )


def _at(session: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    return mapping_at(session, *path[:-1]).get(path[-1])
