"""WebVTT: captions for the audio of a session's calls.

A cue starts at its turn's offset from the start of the call. The next call starts at the end of the
last cue, because hours of silence between calls are useless in a player; a NOTE marks the start of
each call. A turn without times or outside a call follows the last cue, for as long as it takes to
read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape
from uuid import UUID

from backend.conversations.exports.document import Document
from backend.conversations.exports.labels import Labels, labels_of, printable, utc
from backend.conversations.models import Session, Turn
from backend.conversations.reading import split_at_heard

MIN_CUE_MS = 1000
READING_MS_PER_CHARACTER = {Session.Language.ENGLISH: 60, Session.Language.JAPANESE: 200}
"""Usual speeds of subtitles: 17 characters of English or 5 of Japanese per second."""
MAX_READING_MS = 20_000


def render(document: Document) -> Iterator[str]:
    """Yield the captions, one piece per cue. A turn without text has no cue, save the user's speech
    that was not transcribed.
    """
    labels = labels_of(document.session)
    timeline = Timeline(
        {call.pk: call.started_at for call in document.calls},
        READING_MS_PER_CHARACTER[Session.Language(document.session.language)],
    )
    yield "WEBVTT\n"
    for turn in document.turns:
        words = _words(turn, labels)
        if not words:
            continue
        if (call_started_at := timeline.enter(turn)) is not None:
            yield f"\nNOTE {labels.call.format(time=utc(call_started_at))} UTC\n"
        start_ms, end_ms = timeline.place(turn)
        speaker = _markup(labels.speaker(turn, document.username)).replace("\n", " ")
        yield f"\n{timestamp(start_ms)} --> {timestamp(end_ms)}\n<v {speaker}>{words}</v>\n"


@dataclass(slots=True)
class Timeline:
    """Places turns, given in spoken order, on one timeline that starts at 0 ms."""

    call_starts: Mapping[UUID, datetime]
    reading_ms_per_character: int
    _call_id: UUID | None = field(default=None, init=False)
    _call_starts_ms: int = field(default=0, init=False)
    _last_start_ms: int = field(default=0, init=False)
    _end_ms: int = field(default=0, init=False)

    def enter(self, turn: Turn) -> datetime | None:
        """Go to this turn's call. Return the start of that call if the last turn was not in it."""
        if turn.call_id == self._call_id:
            return None
        self._call_id = turn.call_id
        self._call_starts_ms = self._last_start_ms = self._end_ms
        return self.call_starts.get(turn.call_id) if turn.call_id else None

    def place(self, turn: Turn) -> tuple[int, int]:
        """Return the cue's start and end in milliseconds. No cue starts before an earlier one.

        If playback was cut off, the cue ends with the part that was heard. Otherwise it is at least
        as long as it takes to read, because a provider generates an answer faster than it is
        spoken.
        """
        call_started_at = self.call_starts.get(turn.call_id) if turn.call_id else None
        start_ms = self._end_ms
        if call_started_at is not None and turn.started_at is not None:
            start_ms = self._call_starts_ms + _ms(turn.started_at - call_started_at)
        start_ms = max(start_ms, self._last_start_ms)
        end_ms = start_ms + max(MIN_CUE_MS, self._duration_ms(turn))
        self._last_start_ms = start_ms
        self._end_ms = max(self._end_ms, end_ms)
        return start_ms, end_ms

    def _duration_ms(self, turn: Turn) -> int:
        if turn.heard_ms is not None:
            return turn.heard_ms
        reading_ms = min(len(turn.text) * self.reading_ms_per_character, MAX_READING_MS)
        if turn.call_id is None or turn.started_at is None or turn.completed_at is None:
            return reading_ms
        return max(reading_ms, _ms(turn.completed_at - turn.started_at))


def timestamp(ms: int) -> str:
    """Format as `00:01:02.345`, with more than two digits for the hours if needed."""
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{ms:03}"


def _ms(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)


def _words(turn: Turn, labels: Labels) -> str:
    """The cue's text: the heard part, the rest in the class `unheard`, and the status mark."""
    heard, unheard = (_markup(part) for part in split_at_heard(turn.text, turn.heard_text))
    mark, note = labels.mark(turn), labels.note(turn)
    if not (heard or unheard or note):
        return ""
    parts = (
        heard,
        f"<i>{note}</i>" if note else "",
        f"<c.unheard>[{labels.not_heard}:] {unheard}</c>" if unheard else "",
        f"<i>[{mark}]</i>" if mark else "",
    )
    return "\n".join(part for part in parts if part)


def _markup(text: str) -> str:
    """Escape the text and drop empty lines: an empty line ends a cue, and `-->` is not allowed."""
    lines = (line.strip() for line in printable(text).split("\n"))
    return escape("\n".join(line for line in lines if line), quote=False)
