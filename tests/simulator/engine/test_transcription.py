"""The fields of a `POST /v1/audio/transcriptions` and its answer."""

import json
from typing import Any

import pytest
from openai.types.audio import Transcription

from backend.simulator.engine import transcription
from backend.simulator.engine.errors import ClientEventError
from backend.simulator.engine.transcription import parse_fields

MODEL = {"model": "gpt-transcribe"}


@pytest.mark.parametrize(
    ("fields", "language"),
    [
        ({}, "en"),
        ({"language": "ja"}, "ja"),
        ({"language": "JA-jp"}, "ja"),
        ({"language": "de"}, "en"),
        ({"languages[]": "ja"}, "ja"),
        ({"prompt": "受注"}, "ja"),
        ({"prompt": "受注", "language": "en"}, "en"),
    ],
)
def test_the_language_of_the_answer(fields: dict[str, str], language: str) -> None:
    assert parse_fields({**MODEL, **fields}, "clip.WAV").language == language


@pytest.mark.parametrize(
    ("changes", "filename", "code", "param"),
    [
        ({}, None, "missing_required_parameter", "file"),
        ({"model": ""}, "clip.wav", "missing_required_parameter", "model"),
        ({"model": "llama"}, "clip.wav", "model_not_found", "model"),
        ({}, "clip.txt", "unsupported_format", "file"),
        ({}, "wav.", "unsupported_format", "file"),
        ({"response_format": "srt"}, "clip.wav", "unsupported_value", "response_format"),
        ({"stream": "true"}, "clip.wav", "unsupported_value", "stream"),
    ],
)
def test_a_wrong_field_is_refused(
    changes: dict[str, str], filename: str | None, code: str, param: str
) -> None:
    with pytest.raises(ClientEventError) as caught:
        parse_fields({**MODEL, **changes}, filename)
    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize(("audio_ms", "seconds"), [(1_500, 1.5), (None, None)])
def test_the_answer_is_official(audio_ms: int | None, seconds: float | None) -> None:
    answer: Any = transcription.as_json("Hello.", audio_ms)
    read = Transcription.model_validate_json(json.dumps(answer))
    assert read.model_extra == {}
    assert read.text == "Hello."
    assert answer.get("usage", {}).get("seconds") == seconds
