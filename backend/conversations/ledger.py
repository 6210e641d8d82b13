"""Writes usages to the ledger (`models.Usage`): one row for each thing that was paid. Idempotent.

A row is found by its session, its source's id and its kind. A confirmed usage replaces an estimate
and is never replaced itself. Money is kept whatever happens to the conversation: the usage of a
session that is gone for good is stored without a session, with its user if they still exist.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import ceil
from uuid import UUID, uuid4

from django.contrib.auth.models import User

from backend import catalogue
from backend.configured_providers import priced_as
from backend.conversations.column_fitting import storable_model, storable_usage
from backend.conversations.models import Usage
from backend.conversations.session_locks import LockedSession
from backend.conversations.stored_cost import stored_cost
from backend.conversations.usage_rows import (
    COUNTS,
    UsageKey,
    UsageRow,
    insert_usages,
    stored_usages,
)
from backend.protocol import usage


@dataclass(frozen=True, slots=True)
class UsageWrite:
    """A usage to store, with the model that was really used.

    `user_id` is whose it is if its session is gone for good by then; else the session says it.
    """

    session_id: UUID
    call_id: UUID | None
    model: str
    usage: usage.Usage
    user_id: int | None = None


def counted_of(earlier: UsageWrite, later: UsageWrite) -> UsageWrite:
    """Which of two writes of one source counts: a confirmed usage before an estimate; of two
    estimates the later one, of two confirmed ones the first.
    """
    return later if earlier.usage.is_estimated else earlier


_FROM_USAGE = (*COUNTS, "item_id", "is_estimated")
_FROM_ROW = ("model", "cost_usd", "price_date")
"""What a correction changes."""


def write_usages(
    writes: Sequence[UsageWrite], sessions: Mapping[UUID, LockedSession], *, is_newest: bool
) -> tuple[tuple[str, Decimal | None], ...]:
    """Store these usages, in a transaction that has locked `sessions`: those that still exist.

    Returns the model and the cost of each, as `writing.Written.costs` has them. Unless `is_newest`,
    an estimate that is stored is replaced only by a confirmed usage.
    """
    if not writes:
        return ()
    given = _newest_by_key(writes, sessions)
    stored = stored_usages(given)
    new = [row for key, row in given.items() if key not in stored]
    insert_usages(new)
    costs = [(row.model, row.cost_usd) for row in new]
    corrections = {
        stored[key].pk: row
        for key, row in given.items()
        if key in stored and stored[key].is_estimated and (is_newest or not row.used.is_estimated)
    }
    if corrections:
        estimates = Usage.objects.in_bulk(list(corrections))
        costs += [_corrected(estimates[pk], row) for pk, row in corrections.items()]
    return tuple(costs)


def write_unowned(model: str, used: usage.Usage) -> None:
    """Store the usage of something that was made for everybody: without session and user."""
    insert_usages([_row(UsageWrite(uuid4(), None, model, storable_usage(used)), None)])


def _newest_by_key(
    writes: Sequence[UsageWrite], sessions: Mapping[UUID, LockedSession]
) -> dict[UsageKey, UsageRow]:
    """The row of each source, of the version that counts."""
    newest: dict[UsageKey, UsageWrite] = {}
    users = _existing_users(each.user_id for each in writes if each.session_id not in sessions)
    for each in writes:
        session = sessions.get(each.session_id)
        if session is not None:
            user_id: int | None = session.user_id
        else:
            user_id = each.user_id if each.user_id in users else None
        own = UsageWrite(
            each.session_id, each.call_id, each.model, storable_usage(each.usage), user_id
        )
        owner = user_id if session is None else session.pk
        key = (owner, own.usage.source_id, own.usage.kind)
        earlier = newest.get(key)
        newest[key] = own if earlier is None else counted_of(earlier, own)
    return {key: _row(each, sessions.get(each.session_id)) for key, each in newest.items()}


def _existing_users(ids: Iterable[int | None]) -> set[int]:
    """Which of these users exist. They cannot be deleted before the transaction ends."""
    wanted = {each for each in ids if each is not None}
    if not wanted:
        return set()
    locked = User.objects.select_for_update(no_key=True).filter(pk__in=wanted)
    return set(locked.order_by("pk").values_list("pk", flat=True))


def _corrected(stored: Usage, newer: UsageRow) -> tuple[str, Decimal | None]:
    """Replace an estimate. Returns the model and what the cost has grown by."""
    before_usd = stored.cost_usd or Decimal(0)
    for name in _FROM_USAGE:
        setattr(stored, name, getattr(newer.used, name))
    for name in _FROM_ROW:
        setattr(stored, name, getattr(newer, name))
    stored.save(update_fields=(*_FROM_USAGE, *_FROM_ROW))
    if newer.cost_usd is None:
        return newer.model, None
    return newer.model, max(newer.cost_usd - before_usd, Decimal(0))


def _in_the_models_unit(used: usage.Usage, model: str) -> usage.Usage:
    """An estimated transcription, which is in seconds, in tokens if its model is priced by them."""
    sold = catalogue.TRANSCRIPTION_MODELS.get(priced_as(model))
    is_by_tokens = sold is not None and sold.usd_per_minute is None
    if not (used.is_estimated and used.kind == "transcription" and is_by_tokens):
        return used
    audio_in = ceil(used.seconds * usage.AUDIO_IN_TOKENS_PER_S)
    text_out = ceil(used.seconds * usage.SPOKEN_TOKENS_PER_S)
    return replace(used, seconds=0.0, audio_in=audio_in, text_out=text_out)


def _row(each: UsageWrite, session: LockedSession | None) -> UsageRow:
    used = _in_the_models_unit(each.usage, each.model)
    cost_usd, price_date = stored_cost(used, each.model)
    return UsageRow(
        each.user_id,
        session and session.pk,
        each.call_id if session else None,
        used,
        storable_model(each.model),
        cost_usd,
        price_date,
    )
