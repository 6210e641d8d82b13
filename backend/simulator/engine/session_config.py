"""PURE: the session's configuration: its defaults, and the rules of `session.update`.

An update is partial: absent parameters stay, `null` clears. It is applied as a whole or not at all
(protocol §2): `session.type` is required, unknown parameters are refused, and the voice is locked
after the first assistant audio.
"""

from copy import deepcopy
from typing import Any

from backend.simulator.engine.effects import Event
from backend.simulator.engine.errors import ClientEventError, invalid_value
from backend.simulator.engine.parameters import PCM, SESSION, TURN_DETECTION

DEFAULT_MODEL = "gpt-realtime"
"""The model of a connection that names none."""

DEFAULT_INSTRUCTIONS = (
    "Your knowledge cutoff is 2023-10. You are a helpful, witty, and friendly AI. Act like a "
    "human, but remember that you aren't a human and that you can't do human things in the real "
    "world."
)
_TURN_DETECTION_DEFAULTS: dict[str, dict[str, Any]] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    },
}

EAGERNESS_SILENCE_MS = {"low": 1200, "medium": 700, "auto": 700, "high": 400}
"""The silence that ends a turn under `semantic_vad`, which here only measures loudness."""


def new_session(session_id: str, model: str, expires_at: int) -> dict[str, Any]:
    """The configuration of a new connection; `expires_at` is in Unix seconds."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": DEFAULT_INSTRUCTIONS,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "prompt": None,
        "truncation": "auto",
        "include": None,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": dict(PCM),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": dict(_TURN_DETECTION_DEFAULTS["server_vad"]),
            },
            "output": {"format": dict(PCM), "voice": "marin", "speed": 1.0},
        },
    }


def initial_session(
    session_id: str, model: str, expires_at: int, given: Event | None
) -> dict[str, Any]:
    """The configuration of a new connection with the settings that it was opened with.

    `given`: the session of a client secret or of a WebRTC call; `model` overrides its model. Raises
    ClientEventError if it is invalid.
    """
    session = new_session(session_id, model, expires_at)
    if given is None:
        return session
    SESSION(given, "session")
    return updated_session(session, {**given, "model": model}, is_voice_locked=False)


def _turn_detection(
    current: dict[str, Any] | None, given: dict[str, Any] | None, path: str
) -> dict[str, Any] | None:
    if given is None:
        return None
    # The type may be left out if turn detection is on already.
    update = {"type": current["type"], **given} if current else given
    TURN_DETECTION(update, path)
    base = (
        current
        if current and current["type"] == update["type"]
        else _TURN_DETECTION_DEFAULTS[update["type"]]
    )
    return {**base, **update}


def _audio_input(current: dict[str, Any], given: dict[str, Any], path: str) -> dict[str, Any]:
    after = {**current, **given}
    if "turn_detection" in given:
        after["turn_detection"] = _turn_detection(
            current["turn_detection"], given["turn_detection"], f"{path}.turn_detection"
        )
    return after


def updated_session(
    current: dict[str, Any], given: Any, *, is_voice_locked: bool
) -> dict[str, Any]:
    """The configuration after a `session.update`; `current` is not changed.

    Raises ClientEventError.
    """
    SESSION(given, "session")
    if given.get("model", current["model"]) != current["model"]:
        raise invalid_value("session.model", "the model of the connection; it cannot be changed")
    after = deepcopy(current)
    after.update({name: value for name, value in given.items() if name != "audio"})
    after["instructions"] = after["instructions"] or ""
    after["tools"] = after["tools"] or []
    audio = given.get("audio", {})
    after["audio"]["input"] = _audio_input(
        after["audio"]["input"], audio.get("input", {}), "session.audio.input"
    )
    output, voice = audio.get("output", {}), after["audio"]["output"]["voice"]
    if is_voice_locked and output.get("voice", voice) != voice:
        raise ClientEventError(
            "cannot_update_voice",
            "Cannot update a conversation's voice if assistant audio is present.",
            "session.audio.output.voice",
        )
    after["audio"]["output"].update(output)
    return after
