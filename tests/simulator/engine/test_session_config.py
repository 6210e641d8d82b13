"""Session updates: partial, and applied as a whole or not at all."""

from typing import Any

import pytest

from backend.simulator.engine.errors import ClientEventError
from backend.simulator.engine.session_config import new_session, updated_session

NEW = new_session("sess_1", "gpt-realtime", 3_600)


def after(*, is_voice_locked: bool = False, **session: Any) -> dict[str, Any]:
    return updated_session(NEW, {"type": "realtime", **session}, is_voice_locked=is_voice_locked)


def test_absent_parameters_stay_and_null_clears() -> None:
    configured = after(instructions="Be brief.", tools=[{"type": "function", "name": "f"}])
    assert configured["instructions"] == "Be brief."
    unchanged = updated_session(configured, {"type": "realtime"}, is_voice_locked=False)
    assert unchanged == configured
    cleared = updated_session(
        configured, {"type": "realtime", "instructions": None, "tools": None}, is_voice_locked=False
    )
    assert (cleared["instructions"], cleared["tools"]) == ("", [])


def test_turn_detection_keeps_its_other_settings_and_null_turns_it_off() -> None:
    def input_with(detection: object) -> Any:
        return after(audio={"input": {"turn_detection": detection}})["audio"]["input"]

    assert input_with({"type": "server_vad", "threshold": 0.7})["turn_detection"] == {
        **NEW["audio"]["input"]["turn_detection"],
        "threshold": 0.7,
    }
    assert input_with({"silence_duration_ms": 900})["turn_detection"]["silence_duration_ms"] == 900
    assert input_with(None)["turn_detection"] is None
    off = after(audio={"input": {"turn_detection": None}})
    with pytest.raises(ClientEventError) as refused:
        updated_session(
            off,
            {"type": "realtime", "audio": {"input": {"turn_detection": {"threshold": 0.7}}}},
            is_voice_locked=False,
        )
    assert refused.value.param == "session.audio.input.turn_detection.type"
    assert input_with({"type": "semantic_vad"})["turn_detection"]["eagerness"] == "auto"


def test_an_update_does_not_change_the_previous_configuration() -> None:
    after(audio={"input": {"transcription": {"model": "gpt-transcribe"}}})
    assert NEW["audio"]["input"]["transcription"] is None


def test_the_same_voice_may_be_sent_again_while_it_is_locked() -> None:
    same = {"output": {"voice": "marin"}}
    assert after(is_voice_locked=True, audio=same)["audio"]["output"]["voice"] == "marin"


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"voice": "marin"}, "unknown_parameter", "session.voice"),
        ({"temperature": 1}, "unknown_parameter", "session.temperature"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"model": "gpt-realtime-2.1"}, "invalid_value", "session.model"),
        ({"output_modalities": ["text", "audio"]}, "invalid_value", "session.output_modalities"),
        ({"max_output_tokens": 0}, "invalid_value", "session.max_output_tokens"),
        ({"audio": {"inputs": {}}}, "unknown_parameter", "session.audio.inputs"),
        (
            {"audio": {"output": {"voice": "nobody"}}},
            "invalid_value",
            "session.audio.output.voice",
        ),
        (
            {"audio": {"input": {"format": {"type": "audio/pcmu"}}}},
            "invalid_value",
            "session.audio.input.format.type",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}}},
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}},
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"audio": {"input": {"transcription": {"engine": "x"}}}},
            "unknown_parameter",
            "session.audio.input.transcription.engine",
        ),
    ],
)
def test_an_unknown_or_invalid_parameter_is_named(
    session: dict[str, Any], code: str, param: str
) -> None:
    with pytest.raises(ClientEventError) as refused:
        after(**session)
    assert (refused.value.code, refused.value.param) == (code, param)
