"""The draft of one session: its rows so far, and the time that the conversation has reached.

Nothing is written here. Ids come from the same random numbers as everything else, so that one seed
makes the same rows again.
"""

import string
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from django.db.models import DateTimeField, Model

from backend import catalogue
from backend.conversations.lifecycle import POSITIONS_PER_BLOCK
from backend.conversations.models import DEFAULT_PROVIDER, Call, Reply, Session, Turn, Usage
from backend.conversations.stored_cost import stored_cost
from backend.demo_data.bills import Context
from backend.demo_data.people import Person
from backend.demo_data.proportions import Decks
from backend.demo_data.talk import Persona, Talk
from backend.protocol import usage
from backend.protocol.transcript.turns import Modality, Role, TurnStatus

_ID_LETTERS = string.ascii_letters + string.digits
_COUNTS = tuple(each.name for each in fields(usage.Usage))
_HAS_ITEM_ID = any(column.name == "item_id" for column in Usage._meta.concrete_fields)
"""Whether the ledger has the item of the turn that a response made."""
_VOICES = ("", "", *catalogue.VOICES[:4])
"""A third of the sessions have no voice of their own."""


@dataclass(slots=True)
class SessionRows:
    """A session and all of its rows, not stored yet."""

    session: Session
    calls: list[Call] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)

    def all(self) -> Iterator[Model]:
        """Every row."""
        yield self.session
        for rows in (self.calls, self.replies, self.turns, self.usages):
            yield from rows

    def move(self, by: timedelta) -> None:
        """Move all times."""
        for row in self.all() if by else ():
            for column in row._meta.concrete_fields:
                moment = getattr(row, column.attname)
                if isinstance(column, DateTimeField) and moment is not None:
                    setattr(row, column.attname, moment + by)


class Draft:
    """What `call_rows` and `exchange_rows` add to. They move `clock` forward."""

    def __init__(
        self,
        person: Person,
        user_id: int,
        start: datetime,
        decks: Decks,
        persona: Persona,
        dice: Random,
    ) -> None:
        self.dice = dice
        self.decks = decks
        self.language = person.language
        self.clock = start
        self.talk = Talk(persona, person.language, dice)
        self.context = Context(dice)
        self.model = decks.models.draw()
        self.chat_model = decks.chat_models.draw()
        self.transcription_model = decks.transcription_models.draw()
        session = Session(
            id=self.uuid(),
            user_id=user_id,
            language=person.language,
            voice=dice.choice(_VOICES),
            provider=DEFAULT_PROVIDER,
            model=self.model,
            next_position=0,
            created_at=start,
        )
        self.rows = SessionRows(session)

    def take_block(self) -> int:
        """Reserve positions for a call or a typed exchange. Returns the first one."""
        session = self.rows.session
        first_position = session.next_position
        session.next_position += POSITIONS_PER_BLOCK
        return first_position

    def add_turn(
        self,
        call: Call | None,
        role: Role,
        modality: Modality,
        text: str,
        *,
        position: int,
        started_at: datetime,
        item_id: str = "",
        status: TurnStatus = TurnStatus.COMPLETED,
    ) -> Turn:
        """Add a turn that is complete now."""
        turn = Turn(
            session=self.rows.session,
            call=call,
            item_id=item_id or self.id("item_"),
            role=role,
            modality=modality,
            text=text,
            status=status,
            position=position,
            started_at=started_at,
            completed_at=self.clock,
        )
        self.rows.turns.append(turn)
        return turn

    def add_usage(
        self,
        bill: usage.Usage,
        model: str,
        at: datetime,
        *,
        call: Call | None = None,
        item_id: str = "",
    ) -> None:
        """Add what the answer `item_id`, a transcription or a title cost, if its price is known."""
        cost_usd, price_date = stored_cost(bill, model)
        values: dict[str, object] = {name: getattr(bill, name) for name in _COUNTS}
        if _HAS_ITEM_ID:
            values["item_id"] = item_id
        self.rows.usages.append(
            Usage(
                user_id=self.rows.session.user_id,
                session=self.rows.session,
                call=call,
                model=model,
                cost_usd=cost_usd,
                price_date=price_date,
                created_at=at,
                **values,
            )
        )

    def wait(self, low_s: float, high_s: float) -> None:
        """Let some time pass."""
        self.clock += timedelta(seconds=self.dice.uniform(low_s, high_s))

    def id(self, prefix: str) -> str:
        """An id like the provider's."""
        return prefix + "".join(self.dice.choices(_ID_LETTERS, k=21))

    def uuid(self) -> UUID:
        """A random UUID."""
        return UUID(int=self.dice.getrandbits(128), version=4)
