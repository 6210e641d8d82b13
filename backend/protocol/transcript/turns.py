"""A Turn: one utterance or message by one speaker, as a value."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


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


class Turn(NamedTuple):
    """One version of a turn; a later version with the same key replaces it.

    `item_id` and `content_index` are the key and never change, so storing a turn twice is harmless.
    `position` counts from 0 in spoken order within the call; a later event can move turns, and then
    each moved turn has a new version. `text` is everything that was said or generated. `heard_text`
    and `heard_ms` are set only where playback was cut off: the text that was heard (an estimate,
    cut to a whole word) and the milliseconds of audio that were played. `first_sound_ms` is set for
    a spoken answer: from the end of the user's speech, or from their typed message, to the first
    sound of the answer that the client was sent.

    A growing turn is made and compared twice a second, in half the time of a frozen dataclass.
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
    first_sound_ms: int | None = None
