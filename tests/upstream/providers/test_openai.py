"""OpenAI: URL, headers, first event, session configuration, and what its errors mean."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime.realtime_client_event import RealtimeClientEvent
from pydantic import TypeAdapter

from backend.protocol.errors import (
    UPSTREAM_CODES,
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from backend.upstream.providers.interface import SessionSettings, TurnDetection
from backend.upstream.providers.openai import OpenAI
from backend.upstream.target import Target

OPENAI = OpenAI()
CLIENT_EVENT: TypeAdapter[RealtimeClientEvent] = TypeAdapter(RealtimeClientEvent)


def target(**changed: str) -> Target:
    fields = {
        "base_url": "https://api.openai.com/v1",
        "api_key": "sk-secret",
        "model": "gpt-realtime",
        "safety_identifier": "a1b2",
        **changed,
    }
    return Target(**fields)


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.openai.com/v1", "wss://api.openai.com/v1/realtime?model=gpt-realtime"),
        ("https://api.openai.com/v1/", "wss://api.openai.com/v1/realtime?model=gpt-realtime"),
        ("http://127.0.0.1:9000/v1", "ws://127.0.0.1:9000/v1/realtime?model=gpt-realtime"),
        ("HTTPS://api.openai.com/v1", "wss://api.openai.com/v1/realtime?model=gpt-realtime"),
    ],
)
def test_the_websocket_url_is_the_base_with_another_scheme(base_url: str, expected: str) -> None:
    assert OPENAI.websocket_url(target(base_url=base_url)) == expected


def test_a_model_cannot_add_parameters() -> None:
    url = OPENAI.websocket_url(target(model="a&intent=x#/?"))
    assert url.endswith("?model=a%26intent%3Dx%23%2F%3F")


def test_the_headers_carry_the_key_and_the_user_and_no_beta() -> None:
    assert OPENAI.headers(target()) == {
        "Authorization": "Bearer sk-secret",
        "OpenAI-Safety-Identifier": "a1b2",
    }


def validated_session(detection: TurnDetection) -> dict[str, Any]:
    """The session configuration with this turn detection, checked by the official SDK."""
    settings = SessionSettings("Be brief.", "marin", "gpt-transcribe", detection)
    session = OPENAI.session(settings)
    CLIENT_EVENT.validate_python({"type": "session.update", "session": session})
    return session


def test_the_session_configures_everything_that_the_settings_say() -> None:
    session = validated_session(TurnDetection())
    assert session["type"] == "realtime"
    assert session["instructions"] == "Be brief."
    assert session["audio"]["input"]["transcription"] == {"model": "gpt-transcribe"}
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "create_response": True,
        "interrupt_response": True,
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
    }
    assert session["audio"]["output"]["voice"] == "marin"
    assert "model" not in session


def test_semantic_detection_has_no_thresholds() -> None:
    session = validated_session(TurnDetection(type="semantic_vad"))
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "create_response": True,
        "interrupt_response": True,
    }


def test_both_directions_have_the_providers_audio_rate() -> None:
    audio = validated_session(TurnDetection())["audio"]
    rate_hz = OPENAI.audio_rate_hz
    assert audio["input"]["format"] == {"type": "audio/pcm", "rate": rate_hz}
    assert audio["output"]["format"] == {"type": "audio/pcm", "rate": rate_hz}


@pytest.mark.parametrize(
    ("truncation", "field"),
    [
        ("disabled", "disabled"),
        (0.8, {"type": "retention_ratio", "retention_ratio": 0.8}),
        ("auto", None),
    ],
)
def test_truncation_is_sent_unless_it_is_the_providers_default(
    truncation: str | float, field: object
) -> None:
    given = SessionSettings("Be brief.", "marin", "gpt-transcribe", TurnDetection(), truncation)
    session = OpenAI().session(given)
    assert session.get("truncation") == field
    CLIENT_EVENT.validate_python({"type": "session.update", "session": session})


def test_session_created_proves_the_connection_and_only_one_event_may_precede_it() -> None:
    assert OPENAI.accepts({"type": "session.created"})
    assert not OPENAI.accepts({"type": "conversation.created"})
    for event_type in ("session.updated", "response.created", None, ["session.created"]):
        with pytest.raises(UpstreamFailed) as caught:
            OPENAI.accepts({"type": event_type})
        assert caught.value.code == "first_event_unexpected"


def body(**error: object) -> bytes:
    return json.dumps({"error": error}).encode()


@pytest.mark.parametrize(
    ("status", "answered", "kind", "code"),
    [
        (200, b"", UpstreamFailed, "not_a_websocket"),
        (302, b"", UpstreamRefused, "redirected"),
        (302, body(code="rate_limit_exceeded"), UpstreamRefused, "redirected"),
        (400, b"", UpstreamRefused, "request_refused"),
        (400, body(type="invalid_request_error", code=None), UpstreamRefused, "request_refused"),
        (401, b"", UpstreamRefused, "invalid_api_key"),
        (401, body(code="account_deactivated"), UpstreamRefused, "account_deactivated"),
        (403, body(type="invalid_request_error"), UpstreamRefused, "access_denied"),
        (404, b"", UpstreamRefused, "model_not_found"),
        (408, b"", UpstreamTimeout, "timed_out"),
        (429, b"<html>", UpstreamUnavailable, "rate_limit_exceeded"),
        (429, body(type="insufficient_quota"), UpstreamRefused, "insufficient_quota"),
        (429, body(code="insufficient_quota"), UpstreamRefused, "insufficient_quota"),
        (500, b"", UpstreamUnavailable, "server_error"),
        (503, body(code="invalid_api_key"), UpstreamUnavailable, "server_error"),
    ],
)
def test_a_status_means_what_the_body_names_and_else_what_the_status_says(
    status: int, answered: bytes, kind: type[UpstreamError], code: str
) -> None:
    error = OPENAI.error_of_status(status, None, answered)
    assert (type(error), error.code, error.status) == (kind, code, status)


@pytest.mark.parametrize(
    ("close_code", "reason", "kind", "code"),
    [
        (1000, "", UpstreamUnavailable, "connection_ended"),
        (1001, "", UpstreamUnavailable, "connection_ended"),
        (
            1001,
            "Your session hit the maximum duration of 60 minutes.",
            UpstreamUnavailable,
            "session_expired",
        ),
        (1000, "session_expired", UpstreamUnavailable, "session_expired"),
        (1002, "", UpstreamFailed, "connection_broken"),
        (1005, "", UpstreamUnavailable, "connection_ended"),
        (1006, "", UpstreamFailed, "connection_lost"),
        (1008, "no", UpstreamRefused, "request_refused"),
        (1009, "", UpstreamFailed, "frame_too_large"),
        (1011, "oops", UpstreamFailed, "server_error"),
        (1012, "", UpstreamUnavailable, "connection_ended"),
        (1013, "", UpstreamUnavailable, "connection_ended"),
        (3000, "", UpstreamRefused, "invalid_api_key"),
        (3000, "invalid_request_error.invalid_api_key", UpstreamRefused, "invalid_api_key"),
        (
            4000,
            "invalid_request_error.beta_api_shape_disabled",
            UpstreamRefused,
            "beta_api_shape_disabled",
        ),
        (4000, "invalid_request_error.something_new", UpstreamRefused, "invalid_request_error"),
        (4000, "server_error.whatever", UpstreamUnavailable, "server_error"),
        (4008, "requests.rate_limit_exceeded", UpstreamUnavailable, "rate_limit_exceeded"),
        (4000, "sk-secret was wrong", UpstreamRefused, "request_refused"),
        (4999, "", UpstreamFailed, "connection_broken"),
    ],
)
def test_a_close_means_what_the_reason_names_and_else_what_the_code_says(
    close_code: int, reason: str, kind: type[UpstreamError], code: str
) -> None:
    error = OPENAI.error_of_close(close_code, reason)
    assert (type(error), error.code, error.status) == (kind, code, close_code)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (
            {"type": "invalid_request_error", "code": "invalid_api_key"},
            "refused",
            "invalid_api_key",
        ),
        ({"type": "invalid_request_error", "code": "new"}, "refused", "invalid_request_error"),
        ({"type": "insufficient_quota", "code": None}, "refused", "insufficient_quota"),
        ({"type": "server_error"}, "unavailable", "server_error"),
        ({"code": "session_expired"}, "unavailable", "session_expired"),
        ({"code": ["invalid_api_key"]}, "failed", "error_event"),
        ({}, "failed", "error_event"),
        (None, "failed", "error_event"),
    ],
)
def test_an_error_event_before_the_session_is_raised(error: object, kind: str, code: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        OPENAI.accepts({"type": "error", "error": error})
    found = caught.value
    assert (found.ending, found.code) == (f"provider_{kind}", code)


@given(status=st.integers(100, 999), answered=st.binary(max_size=64), header=st.text(max_size=8))
def test_any_status_gets_a_known_code(status: int, answered: bytes, header: str) -> None:
    assert OPENAI.error_of_status(status, header, answered).code in UPSTREAM_CODES


@given(code=st.integers(0, 65_535), reason=st.text(max_size=40))
def test_any_close_gets_a_known_code(code: int, reason: str) -> None:
    assert OPENAI.error_of_close(code, reason).code in UPSTREAM_CODES
