"""A Turn: one finished utterance or message by one speaker, as a value."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Modality(StrEnum):
    TEXT = "text"
    VOICE = "voice"


class TurnStatus(StrEnum):
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker said, and where it stands in the call.

    `position` counts from 0 in spoken order within the call; a later event may move a turn, and
    then the moved turns are told again. `text` is all that was said or generated. `heard_text` and
    `heard_ms` are set only when playback was cut off: the part that was heard (an estimate, cut to
    a whole word) and the milliseconds of audio that were played. `item_id` and `content_index`
    identify the turn for good: telling it twice is harmless.
    """

    item_id: str
    content_index: int
    role: Role
    modality: Modality
    text: str
    status: TurnStatus
    position: int
    heard_text: str | None = None
    heard_ms: int | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
