"""What the client may see of the provider's session echoes and errors. PURE.

A session is reduced to an allow-list of fields at every depth, since it holds the operator's
instructions, tools and prompts, and the provider adds fields. An error's message is masked, since
it can quote the key.
"""

from collections.abc import Mapping
from typing import Any

from backend.protocol.reading import encode, mapping_at, text_at
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
"""The fields of a session that the client gets; None keeps the value as it is."""


def session_event_for_client(event: Mapping[str, Any]) -> str:
    """`session.created` or `session.updated` without instructions, tools and the like."""
    return encode({**event, "session": _pruned(event.get("session"), _SESSION)})


def error_event_for_client(event: Mapping[str, Any]) -> str:
    """An `error` event of the known fields only, its message masked; still the official shape."""
    error = mapping_at(event, "error")
    known = {name: text_at(error, name) for name in ("code", "param", "event_id")}
    message = _message_for_client(error)
    known |= {"type": text_at(error, "type") or "server_error", "message": message}
    event_id = text_at(event, "event_id") or ""
    return encode({"type": "error", "event_id": event_id, "error": known})


def failure_for_client(event: Mapping[str, Any], *path: str) -> str:
    """The event with the message of the error at `path` masked."""
    copy = dict(event)
    inner = copy
    for name in path:
        inner[name] = dict(inner[name])
        inner = inner[name]
    inner["message"] = _message_for_client(inner)
    return encode(copy)


def _message_for_client(error: Mapping[str, Any]) -> str:
    return masked(text_at(error, "message") or "")[:LONGEST_MESSAGE]


def _pruned(value: Any, tree: Tree) -> Any:
    if not isinstance(value, Mapping):
        return None
    return {
        name: value[name] if inner is None else _pruned(value[name], inner)
        for name, inner in tree.items()
        if name in value
    }
