"""The request for an ephemeral key: its body."""

from backend.direct.key_request import client_secret_request
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
