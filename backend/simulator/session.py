"""PURE: the session's configuration: its defaults, and which updates are taken.

An update is partial: what is absent stays, `null` clears. It is taken as a whole or not at all
(protocol §2): `session.type` must be there, unknown parameters are refused, and the voice is locked
once the assistant was heard.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from backend.simulator.refusals import Refused, invalid, missing, unknown

DEFAULT_INSTRUCTIONS = (
    "Your knowledge cutoff is 2023-10. You are a helpful, witty, and friendly AI. Act like a "
    "human, but remember that you aren't a human and that you can't do human things in the real "
    "world."
)
VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
PCM = {"type": "audio/pcm", "rate": 24000}

_VADS: dict[str, dict[str, Any]] = {
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

Check = tuple[Callable[[Any], bool], str]


def _number(low: float, high: float) -> Check:
    return (
        lambda value: type(value) in (int, float) and low <= value <= high,
        f"a number from {low:g} to {high:g}",
    )


def _whole(low: int, high: int) -> Check:
    return (lambda value: type(value) is int and low <= value <= high, f"{low} to {high}")


def _one_of(*choices: Any) -> Check:
    return (lambda value: value in choices, "one of " + ", ".join(repr(each) for each in choices))


def _or_null(check: Check) -> Check:
    return (lambda value: value is None or check[0](value), check[1] + " or null")


_TEXT: Check = (lambda value: isinstance(value, str), "a string")
_FLAG: Check = (lambda value: isinstance(value, bool), "true or false")
_LIST: Check = (lambda value: isinstance(value, list), "a list")
ANYTHING: Check = (lambda value: True, "anything")
_MAX_TOKENS: Check = (
    lambda value: value == "inf" or (type(value) is int and 1 <= value <= 4096),
    "1 to 4096 or 'inf'",
)

_TOP: dict[str, Check] = {
    "type": _one_of("realtime"),
    "model": _TEXT,
    "instructions": _or_null(_TEXT),
    "output_modalities": _one_of(["audio"], ["text"]),
    "audio": (lambda value: isinstance(value, dict), "an object"),
    "tools": _or_null(_LIST),
    "tool_choice": ANYTHING,
    "parallel_tool_calls": _FLAG,
    "reasoning": ANYTHING,
    "max_output_tokens": _MAX_TOKENS,
    "truncation": ANYTHING,
    "tracing": ANYTHING,
    "prompt": ANYTHING,
    "include": _or_null(_LIST),
}
_INPUT: dict[str, Check] = {
    "format": _one_of(PCM),
    "transcription": ANYTHING,
    "noise_reduction": ANYTHING,
    "turn_detection": ANYTHING,
}
OUTPUT: dict[str, Check] = {
    "format": _one_of(PCM),
    "voice": _one_of(*VOICES),
    "speed": _number(0.25, 1.5),
}
_TRANSCRIPTION: dict[str, Check] = {
    "model": _TEXT,
    "language": _TEXT,
    "languages": _LIST,
    "prompt": _TEXT,
    "keywords": _LIST,
    "delay": _TEXT,
}
_NOISE: dict[str, Check] = {"type": _one_of("near_field", "far_field"), "strength": _number(0, 1)}
_VAD_FIELDS: dict[str, dict[str, Check]] = {
    "server_vad": {
        "type": _TEXT,
        "threshold": _number(0, 1),
        "prefix_padding_ms": _whole(0, 10_000),
        "silence_duration_ms": _whole(0, 10_000),
        "idle_timeout_ms": _or_null(_whole(1_000, 600_000)),
        "create_response": _FLAG,
        "interrupt_response": _FLAG,
    },
    "semantic_vad": {
        "type": _TEXT,
        "eagerness": _one_of("low", "medium", "high", "auto"),
        "create_response": _FLAG,
        "interrupt_response": _FLAG,
    },
}
EAGERNESS_SILENCE_MS = {"low": 1200, "medium": 700, "auto": 700, "high": 400}
"""How long a silence ends a turn under `semantic_vad`, which here is plain voice activity."""


def new_session(session_id: str, model: str, expires_at: int) -> dict[str, Any]:
    """The configuration that a fresh connection has; `expires_at` in Unix seconds."""
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
                "turn_detection": dict(_VADS["server_vad"]),
            },
            "output": {"format": dict(PCM), "voice": "marin", "speed": 1.0},
        },
    }


def checked(given: Any, fields: Mapping[str, Check], path: str) -> dict[str, Any]:
    """The object, if it has only these fields with values that fit. Raises Refused."""
    if not isinstance(given, dict):
        raise invalid(path, "an object")
    for name, value in given.items():
        if name not in fields:
            raise unknown(f"{path}.{name}")
        fits, wanted = fields[name]
        if not fits(value):
            raise invalid(f"{path}.{name}", wanted)
    return given


def _turn_detection(now: dict[str, Any] | None, given: Any, path: str) -> dict[str, Any] | None:
    if given is None:
        return None
    kind = given.get("type", (now or {}).get("type")) if isinstance(given, dict) else None
    if not isinstance(kind, str) or kind not in _VADS:
        raise invalid(f"{path}.type", "one of 'server_vad', 'semantic_vad'")
    base = now if now and now["type"] == kind else _VADS[kind]
    return {**base, **checked(given, _VAD_FIELDS[kind], path)}


def _audio_input(now: dict[str, Any], given: Any, path: str) -> dict[str, Any]:
    after = {**now, **checked(given, _INPUT, path)}
    for name, fields in (("transcription", _TRANSCRIPTION), ("noise_reduction", _NOISE)):
        if after[name] is not None:
            checked(after[name], fields, f"{path}.{name}")
    if "turn_detection" in given:
        after["turn_detection"] = _turn_detection(
            now["turn_detection"], given["turn_detection"], f"{path}.turn_detection"
        )
    return after


def updated(now: dict[str, Any], given: Any, *, voice_locked: bool) -> dict[str, Any]:
    """The configuration after a `session.update`. Raises Refused; then nothing changes."""
    if not isinstance(given, dict):
        raise missing("session")
    if "type" not in given:
        raise missing("session.type")
    checked(given, _TOP, "session")
    if given.get("model", now["model"]) != now["model"]:
        raise invalid("session.model", "the model of the connection; it cannot be changed")
    after = deepcopy(now)
    after.update({name: value for name, value in given.items() if name != "audio"})
    after["instructions"] = after["instructions"] or ""
    after["tools"] = after["tools"] or []
    audio = checked(
        given.get("audio", {}), {"input": ANYTHING, "output": ANYTHING}, "session.audio"
    )
    if "input" in audio:
        after["audio"]["input"] = _audio_input(
            after["audio"]["input"], audio["input"], "session.audio.input"
        )
    output = checked(audio.get("output", {}), OUTPUT, "session.audio.output")
    if (
        voice_locked
        and output.get("voice", after["audio"]["output"]["voice"])
        != (after["audio"]["output"]["voice"])
    ):
        raise Refused(
            "cannot_update_voice",
            "Cannot update a conversation's voice if assistant audio is present.",
            "session.audio.output.voice",
        )
    after["audio"]["output"].update(output)
    return after
