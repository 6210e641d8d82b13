"""A session's transcript for people: who spoke, what was heard, where each call begins."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from backend.conversations.models import Call, Session, Turn
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
    call: Call | None
    """The call that begins with this turn, if one does."""
    is_untranscribed: bool


def read_transcript(session: Session) -> list[ReadTurn]:
    """All turns of the session in spoken order, in two queries."""
    return list(read_turns(session.turns.all(), session.calls.all(), session.user.get_username()))


def read_turns(turns: Iterable[Turn], calls: Iterable[Call], username: str) -> Iterator[ReadTurn]:
    """Turns in spoken order for display; `username` is the user's name in them."""
    by_id = {call.pk: call for call in calls}
    current: UUID | None = None
    names = {Role.USER: username, Role.ASSISTANT: "Assistant", Role.TOOL: "Tool"}
    for turn in turns:
        heard, unheard = split_at_heard(turn.text, turn.heard_text)
        yield ReadTurn(
            turn=turn,
            who=names[Role(turn.role)],
            side=turn.role,
            heard=heard,
            unheard=unheard,
            heard_s=None if turn.heard_ms is None else f"{turn.heard_ms / 1000:.1f}",
            call=by_id.get(turn.call_id) if turn.call_id and turn.call_id != current else None,
            is_untranscribed=is_untranscribed(turn),
        )
        current = turn.call_id


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
