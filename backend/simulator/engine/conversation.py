"""PURE: the items of a conversation in their order, and what a client may put among them."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from backend.simulator.engine import token_usage
from backend.simulator.engine.effects import Event
from backend.simulator.engine.errors import Refused, invalid, missing
from backend.simulator.engine.validators import (
    Shape,
    by_type,
    free,
    list_of,
    one_of,
    or_null,
    record,
    short_text,
    text,
)

BYTES_PER_MS = 48
"""PCM16, mono, 24 kHz."""

PARTS_OF_ROLE: dict[str, tuple[str, ...]] = {
    "user": ("input_text", "input_audio"),
    "assistant": ("output_text",),
    "system": ("input_text",),
}
_PART_FIELDS: dict[str, Shape] = {
    "type": text,
    "text": text,
    "audio": text,
    "transcript": or_null(text),
}
_NEEDED_IN_PART = {"input_text": "text", "output_text": "text", "input_audio": "audio"}
_PART_SHAPES = {
    role: by_type({kind: record(_PART_FIELDS, needs=(_NEEDED_IN_PART[kind],)) for kind in kinds})
    for role, kinds in PARTS_OF_ROLE.items()
}
_ITEM_FIELDS: dict[str, Shape] = {
    "id": short_text(1, 32),
    "type": text,
    "object": one_of("realtime.item"),
    "status": one_of("completed", "incomplete", "in_progress"),
}
_ITEM_SHAPE = by_type(
    {
        "message": record(
            {**_ITEM_FIELDS, "role": one_of(*PARTS_OF_ROLE), "content": list_of(free)},
            needs=("role", "content"),
        ),
        "function_call": record(
            {**_ITEM_FIELDS, "call_id": text, "name": text, "arguments": text},
            needs=("name", "arguments"),
        ),
        "function_call_output": record(
            {**_ITEM_FIELDS, "call_id": text, "output": text}, needs=("call_id", "output")
        ),
    }
)


@dataclass(slots=True)
class Part:
    """One content part; `text` is the text or the transcript, None where there is none (yet)."""

    type: str
    text: str | None = None
    audio_ms: int = 0
    pcm: bytes = b""

    def as_event(self, *, with_audio: bool) -> Event:
        """The part as the protocol writes it; sound only where it was asked for."""
        if self.type in ("input_text", "output_text"):
            return {"type": self.type, "text": self.text or ""}
        shape: Event = {"type": self.type, "transcript": self.text}
        if with_audio:
            shape["audio"] = base64.b64encode(self.pcm).decode()
        return shape

    @property
    def tokens(self) -> token_usage.Tokens:
        if self.type == "input_audio":
            return token_usage.of_user_audio(self.audio_ms)
        if self.type == "output_audio":
            return token_usage.of_assistant_audio(self.audio_ms)
        return token_usage.of_text(self.text or "")


@dataclass(slots=True)
class Item:
    """A message, or a tool's item kept as it came (`opaque`).

    `said` is what the assistant said in it: it outlives a truncation, so that nothing is said
    twice.
    """

    id: str
    role: str
    parts: list[Part] = field(default_factory=list)
    status: str = "completed"
    said: str = ""
    opaque: Event | None = None

    def as_event(self, *, with_audio: bool = False) -> Event:
        """The item as the protocol writes it."""
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
        return token_usage.total(part.tokens for part in self.parts)


class Conversation:
    """Items in spoken order."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def last_id(self) -> str | None:
        """The id of the newest item."""
        return self._items[-1].id if self._items else None

    def find(self, item_id: object) -> Item | None:
        """The item with this id, if it is here."""
        return next((item for item in self._items if item.id == item_id), None)

    def put(self, item: Item, after: str | None) -> str | None:
        """Puts an item after another ("root": first, None: last); answers with the one before."""
        if after is None:
            place = len(self._items)
        elif after == "root":
            place = 0
        else:
            before = self.find(after)
            if before is None:
                raise Refused(
                    "item_create_invalid_previous_item_id",
                    "The previous item does not exist in this conversation.",
                    "previous_item_id",
                )
            place = self._items.index(before) + 1
        self._items.insert(place, item)
        return self.id_before(item)

    def id_before(self, item: Item) -> str | None:
        """The id of the item in front of this one."""
        place = self._items.index(item)
        return self._items[place - 1].id if place else None

    def remove(self, item: Item) -> None:
        """Takes an item out."""
        self._items.remove(item)

    def forget_old_sound(self, most_bytes: int) -> None:
        """Drops the oldest stored sound beyond `most_bytes`; texts and lengths stay."""
        held = 0
        for item in reversed(self._items):
            for part in item.parts:
                held += len(part.pcm)
                if held > most_bytes:
                    part.pcm = b""


def pcm_of(audio: str, param: str) -> bytes:
    """The sound in a base64 string. Raises Refused where it is none, or ends in half a sample."""
    try:
        pcm = binascii.a2b_base64(audio, strict_mode=True) if audio else b""
    except (binascii.Error, ValueError) as error:
        raise invalid(param, "base64-encoded audio bytes (mono PCM16 at 24kHz)") from error
    if len(pcm) % 2:
        raise invalid(param, "base64-encoded audio bytes (mono PCM16 at 24kHz)")
    return pcm


def _part_from_client(given: Event, role: str, param: str) -> Part:
    if given.get("type") == "output_audio":
        # What the provider answers: assistant sound cannot be replayed, only its text.
        raise missing(f"{param}.text")
    _PART_SHAPES[role](given, param)
    if given["type"] == "input_audio":
        pcm = pcm_of(given["audio"], f"{param}.audio")
        return Part("input_audio", given.get("transcript"), len(pcm) // BYTES_PER_MS, pcm)
    return Part(given["type"], given["text"])


def item_from_client(given: Any, new_id: str, param: str = "item") -> Item:
    """An item that a client wrote, by its own id or else `new_id`. Raises Refused.

    `param`: what the event calls it.
    """
    _ITEM_SHAPE(given, param)
    item_id = given.get("id", new_id)
    if given["type"] != "message":
        return Item(item_id, role="tool", opaque=dict(given))
    if not given["content"]:
        raise missing(f"{param}.content")
    role = given["role"]
    parts = [
        _part_from_client(part, role, f"{param}.content[{index}]")
        for index, part in enumerate(given["content"])
    ]
    said = " ".join(part.text or "" for part in parts) if role == "assistant" else ""
    return Item(item_id, role, parts, said=said)
