"""The validators of session and response parameters."""

from typing import Any

import pytest

from backend.simulator.engine.errors import ClientEventError
from backend.simulator.engine.parameters import RESPONSE, SESSION, TURN_DETECTION, VOICES
from backend.simulator.engine.session_config import new_session

TOOL = {"type": "function", "name": "f"}


def error_of(validate: Any, value: object, path: str) -> tuple[str, str | None]:
    with pytest.raises(ClientEventError) as caught:
        validate(value, path)
    return caught.value.code, caught.value.param


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"instructions": 5}, "invalid_type", "session.instructions"),
        ({"max_output_tokens": "all"}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": 4.5}, "invalid_type", "session.max_output_tokens"),
        ({"tool_choice": "any"}, "invalid_value", "session.tool_choice"),
        (
            {"tool_choice": {"type": "function"}},
            "missing_required_parameter",
            "session.tool_choice.name",
        ),
        ({"tools": [5]}, "invalid_type", "session.tools[0]"),
        (
            {"tools": [TOOL, {**TOOL, "strict": True}]},
            "unknown_parameter",
            "session.tools[1].strict",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f"}}]},
            "missing_required_parameter",
            "session.tools[0].name",
        ),
        (
            {"tools": [{"type": "mcp", "server_label": "s", "headers": {"a": 1}}]},
            "invalid_type",
            "session.tools[0].headers.a",
        ),
        ({"truncation": "never"}, "invalid_value", "session.truncation"),
        (
            {"truncation": {"type": "retention_ratio", "retention_ratio": 2}},
            "invalid_value",
            "session.truncation.retention_ratio",
        ),
        ({"tracing": True}, "invalid_type", "session.tracing"),
        ({"tracing": {"group_id": 5}}, "invalid_type", "session.tracing.group_id"),
        ({"prompt": "p"}, "invalid_type", "session.prompt"),
        (
            {"prompt": {"id": "p", "variables": {"a": 1}}},
            "invalid_type",
            "session.prompt.variables.a",
        ),
        ({"include": ["all"]}, "invalid_value", "session.include[0]"),
        ({"reasoning": {"effort": "most"}}, "invalid_value", "session.reasoning.effort"),
        (
            {"audio": {"input": {"transcription": {"languages": ["ja", 5]}}}},
            "invalid_type",
            "session.audio.input.transcription.languages[1]",
        ),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 8_000}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        ({"audio": {"output": {"speed": None}}}, "invalid_type", "session.audio.output.speed"),
    ],
)
def test_an_invalid_session_parameter_is_refused(
    session: dict[str, Any], code: str, param: str
) -> None:
    assert error_of(SESSION, {"type": "realtime", **session}, "session") == (code, param)


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"instructions": 5}, "invalid_type", "response.instructions"),
        ({"metadata": {"a": 5}}, "invalid_type", "response.metadata.a"),
        ({"metadata": {"a": "x" * 513}}, "invalid_value", "response.metadata.a"),
        ({"metadata": {"a" * 65: ""}}, "invalid_value", "response.metadata"),
        (
            {"metadata": dict.fromkeys(map(str, range(17)), "")},
            "invalid_value",
            "response.metadata",
        ),
        ({"conversation": 5}, "invalid_type", "response.conversation"),
        ({"input": [5]}, "invalid_type", "response.input[0]"),
        ({"truncation": "auto"}, "unknown_parameter", "response.truncation"),
        ({"audio": {"output": {"speed": 1}}}, "unknown_parameter", "response.audio.output.speed"),
    ],
)
def test_an_invalid_response_parameter_is_refused(
    response: dict[str, Any], code: str, param: str
) -> None:
    assert error_of(RESPONSE, response, "response") == (code, param)


def test_the_default_session_is_valid() -> None:
    session = new_session("sess_1", "gpt-realtime", 0)
    given = {name: session[name] for name in session if name not in ("id", "object", "expires_at")}
    SESSION(given, "session")
    TURN_DETECTION(session["audio"]["input"]["turn_detection"], "it")
    assert session["audio"]["output"]["voice"] in VOICES


def test_turn_detection_is_validated_by_its_type() -> None:
    vad = {"type": "server_vad", "eagerness": "low"}
    assert error_of(TURN_DETECTION, vad, "it") == ("unknown_parameter", "it.eagerness")
    assert error_of(TURN_DETECTION, {}, "it") == ("missing_required_parameter", "it.type")
    assert error_of(TURN_DETECTION, {"type": "vad"}, "it") == ("invalid_value", "it.type")
