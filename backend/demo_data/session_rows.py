"""Makes the rows of one session of the demo data. Writes nothing.

The rows obey the rules of real ones: each call and each typed exchange has a block of positions,
turns follow each other in time, and no turn of an ended call is in progress.
"""

from datetime import datetime, timedelta
from random import Random
from typing import Literal

from backend.conversations.lifecycle import LEASE
from backend.conversations.models import Call, Session
from backend.conversations.writing import shortened
from backend.demo_data.call_rows import add_call
from backend.demo_data.draft import Draft, SessionRows
from backend.demo_data.exchange_rows import add_exchange
from backend.demo_data.people import Person
from backend.demo_data.proportions import Decks
from backend.demo_data.questions import TITLES
from backend.demo_data.rhythm import back_into_the_past, pause_between_visits, session_start
from backend.demo_data.talk import Persona
from backend.protocol import usage
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Modality, Role

MAX_HIDDEN_FOR = timedelta(minutes=10)
"""A hidden session is deleted for good after an hour: it has to be there to be looked at."""
_TYPED_BLOCKS = (1, 1, 2, 3)
_MAX_TYPED = 12

Block = Literal["call", "exchange"]


def make_session(
    person: Person, user_id: int, now: datetime, decks: Decks, persona: Persona, dice: Random
) -> SessionRows:
    """A session of this person in the last 90 days. A hidden one was deleted minutes ago."""
    start = session_start(dice, now, person.utc_offset_h)
    draft = Draft(person, user_id, start, decks, persona, dice)
    draft.wait(2, 8)
    _add_blocks(draft)
    rows, session = draft.rows, draft.rows.session
    session.realtime_mode = any(turn.modality == Modality.VOICE for turn in rows.turns)
    session.updated_at = _last_write(rows)
    _add_title(draft, persona)
    end = session.updated_at
    fate = decks.fates.draw()
    if fate == "closed":
        end = session.closed_at = end + timedelta(minutes=dice.uniform(1, 30))
    rows.move(-back_into_the_past(end, now))
    if fate == "hidden":
        session.deleted_at = now - MAX_HIDDEN_FOR * dice.random()
    return rows


def _add_blocks(draft: Draft) -> None:
    previous: Call | None = None
    for number, block in enumerate(_blocks(draft)):
        if number:
            _pause(draft, previous, block)
        if block == "call":
            previous = add_call(draft, draft.decks.endings.draw())
        else:
            add_exchange(draft, draft.decks.replies.draw())
            previous = None


def _blocks(draft: Draft) -> list[Block]:
    """The session's calls and typed exchanges, in order."""
    kind, dice = draft.decks.kinds.draw(), draft.dice
    if kind == "empty":
        return []
    if kind == "text":
        return ["exchange"] * min(1 + int(dice.expovariate(0.3)), _MAX_TYPED)
    blocks: list[Block] = ["call"] * draft.decks.calls.draw()
    for _ in range(dice.choice(_TYPED_BLOCKS) if kind == "mixed" else 0):
        blocks.insert(dice.randint(0, len(blocks)), "exchange")
    return blocks


def _pause(draft: Draft, previous: Call | None, block: Block) -> None:
    """Let the time pass between two blocks. `previous` is the call before, if it was one."""
    if previous is not None and block == "call" and Ending(previous.ending).is_retryable:
        # The page connects again by itself: to a dead worker's session once the lease has expired.
        dead_s = LEASE.total_seconds() if previous.ending == Ending.INTERRUPTED else 0.0
        draft.wait(dead_s + 2, dead_s + 8)
    elif previous is None and draft.dice.random() < 0.85:
        draft.wait(10, 90)
    else:
        draft.clock += pause_between_visits(draft.dice)


def _last_write(rows: SessionRows) -> datetime:
    times = [turn.completed_at for turn in rows.turns] + [call.ended_at for call in rows.calls]
    return max(filter(None, times), default=rows.session.created_at)


def _add_title(draft: Draft, persona: Persona) -> None:
    """Add a title of any source, if the user has said something."""
    session = draft.rows.session
    users_turns = (turn for turn in draft.rows.turns if turn.role == Role.USER)
    first_words = next((turn.text for turn in users_turns if turn.text.strip()), "")
    if not first_words:
        return
    session.title_source = draft.decks.title_sources.draw()
    if session.title_source == Session.TitleSource.USER:
        session.title = draft.dice.choice(TITLES[draft.language])
    elif session.title_source == Session.TitleSource.MODEL:
        session.title = persona.title(first_words, draft.language)
        bill = usage.Usage(draft.id("resp_"), "response", text_in=260, text_out=9)
        draft.add_usage(bill, draft.chat_model, session.updated_at)
    else:
        session.title = shortened(first_words)
