"""The request for an ephemeral key: its body, and the models on offer."""

from datetime import date

from backend import catalogue
from backend.direct.key_request import client_secret_request, offered_models
from backend.upstream.providers.interface import SessionSettings, TurnDetection
from tests.upstream.equipment import OPENAI


def test_the_body_is_the_relays_session_with_the_model_and_an_expiry() -> None:
    settings = SessionSettings("Be kind.", "verse", "gpt-transcribe", TurnDetection())
    pcm = {"type": "audio/pcm", "rate": 24000}
    assert client_secret_request(OPENAI, settings, "gpt-realtime", 600) == {
        "expires_after": {"anchor": "created_at", "seconds": 600},
        "session": {
            "type": "realtime",
            "model": "gpt-realtime",
            "output_modalities": ["audio"],
            "instructions": "Be kind.",
            "audio": {
                "input": {
                    "format": pcm,
                    "transcription": {"model": "gpt-transcribe"},
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": 0.5,
                        "prefix_padding_ms": 300,
                        "silence_duration_ms": 500,
                        "create_response": True,
                        "interrupt_response": True,
                    },
                },
                "output": {"format": pcm, "voice": "verse"},
            },
            "tools": [],
        },
    }


def test_the_default_comes_first_and_once() -> None:
    models = offered_models("gpt-realtime-2.1", date(2026, 11, 28))
    assert models[0] == "gpt-realtime-2.1"
    assert sorted(models) == sorted(catalogue.REALTIME_MODELS)


def test_a_retired_model_is_not_offered() -> None:
    models = offered_models("gpt-realtime-2.1", date(2027, 1, 20))
    assert "gpt-realtime" not in models
    assert "gpt-realtime-2" in models


def test_a_default_that_the_catalogue_does_not_know_is_offered() -> None:
    assert offered_models("my-deployment", date(2026, 11, 28))[0] == "my-deployment"
