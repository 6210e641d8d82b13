"""PURE: the conversation's items in order, and the parsing of items that a client creates."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from backend.simulator.engine import token_usage
from backend.simulator.engine.effects import Event
from backend.simulator.engine.errors import ClientEventError, invalid_value, missing_parameter
from backend.simulator.engine.validators import (
    Validator,
    any_object,
    by_type_field,
    list_of,
    nullable,
    object_of,
    one_of,
    string,
    string_of_length,
)

BYTES_PER_SAMPLE = 2
BYTES_PER_MS = 48
"""PCM16, mono, 24 kHz."""

PART_TYPES_BY_ROLE: dict[str, tuple[str, ...]] = {
    "user": ("input_text", "input_audio"),
    "assistant": ("output_text",),
    "system": ("input_text",),
}
_PART_FIELDS: dict[str, Validator] = {
    "type": string,
    "text": string,
    "audio": string,
    "transcript": nullable(string),
}
_REQUIRED_PART_FIELD = {"input_text": "text", "output_text": "text", "input_audio": "audio"}
_PART_VALIDATORS = {
    role: by_type_field(
        {type: object_of(_PART_FIELDS, required=(_REQUIRED_PART_FIELD[type],)) for type in types}
    )
    for role, types in PART_TYPES_BY_ROLE.items()
}
_ITEM_FIELDS: dict[str, Validator] = {
    "id": string_of_length(1, 32),
    "type": string,
    "object": one_of("realtime.item"),
    "status": one_of("completed", "incomplete", "in_progress"),
}
_ITEM_VALIDATOR = by_type_field(
    {
        "message": object_of(
            {
                **_ITEM_FIELDS,
                "role": one_of(*PART_TYPES_BY_ROLE),
                "content": list_of(any_object),
            },
            required=("role", "content"),
        ),
        "function_call": object_of(
            {**_ITEM_FIELDS, "call_id": string, "name": string, "arguments": string},
            required=("name", "arguments"),
        ),
        "function_call_output": object_of(
            {**_ITEM_FIELDS, "call_id": string, "output": string}, required=("call_id", "output")
        ),
    }
)


@dataclass(slots=True)
class Part:
    """One content part. `text` is its text or transcript; None if there is none, or none yet."""

    type: str
    text: str | None = None
    audio_ms: int = 0
    pcm: bytes = b""

    def as_event(self, *, with_audio: bool) -> Event:
        """The part in the protocol's JSON; `with_audio` includes the audio as base64."""
        if self.type in ("input_text", "output_text"):
            return {"type": self.type, "text": self.text or ""}
        part: Event = {"type": self.type, "transcript": self.text}
        if with_audio:
            part["audio"] = base64.b64encode(self.pcm).decode()
        return part

    @property
    def tokens(self) -> token_usage.Tokens:
        if self.type == "input_audio":
            return token_usage.user_audio_tokens(self.audio_ms)
        if self.type == "output_audio":
            return token_usage.assistant_audio_tokens(self.audio_ms)
        return token_usage.text_tokens(self.text or "")


@dataclass(slots=True)
class Item:
    """A message, or a function call or its output, whose JSON `opaque` keeps unchanged.

    `reply_text` is the assistant's whole text. It survives a truncation, so that the persona does
    not repeat itself.
    """

    id: str
    role: str
    parts: list[Part] = field(default_factory=list)
    status: str = "completed"
    reply_text: str = ""
    opaque: Event | None = None

    def as_event(self, *, with_audio: bool = False) -> Event:
        """The item in the protocol's JSON; `with_audio` includes the audio as base64."""
        if self.opaque is not None:
            return {**self.opaque, "id": self.id, "object": "realtime.item", "status": self.status}
        return {
            "id": self.id,
            "object": "realtime.item",
            "type": "message",
            "status": self.status,
            "role": self.role,
            "content": [part.as_event(with_audio=with_audio) for part in self.parts],
        }

    @property
    def tokens(self) -> token_usage.Tokens:
        return token_usage.sum_tokens(part.tokens for part in self.parts)


class Conversation:
    """The items in conversation order."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def last_id(self) -> str | None:
        """The id of the last item."""
        return self._items[-1].id if self._items else None

    def find(self, item_id: object) -> Item | None:
        """The item with this id, or None."""
        return next((item for item in self._items if item.id == item_id), None)

    def insert(self, item: Item, after: str | None) -> str | None:
        """Insert an item after the one with the id `after`; return the id of the one before it.

        `after`: "root" inserts it first, None last. Raises ClientEventError for an unknown id.
        """
        if after is None:
            index = len(self._items)
        elif after == "root":
            index = 0
        else:
            before = self.find(after)
            if before is None:
                raise ClientEventError(
                    "item_create_invalid_previous_item_id",
                    "The previous item does not exist in this conversation.",
                    "previous_item_id",
                )
            index = self._items.index(before) + 1
        self._items.insert(index, item)
        return self.id_before(item)

    def id_before(self, item: Item) -> str | None:
        """The id of the item before this one, or None for the first."""
        index = self._items.index(item)
        return self._items[index - 1].id if index else None

    def remove(self, item: Item) -> None:
        """Remove an item."""
        self._items.remove(item)

    def drop_old_audio(self, max_bytes: int) -> None:
        """Drop the oldest audio beyond `max_bytes`; texts and durations stay."""
        held = 0
        for item in reversed(self._items):
            for part in item.parts:
                held += len(part.pcm)
                if held > max_bytes:
                    part.pcm = b""


def decode_audio(audio: str, param: str) -> bytes:
    """Decode base64 to a piece of a PCM16 stream. Raises ClientEventError if it is invalid.

    The piece may end in half a sample: the stream is cut by bytes.
    """
    try:
        return binascii.a2b_base64(audio, strict_mode=True) if audio else b""
    except (binascii.Error, ValueError) as error:
        raise _invalid_audio(param) from error


def decode_pcm(audio: str, param: str) -> bytes:
    """Decode base64 to PCM16. Raises ClientEventError if it is invalid or ends in half a sample."""
    pcm = decode_audio(audio, param)
    if len(pcm) % BYTES_PER_SAMPLE:
        raise _invalid_audio(param)
    return pcm


def _invalid_audio(param: str) -> ClientEventError:
    return invalid_value(param, "base64-encoded audio bytes (mono PCM16 at 24kHz)")


def _part_from_client(given: Event, role: str, param: str) -> Part:
    if given.get("type") == "output_audio":
        # The provider's own error: assistant audio cannot be replayed, only its text.
        raise missing_parameter(f"{param}.text")
    _PART_VALIDATORS[role](given, param)
    if given["type"] == "input_audio":
        pcm = decode_pcm(given["audio"], f"{param}.audio")
        return Part("input_audio", given.get("transcript"), len(pcm) // BYTES_PER_MS, pcm)
    return Part(given["type"], given["text"])


def item_from_client(given: Any, new_id: str, param: str = "item") -> Item:
    """Parse an item that a client sent. Raises ClientEventError.

    `new_id` is its id if it names none; `param` is its path in the event, for errors.
    """
    _ITEM_VALIDATOR(given, param)
    item_id = given.get("id", new_id)
    if given["type"] != "message":
        return Item(item_id, role="tool", opaque=dict(given))
    if not given["content"]:
        raise missing_parameter(f"{param}.content")
    role = given["role"]
    parts = [
        _part_from_client(part, role, f"{param}.content[{index}]")
        for index, part in enumerate(given["content"])
    ]
    reply_text = " ".join(part.text or "" for part in parts) if role == "assistant" else ""
    return Item(item_id, role, parts, reply_text=reply_text)
