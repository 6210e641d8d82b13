"""Transcribes one recorded clip over the provider's REST API (`POST /audio/transcriptions`)."""

from dataclasses import dataclass
from typing import IO

import openai

from backend.protocol.errors import UpstreamFailed
from backend.protocol.provider_errors import opening_failure
from backend.protocol.reading import JsonObject, clean_text, mapping_at
from backend.upstream.providers.interface import Provider
from backend.upstream.rest import upstream_errors

_UNREADABLE_STATUSES = (400, 413, 415, 422)


class ClipUnreadable(Exception):
    """The provider cannot read the clip: the file is damaged, or is not what it claims to be."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip to transcribe. The provider takes the format from `name`, such as `clip.webm`."""

    name: str
    content_type: str
    file: IO[bytes]


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The words, without spaces at both ends, and the provider's `usage` object; {} without one."""

    text: str
    usage: JsonObject


async def transcribe(
    client: openai.AsyncOpenAI, provider: Provider, model: str, clip: Clip
) -> Transcribed:
    """Ask `model` for the words of the clip, which is read from its file in pieces.

    The text is empty if there is no speech. Raises ClipUnreadable, or an UpstreamError for
    anything else that the provider refuses or fails to do.
    """
    with upstream_errors(provider):
        try:
            answer = await client.audio.transcriptions.create(
                model=model,
                file=(clip.name, clip.file, clip.content_type),
                response_format="json",
            )
        except openai.APIStatusError as error:
            if _is_about_the_clip(error):
                raise ClipUnreadable from None
            raise
    # The SDK builds its answer without validation, so any field may be missing or of another type.
    given = mapping_at(answer.model_dump(warnings=False) if _is_answer(answer) else None)
    text = given.get("text")
    if not isinstance(text, str):
        raise UpstreamFailed("connection_broken")
    return Transcribed(clean_text(text).strip(), mapping_at(given, "usage"))


def _is_answer(answer: object) -> bool:
    """False for a body that is not JSON: the SDK then returns it as a string."""
    return isinstance(answer, openai.BaseModel)


def _is_about_the_clip(error: openai.APIStatusError) -> bool:
    """Whether the provider refused the file, and not the model or another parameter."""
    body = mapping_at(error.body)
    named = opening_failure(body)
    names_a_failure = named is not None and named[0] != "invalid_request_error"
    names_the_model = body.get("param") == "model"
    return error.status_code in _UNREADABLE_STATUSES and not (names_a_failure or names_the_model)
