"""One conversation item and its content parts: their text, their status and their turns.

The numbered laws are those of `protocol.transcript.assembler`.
"""

from dataclasses import dataclass, field
from datetime import datetime

from backend.protocol.delta_text import DeltaText
from backend.protocol.transcript.heard import TextTiming, has_words, heard_text
from backend.protocol.transcript.turns import Modality, Role, Turn, TurnStatus

# Members of enums are slow to read, and an event reads ten.
_USER, _TEXT, _VOICE = Role.USER, Modality.TEXT, Modality.VOICE
_IN_PROGRESS, _COMPLETED = TurnStatus.IN_PROGRESS, TurnStatus.COMPLETED
_INTERRUPTED, _FAILED = TurnStatus.INTERRUPTED, TurnStatus.FAILED


@dataclass(slots=True)
class Part:
    """One content part of a message.

    `streamed` is the text from deltas, joined by `deltas`; `final` is the text of a `.done` event
    or a finished item. `text_event_ids` and `audio_event_ids` are the ids of the deltas so far;
    None once the text or the audio is complete and no more deltas are accepted. `is_given_up`: the
    transcription has not come in time. `position` is that of the part's turn, None while it makes
    none, and `reported` the version of the turn that was returned last.
    """

    modality: Modality
    first_at: datetime | None = None
    ended_at: datetime | None = None
    deltas: DeltaText = field(default_factory=DeltaText)
    streamed: str = ""
    final: str = ""
    timing: TextTiming = field(default_factory=TextTiming)
    heard_ms: int | None = None
    is_transcribed: bool = False
    is_failed: bool = False
    is_given_up: bool = False
    text_event_ids: set[str] | None = field(default_factory=set)
    audio_event_ids: set[str] | None = field(default_factory=set)
    position: int | None = None
    reported: Turn | None = None

    @property
    def text(self) -> str:
        """The text as far as it is known."""
        return self.final or self.streamed

    def add_text(self, delta: str, event_id: str) -> None:
        """Append a delta, unless it is a repetition or the text is complete (laws 4, 8)."""
        if _take(self.text_event_ids, event_id):
            text = self.deltas.add(delta)
            self.timing.add_text(len(text))
            self.streamed += text

    def add_audio(self, ms: float, event_id: str) -> bool:
        """Count audio; returns False for a repetition and after the end of the audio (law 8)."""
        if not _take(self.audio_event_ids, event_id):
            return False
        self.timing.audio_ms += ms
        return True

    def complete_text(self, text: str) -> None:
        """Replace the deltas by the complete text; deltas are refused from now on (law 4)."""
        self.text_event_ids = None
        is_shortened = self.heard_ms is not None and self.text.startswith(text)
        if has_words(text) and not is_shortened:
            self.final = text

    def complete_audio(self) -> None:
        """Refuse audio from now on."""
        self.audio_event_ids = None

    def truncate(self, heard_ms: int) -> None:
        """Record that only `heard_ms` were heard; the smallest value counts (law 5)."""
        self.heard_ms = heard_ms if self.heard_ms is None else min(heard_ms, self.heard_ms)


@dataclass(slots=True)
class Item:
    """One item of the conversation. `is_message` is False for items that make no turn (law 2)."""

    id: str
    role: Role | None = None
    is_message: bool = True
    is_in_conversation: bool = False
    response_id: str = ""
    is_completed: bool = False
    is_incomplete: bool = False
    is_deleted: bool = False
    speech_started_at: datetime | None = None
    speech_stopped_at: datetime | None = None
    parts: dict[int, Part] = field(default_factory=dict)

    def is_turn(self, part: Part, is_finished: bool) -> bool:
        """Whether this part makes a turn; `is_finished` once the call has ended (laws 2, 3, 6)."""
        if self.role is None or not self.is_message:
            return False
        if has_words(part.text):
            return True
        if self.role is not _USER or part.modality is not _VOICE:
            return False
        is_late = part.is_given_up or is_finished
        is_lost = part.is_failed or (is_late and not part.is_transcribed)
        return is_lost and not self.is_deleted

    def status_of(
        self, part: Part, response_end: TurnStatus | None, is_finished: bool
    ) -> TurnStatus:
        """The status of this part. `response_end`: how its response ended, if it did (laws 5-7)."""
        if self.role is _USER:
            status = _user_status(part)
        elif part.modality is _VOICE and (self.is_deleted or part.heard_ms is not None):
            status = _INTERRUPTED
        elif self.is_completed and not self.is_incomplete:
            status = _COMPLETED
        elif self.is_incomplete and response_end is not _FAILED:
            status = _INTERRUPTED
        else:
            status = response_end or _IN_PROGRESS
        if status is _IN_PROGRESS and (is_finished or self.is_deleted):
            return _INTERRUPTED
        return status

    def record_end(self, part: Part, at: datetime) -> None:
        """Record when this part ended, once. A user's speech ended when it stopped, which is
        before its transcript comes.
        """
        if part.ended_at is None:
            is_speech = self.role is _USER and part.modality is _VOICE
            part.ended_at = (self.speech_stopped_at or part.first_at) if is_speech else at

    def turn(self, index: int, position: int, status: TurnStatus) -> Turn:
        """The turn that the part of this index makes."""
        part = self.parts[index]
        text, heard_ms = part.text, part.heard_ms
        if heard_ms is None and self.is_deleted:
            heard_ms = 0
        if self.role is _USER or part.modality is _TEXT:
            heard_ms = None
        # By position, which takes half the time of names.
        return Turn(
            self.id,
            index,
            self.role or Role.ASSISTANT,
            part.modality,
            text,
            status,
            position,
            None if heard_ms is None else heard_text(text, part.timing, heard_ms),
            heard_ms,
            self.speech_started_at or part.first_at,
            part.ended_at,
        )


def _user_status(part: Part) -> TurnStatus:
    if part.modality is _TEXT or part.is_transcribed:
        return _COMPLETED
    if part.is_failed:
        return _FAILED
    return _INTERRUPTED if part.is_given_up else _IN_PROGRESS


def _take(event_ids: set[str] | None, event_id: str) -> bool:
    """Record a delta's id; returns False if it came before or deltas are no longer accepted.

    A delta without an id is always new.
    """
    if event_ids is None or event_id in event_ids:
        return False
    if event_id:
        event_ids.add(event_id)
    return True
