"""Tokens and seconds that the provider bills, read from the events that carry them.

Source: protocol section 6. Every count may be missing; a missing count is 0 tokens, a missing
`usage` is no Usage at all. Cached tokens are a subset of their modality's count.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Usage:
    """What one response or one transcription cost, in tokens or in seconds of audio.

    `source_id` is the response's id or the transcribed item's id: counting twice is harmless.
    `model` is None where the event does not name it (the call knows).
    """

    source_id: str
    kind: Literal["response", "transcription"]
    text_in: int = 0
    text_in_cached: int = 0
    audio_in: int = 0
    audio_in_cached: int = 0
    image_in: int = 0
    image_in_cached: int = 0
    text_out: int = 0
    audio_out: int = 0
    seconds: float = 0.0


def usage_of(event: Mapping[str, Any]) -> Usage | None:
    """What this event bills; None for all but `response.done` and completed transcriptions.

    Also None where `usage` is null, missing or `{}` (a response that was cancelled early, and some
    providers always), or where nobody could tell what it belongs to.
    """
    match event.get("type"):
        case "response.done":
            response = _part(event, "response")
            return _tokens("response", response.get("id"), _part(response, "usage"))
        case "conversation.item.input_audio_transcription.completed":
            return _tokens("transcription", event.get("item_id"), _part(event, "usage"))
    return None


def _tokens(
    kind: Literal["response", "transcription"], source_id: object, usage: Mapping[str, Any]
) -> Usage | None:
    if not usage or not isinstance(source_id, str) or not source_id:
        return None
    if usage.get("type") == "duration":
        return Usage(source_id, kind, seconds=_seconds(usage.get("seconds")))
    given = _part(usage, "input_token_details")
    cached = _part(given, "cached_tokens_details")
    produced = _part(usage, "output_token_details")
    audio_in, image_in = _count(given, "audio_tokens"), _count(given, "image_tokens")
    audio_out = _count(produced, "audio_tokens")
    text_in = _count(given, "text_tokens")
    text_out = _count(produced, "text_tokens")
    return Usage(
        source_id,
        kind,
        # A total without details is text: a transcription's output has none, for instance.
        text_in=text_in if given else _count(usage, "input_tokens"),
        text_in_cached=min(_count(cached, "text_tokens"), text_in),
        audio_in=audio_in,
        audio_in_cached=min(_count(cached, "audio_tokens"), audio_in),
        image_in=image_in,
        image_in_cached=min(_count(cached, "image_tokens"), image_in),
        text_out=text_out if produced else _count(usage, "output_tokens"),
        audio_out=audio_out,
    )


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


_MOST = 2**31 - 1
"""What a column holds; sums of absurd counts must not become larger than any number can be."""


def _count(counts: Mapping[str, Any], name: str) -> int:
    count = counts.get(name)
    return min(count, _MOST) if type(count) is int and count > 0 else 0


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
        return float(value)
    return 0.0
