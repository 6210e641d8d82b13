"""One conversation item and its content parts: what was said in them, and where that stands.

The laws by number are those of `protocol.transcript.assembler`.
"""

from dataclasses import dataclass, field
from datetime import datetime

from backend.protocol.transcript.heard import AudioMarks, has_words, heard_text
from backend.protocol.transcript.turns import Modality, Role, Turn, TurnStatus


@dataclass(slots=True)
class Part:
    """One content part of a message: the text that streamed, and the whole text once it is told.

    `text_event_ids` and `audio_event_ids` are the deltas taken so far; None when no more are taken.
    """

    modality: Modality
    first_at: datetime | None = None
    ended_at: datetime | None = None
    streamed: str = ""
    whole: str = ""
    marks: AudioMarks = field(default_factory=AudioMarks)
    heard_ms: int | None = None
    transcribed: bool = False
    failed: bool = False
    text_event_ids: set[str] | None = field(default_factory=set)
    audio_event_ids: set[str] | None = field(default_factory=set)

    @property
    def text(self) -> str:
        """All that was said, as far as it is known."""
        return self.whole or self.streamed

    def stream(self, delta: str, event_id: str) -> None:
        """Take a delta of words, unless it came before or the whole text is known (laws 4, 8)."""
        if _is_new(self.text_event_ids, event_id):
            self.marks.stream(len(delta))
            self.streamed += delta

    def hear(self, ms: float, event_id: str) -> None:
        """Take a delta of audio, unless it came before or all audio has come (law 8)."""
        if _is_new(self.audio_event_ids, event_id):
            self.marks.hear(ms)

    def settle(self, whole: str) -> None:
        """Take the whole text (law 4)."""
        self.text_event_ids = None
        is_shortened = self.heard_ms is not None and self.text.startswith(whole)
        if has_words(whole) and not is_shortened:
            self.whole = whole

    def truncate(self, heard_ms: int) -> None:
        """Only this much was heard (law 5)."""
        self.heard_ms = heard_ms if self.heard_ms is None else min(heard_ms, self.heard_ms)


@dataclass(slots=True)
class Item:
    """One item of the conversation. `speaks` is off for what makes no turn."""

    id: str
    role: Role | None = None
    speaks: bool = True
    is_in_conversation: bool = False
    response_id: str = ""
    completed: bool = False
    incomplete: bool = False
    deleted: bool = False
    speech_started_at: datetime | None = None
    speech_stopped_at: datetime | None = None
    parts: dict[int, Part] = field(default_factory=dict)

    def is_turn(self, part: Part, is_finished: bool) -> bool:
        """Whether this part makes a turn, the call being over or not (laws 2, 3, 6)."""
        if self.role is None or not self.speaks:
            return False
        if has_words(part.text):
            return True
        is_lost = part.failed or (is_finished and not part.transcribed)
        return self._is_users_voice(part) and is_lost and not self.deleted

    def status_of(
        self, part: Part, response_end: TurnStatus | None, is_finished: bool
    ) -> TurnStatus:
        """How this part stands; `response_end` is how its response ended, if it did (5, 6, 7)."""
        if self.role is Role.USER:
            status = _users_status(part)
        elif part.modality is Modality.VOICE and (self.deleted or part.heard_ms is not None):
            status = TurnStatus.INTERRUPTED
        else:
            status = self._answers_status(response_end)
        if status is TurnStatus.IN_PROGRESS and (is_finished or self.deleted):
            return TurnStatus.INTERRUPTED
        return status

    def note_end(self, part: Part, at: datetime) -> None:
        """Remember when this part ended: a user's speech when it stopped, not when words came."""
        if part.ended_at is None:
            stopped_at = self.speech_stopped_at or part.first_at
            part.ended_at = stopped_at if self._is_users_voice(part) else at

    def turn(self, index: int, position: int, status: TurnStatus) -> Turn:
        """The turn that the part of this index makes."""
        part = self.parts[index]
        heard_ms = part.heard_ms
        if heard_ms is None and self.deleted:
            heard_ms = 0
        if self.role is Role.USER or part.modality is Modality.TEXT:
            heard_ms = None
        return Turn(
            item_id=self.id,
            content_index=index,
            role=self.role or Role.ASSISTANT,
            modality=part.modality,
            text=part.text,
            status=status,
            position=position,
            heard_text=None if heard_ms is None else heard_text(part.text, part.marks, heard_ms),
            heard_ms=heard_ms,
            started_at=self.speech_started_at or part.first_at,
            completed_at=part.ended_at,
        )

    def _is_users_voice(self, part: Part) -> bool:
        return self.role is Role.USER and part.modality is Modality.VOICE

    def _answers_status(self, response_end: TurnStatus | None) -> TurnStatus:
        if self.completed and not self.incomplete:
            return TurnStatus.COMPLETED
        if self.incomplete and response_end is not TurnStatus.FAILED:
            return TurnStatus.INTERRUPTED
        return response_end or TurnStatus.IN_PROGRESS


def _users_status(part: Part) -> TurnStatus:
    if part.modality is Modality.TEXT or part.transcribed:
        return TurnStatus.COMPLETED
    return TurnStatus.FAILED if part.failed else TurnStatus.IN_PROGRESS


def _is_new(event_ids: set[str] | None, event_id: str) -> bool:
    """Whether this delta is still wanted and did not come before; without an id it is new."""
    if event_ids is None or event_id in event_ids:
        return False
    if event_id:
        event_ids.add(event_id)
    return True
