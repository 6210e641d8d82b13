"""Tokens and seconds that the provider bills, read from the events that carry them.

Source: protocol section 6. Any count may be missing; a missing count is 0 tokens, a missing
`usage` is no Usage at all. Cached tokens are a subset of their modality's count.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

from backend.protocol.events import ServerEvent
from backend.protocol.reading import JsonObject, int_at, mapping_at, mappings_at, text_at

MAX_COUNT = 2**31 - 1
"""The largest count of one field, tokens or seconds: what a column of integers holds."""

AUDIO_IN_TOKENS_PER_S = 10
AUDIO_OUT_TOKENS_PER_S = 20
"""A user's and an assistant's audio (protocol section 6)."""
SPOKEN_TOKENS_PER_S = 3
"""The words of speech, for estimates: 150 words a minute, 1.3 tokens a word."""

# Plain strings: members of enums are slow to read.
_RESPONSE_DONE = ServerEvent.RESPONSE_DONE.value
_TRANSCRIBED = ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_COMPLETED.value


@dataclass(frozen=True, slots=True)
class Usage:
    """The bill for one response or one transcription, in tokens or in seconds of audio.

    `source_id` is the response's id or the transcribed item's id, so that a repeated event is
    counted once. `text_in` and the like include their `_cached` part. `is_estimated`: the provider
    has not sent these counts; its own replace them when they come. `item_id` is the message that a
    response made, empty if it made none or it is unknown; it is no part of the bill, so two usages
    that differ in it alone are equal.
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
    is_estimated: bool = False
    item_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class TextUsage(Usage):
    """The bill for one answer of the Responses API.

    `text_in_written` is the part of `text_in` that was written to the provider's prompt cache. It
    has a price of its own, which is in the stored cost; the count itself is not stored.
    """

    text_in_written: int = 0


def usage_of(event: JsonObject) -> Usage | None:
    """The Usage in this event; only `response.done` and a completed transcription have one.

    None also where `usage` is null, missing or `{}` (a response that was cancelled early, and some
    providers always), and where the event has no id to count it under.
    """
    event_type = event.get("type")
    if event_type == _RESPONSE_DONE:
        response = mapping_at(event, "response")
        usage = mapping_at(response, "usage")
        return _usage("response", response.get("id"), usage, _message_id(response))
    if event_type == _TRANSCRIBED:
        return _usage("transcription", event.get("item_id"), mapping_at(event, "usage"))
    return None


def _message_id(response: JsonObject) -> str:
    """The id of the response's last message; empty if it has none."""
    for item in reversed(mappings_at(response, "output")):
        if item.get("type") == "message":
            return text_at(item, "id") or ""
    return ""


def text_usage_of(response: JsonObject) -> TextUsage | None:
    """The usage in a `response` object of the Responses API; None where it has none, or no id."""
    usage, source_id = mapping_at(response, "usage"), response.get("id")
    if not usage or not isinstance(source_id, str) or not source_id:
        return None
    given = mapping_at(usage, "input_tokens_details")
    text_in = _count(usage, "input_tokens")
    cached = min(_count(given, "cached_tokens"), text_in)
    return TextUsage(
        source_id,
        "response",
        text_in=text_in,
        text_in_cached=cached,
        text_out=_count(usage, "output_tokens"),
        text_in_written=min(_count(given, "cache_write_tokens"), text_in - cached),
    )


def transcription_usage(source_id: str, usage: JsonObject) -> Usage | None:
    """The Usage of a transcription over REST, whose `usage` has the shape of the event's.

    None if `usage` is empty, as above.
    """
    return _usage("transcription", source_id, usage)


def _usage(
    kind: Literal["response", "transcription"],
    source_id: object,
    usage: JsonObject,
    item_id: str = "",
) -> Usage | None:
    if not usage or not isinstance(source_id, str) or not source_id:
        return None
    if usage.get("type") == "duration":
        return Usage(source_id, kind, seconds=_seconds(usage.get("seconds")), item_id=item_id)
    given = mapping_at(usage, "input_token_details")
    cached = mapping_at(given, "cached_tokens_details")
    produced = mapping_at(usage, "output_token_details")
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
        item_id=item_id,
    )


def _count(counts: JsonObject, name: str) -> int:
    count = int_at(counts, name) or 0
    return count if 0 <= count <= MAX_COUNT else max(0, min(count, MAX_COUNT))


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
        # Also because an integer may be larger than any float, and the sum of two floats infinite.
        return float(min(value, MAX_COUNT))
    return 0.0
