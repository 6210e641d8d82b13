"""PURE: one `POST /v1/audio/transcriptions`: checks its fields, and makes its answer.

The simulator decodes WAV (PCM16) only. For the other containers, and for speech that is none of its
phrases, the text is a sentence in the requested language that says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from backend.simulator.engine import token_usage
from backend.simulator.engine.effects import Event, Language
from backend.simulator.engine.errors import ClientEventError, missing_parameter
from backend.simulator.engine.text_response import require_known_model

_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_CANNOT_LISTEN: Final[dict[Language, str]] = {
    "en": "(the simulator cannot listen to {container})",
    "ja": "（シミュレーターは{container}を聞き取れません）",
}
_UNKNOWN_PHRASE: Final[dict[Language, str]] = {
    "en": "(the simulator does not know this phrase)",
    "ja": "（シミュレーターはこの文を知りません）",
}
_EXTENSIONS: Final = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
MIN_AUDIO_MS: Final = 100


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """A valid request. `language` is that of the answer."""

    model: str
    language: Language
    response_format: str


def parse_fields(fields: Mapping[str, str], filename: str | None) -> TranscriptionRequest:
    """Check the form's fields; `filename` is None if there is no file. Raises ClientEventError.

    A `language` that begins with "ja" is Japanese, any other is English. Without one it is Japanese
    if the `prompt` has Japanese letters.
    """
    if filename is None:
        raise missing_parameter("file")
    if not fields.get("model"):
        raise missing_parameter("model")
    model = fields["model"]
    require_known_model(model, f"The model `{model}` does not exist or you do not have access.")
    if filename.rpartition(".")[2].lower() not in _EXTENSIONS:
        formats = ", ".join(f"'{each}'" for each in _EXTENSIONS)
        raise ClientEventError(
            "unsupported_format", f"Invalid file format. Supported formats: [{formats}]", "file"
        )
    response_format = fields.get("response_format") or "json"
    if response_format not in ("json", "text"):
        raise ClientEventError(
            "unsupported_value",
            f"response_format '{response_format}' is not compatible with model '{model}'. Use "
            "'json' or 'text' instead.",
            "response_format",
        )
    if fields.get("stream", "false").lower() not in ("false", "0"):
        raise ClientEventError(
            "unsupported_value", "The simulator does not stream transcriptions.", "stream"
        )
    language = fields.get("language") or fields.get("languages[]") or ""
    is_japanese = (
        language.lower().startswith("ja")
        if language
        else _JAPANESE.search(fields.get("prompt", "")) is not None
    )
    return TranscriptionRequest(model, "ja" if is_japanese else "en", response_format)


def unreadable_audio() -> ClientEventError:
    """The file is no audio, or none that can be decoded."""
    return ClientEventError("invalid_value", "Audio file might be corrupted or unsupported", "file")


def audio_too_short() -> ClientEventError:
    """The audio has less than `MIN_AUDIO_MS`."""
    return ClientEventError(
        "audio_too_short",
        "Audio file is too short. Minimum audio length is 0.1 seconds.",
        "file",
    )


def text_for_container(container: str, language: Language) -> str:
    """The text in place of a transcript for a container that cannot be decoded."""
    return _CANNOT_LISTEN[language].format(container=container)


def text_for_unknown_phrase(language: Language) -> str:
    """The text in place of a transcript for speech that was not recognised."""
    return _UNKNOWN_PHRASE[language]


def as_json(text: str, audio_ms: int | None) -> Event:
    """The answer. It has a `usage` only if the duration is known."""
    if audio_ms is None:
        return {"text": text}
    return {"text": text, "usage": token_usage.transcription_usage(audio_ms)}
