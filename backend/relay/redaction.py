"""What the client may see of the provider's words about the session and about errors. PURE.

The session is told by an allow-list at every depth, since its echo holds the operator's
instructions, tools and prompts, and the provider adds fields. An error's text is masked, since it
can quote the key.
"""

import json
from collections.abc import Mapping
from typing import Any

from backend.telemetry.logs import masked

LONGEST_MESSAGE = 500

Tree = Mapping[str, "Tree | None"]

_SESSION: Tree = {
    "id": None,
    "object": None,
    "type": None,
    "model": None,
    "expires_at": None,
    "output_modalities": None,
    "max_output_tokens": None,
    "audio": {
        "input": {
            "format": None,
            "noise_reduction": None,
            "transcription": {"model": None, "language": None},
            "turn_detection": None,
        },
        "output": {"format": None, "speed": None, "voice": None},
    },
}
"""What is told of a session; None takes the value as it is."""


def session_event_for_client(event: Mapping[str, Any]) -> str:
    """`session.created` or `session.updated` without instructions, tools and the like."""
    return _text({**event, "session": _pruned(event.get("session"), _SESSION)})


def error_event_for_client(event: Mapping[str, Any]) -> str:
    """An `error` event of the known fields only, its message masked; still the official shape."""
    error = part_of(event)
    told = {name: word_of(error, name) for name in ("code", "param", "event_id")}
    message = _message_for_client(error)
    told |= {"type": word_of(error, "type") or "server_error", "message": message}
    event_id = word_of(event, "event_id") or ""
    return _text({"type": "error", "event_id": event_id, "error": told})


def failure_for_client(event: Mapping[str, Any], *path: str) -> str:
    """The event with the message of the error that stands at `path` masked."""
    told = dict(event)
    inner = told
    for name in path:
        inner[name] = dict(inner[name])
        inner = inner[name]
    inner["message"] = _message_for_client(inner)
    return _text(told)


def part_of(event: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The error object at `path` (by default `error`); empty where there is none."""
    inner: Any = event
    for name in path or ("error",):
        inner = inner.get(name) if isinstance(inner, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def word_of(error: Mapping[str, Any], name: str) -> str | None:
    """A field that is a string; None where it is anything else."""
    value = error.get(name)
    return value if isinstance(value, str) else None


def _message_for_client(error: Mapping[str, Any]) -> str:
    return masked(word_of(error, "message") or "")[:LONGEST_MESSAGE]


def _pruned(value: Any, tree: Tree) -> Any:
    if not isinstance(value, Mapping):
        return None
    return {
        name: value[name] if inner is None else _pruned(value[name], inner)
        for name, inner in tree.items()
        if name in value
    }


def _text(event: Mapping[str, Any]) -> str:
    # ASCII, because a lone surrogate that the provider escaped could not be sent otherwise.
    return json.dumps(event, separators=(",", ":"))
