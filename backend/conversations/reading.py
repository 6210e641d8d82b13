"""A session's transcript for people: who spoke, and what was heard of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Q

from backend.bilingual import bilingual
from backend.conversations.models import Session, Turn
from backend.protocol.transcript.turns import Modality, Role, TurnStatus


@dataclass(frozen=True, slots=True)
class ReadTurn:
    """A turn for display. `unheard` is the text generated after the user had interrupted."""

    turn: Turn
    who: str
    side: str
    heard: str
    unheard: str
    heard_s: str | None
    """Seconds of audio played, to a tenth; None if all of it was heard."""
    is_untranscribed: bool


def read_transcript(session: Session) -> list[ReadTurn]:
    """All turns of the session in spoken order, in one query."""
    return list(read_turns(session.turns.all(), session.user.get_username()))


def read_turns(turns: Iterable[Turn], username: str) -> Iterator[ReadTurn]:
    """Turns in spoken order for display; `username` is the user's name in them."""
    names = {
        Role.USER: username,
        Role.ASSISTANT: bilingual("Assistant", "アシスタント"),
        Role.TOOL: bilingual("Tool", "ツール"),
    }
    for turn in turns:
        heard, unheard = split_at_heard(turn.text, turn.heard_text)
        yield ReadTurn(
            turn=turn,
            who=names[Role(turn.role)],
            side=turn.role,
            heard=heard,
            unheard=unheard,
            heard_s=None if turn.heard_ms is None else f"{turn.heard_ms / 1000:.1f}",
            is_untranscribed=is_untranscribed(turn),
        )


UNTRANSCRIBED = Q(
    role=Role.USER,
    modality=Modality.VOICE,
    status__in=(TurnStatus.FAILED, TurnStatus.INTERRUPTED),
    text="",
)
"""The condition of `is_untranscribed` for a query. Transcripts of spaces only are not stored."""


def is_untranscribed(turn: Turn) -> bool:
    """Whether the user spoke this and no text of it came: its transcription failed (then its status
    is `failed`), or never came (`interrupted`). The page's rule is `isNotTranscribed`.
    """
    is_speech = turn.role == Role.USER and turn.modality == Modality.VOICE
    is_lost = turn.status in (TurnStatus.FAILED, TurnStatus.INTERRUPTED)
    return is_speech and is_lost and not turn.text.strip()


def split_at_heard(text: str, heard_text: str | None) -> tuple[str, str]:
    """Split a text into its heard and its unheard part. If `heard_text` is None, all was heard.

    A heard text that is not the beginning of the text cannot be split off: then it is returned as
    the heard part, and the whole text as the unheard one.
    """
    if heard_text is None:
        return text, ""
    if text.startswith(heard_text):
        return heard_text, text[len(heard_text) :]
    return heard_text, text
