"""Makes turns and usages fit their columns, alike on SQLite and PostgreSQL, without losing words.

Ids, indexes and counts come from the provider or the client, which may send any string and any
integer. PostgreSQL refuses what is longer or larger than its column, and a refused turn is words
lost; SQLite keeps it. So every value is made to fit here, before either database sees it. What
fits is not changed, and making something fit twice is harmless.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backend.conversations.lifecycle import POSITIONS_PER_BLOCK
from backend.conversations.models import Turn as TurnRow
from backend.conversations.models import Usage as UsageRow
from backend.protocol import usage
from backend.protocol.reading import clean_text
from backend.protocol.transcript import turns

ID_CHARACTERS: int = min(
    TurnRow._meta.get_field("item_id").max_length or 0,
    UsageRow._meta.get_field("source_id").max_length or 0,
)
MODEL_CHARACTERS: int = UsageRow._meta.get_field("model").max_length or 0
MAX_CONTENT_INDEX = 2**15 - 1
MAX_POSITION = POSITIONS_PER_BLOCK - 1
MARK = "\ufffd"
"""Stands for a character that cannot be stored: NUL or half of a surrogate pair."""

_DIGEST_BYTES = 16
_HEAD_CHARACTERS = ID_CHARACTERS - 2 * _DIGEST_BYTES - 1
_COUNTS = (
    "text_in", "text_in_cached", "audio_in", "audio_in_cached", "image_in", "image_in_cached",
    "text_out", "audio_out",
)  # fmt: skip


def storable_id(given: str) -> str:
    """Return this id, or one of `ID_CHARACTERS` at most if it is too long or cannot be stored.

    The new id has the beginning of the given one and a digest of the whole: two ids that differ
    only where they were cut would otherwise be one row, and the words of one of them lost.
    """
    cleaned = clean_text(given, mark=MARK)
    if len(cleaned) <= ID_CHARACTERS and (cleaned == given or cleaned == clean_text(given)):
        return cleaned
    return _digested(given)


def storable_model(given: str) -> str:
    """Return this model's name, cut to its column. An answer's model is named by the provider."""
    return clean_text(given, mark=MARK)[:MODEL_CHARACTERS]


def storable_turn(turn: turns.Turn) -> turns.Turn:
    """Return this turn with an id, an index, a position and a text that the database can store.

    A content index that does not fit is put into the id. Positions that do not fit are all the last
    one of the block: such turns are in the order in which they were first written.
    """
    item_id, index = storable_id(turn.item_id), turn.content_index
    if not 0 <= index <= MAX_CONTENT_INDEX:
        item_id, index = _digested(f"{turn.item_id}#{index}"), 0
    fitting = {
        "item_id": item_id,
        "content_index": index,
        "text": clean_text(turn.text, mark=MARK),
        "position": _bounded(turn.position, MAX_POSITION),
        "heard_text": turn.heard_text and clean_text(turn.heard_text, mark=MARK),
        "heard_ms": _bounded_ms(turn.heard_ms),
        "first_sound_ms": _bounded_ms(turn.first_sound_ms),
    }
    changed = _changed(turn, fitting)
    return turn._replace(**changed) if changed else turn


def storable_usage(used: usage.Usage) -> usage.Usage:
    """Return this usage with ids and counts that the database can store."""
    fitting: dict[str, Any] = {
        name: _bounded(getattr(used, name), usage.MAX_COUNT) for name in _COUNTS
    }
    fitting["seconds"] = min(used.seconds, float(usage.MAX_COUNT)) if used.seconds > 0 else 0.0
    fitting["source_id"] = storable_id(used.source_id)
    fitting["item_id"] = storable_id(used.item_id)
    changed = _changed(used, fitting)
    return replace(used, **changed) if changed else used


def _changed(given: turns.Turn | usage.Usage, fitting: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the fitting values that are not the given ones: nearly always none."""
    return {name: value for name, value in fitting.items() if value != getattr(given, name)}


def _digested(given: str) -> str:
    # In UTF-16 a character and its two surrogates, which are the same id, have the same bytes.
    whole = given.encode("utf-16", "surrogatepass")
    digest = hashlib.blake2b(whole, digest_size=_DIGEST_BYTES).hexdigest()
    return f"{clean_text(given, mark=MARK)[:_HEAD_CHARACTERS]}~{digest}"


def _bounded_ms(ms: int | None) -> int | None:
    return None if ms is None else _bounded(ms, usage.MAX_COUNT)


def _bounded(number: int, most: int) -> int:
    return max(0, min(number, most))
