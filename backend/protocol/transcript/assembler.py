"""The transcript of one call: provider events in any order in, turns out.

Laws:
1. The events of one item come in their order; across items no order is assumed. Whatever the order
   across items, the same events end in the same turns (except for their times).
2. Turns are in the order of `chain`. A turn is one content part of one message; function calls,
   system messages and replayed history make no turn and only link the chain.
3. A turn begins with its first word: noise, empty answers and speech that was never committed make
   none. Two kinds of user turns are kept without a text, because the user did speak: one whose
   transcription failed, and one whose transcription had not come in time, or when the call ended.
   Words that come later still count; an empty transcription that comes later does not.
4. A complete text (`.done`, a finished item, `response.done`, `completed`) replaces the streamed
   one. White space never replaces words, and after a truncation no shorter text does: the provider
   deletes the transcript of what it truncates, and we keep it.
5. What was generated is not what was heard. A truncated turn keeps its whole text and gets
   `heard_ms` and `heard_text`. Of several truncations the smallest counts, whenever it comes. A
   truncation at or after the end of the known audio means that all was heard. A call that ends
   during playback truncates it there, unless the client already did.
6. A deletion at the provider deletes no turn with words. A user's words stay. A spoken answer that
   is deleted was not heard, unless a truncation gives `heard_ms`. Without words it makes no turn.
7. An answer is completed when its item is. Other items have the end of their response: a cancelled
   or incomplete response interrupts them, a failed one fails them.
8. A repeated event counts once, audio and text deltas by their event id. Unknown and malformed
   events are ignored.
9. A character that is divided between two deltas is joined (`DeltaText`). A half of it that never
   gets its other half is dropped.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Protocol

from backend.protocol.events import ServerEvent
from backend.protocol.reading import (
    JsonObject,
    clean_text_at,
    int_at,
    mapping_at,
    mappings_at,
    text_at,
)
from backend.protocol.responses import ResponseLife, ResponseState
from backend.protocol.transcript.chain import ItemChain, Rank
from backend.protocol.transcript.heard import has_words
from backend.protocol.transcript.item import Item, Part
from backend.protocol.transcript.turns import Modality, Role, Turn, TurnStatus

_Key = tuple[str, int]
_PartOfItem = tuple[Item, int, Part]
"""A part of an item, with its index there."""
_NONE_CUT_OFF: Mapping[_Key, int] = {}
_IN_PROGRESS = TurnStatus.IN_PROGRESS
_MAX_AUDIO_MS = 24 * 3600 * 1000


class TextDelta(Protocol):
    """The fields of an event that appends to a turn's text (`protocol.frames.UpstreamFrame`)."""

    type: str
    event_id: str | None
    item_id: str | None
    response_id: str | None
    content_index: int
    delta: str


class TranscriptAssembler:
    """Assembles the turns of one call. Positions count from 0; times are the `at` of the events."""

    def __init__(self, past_item_ids: Sequence[str] = ()) -> None:
        """`past_item_ids` are items of earlier calls, in replayed order; they make no turns."""
        self._past = frozenset(past_item_ids)
        self._chain = ItemChain(past_item_ids)
        self._items: dict[str, Item] = {}
        self._responses = ResponseLife()
        self._is_finished = False
        self._touched: dict[str, Item] = {}
        """The items of which something came since `changed` was asked, by their id."""
        self._items_by_response: dict[str, list[Item]] = {}
        """The items of each response, by its id."""
        self._numbered_order: list[str] = []
        self._turn_count = 0
        """How many turns are numbered."""

    def feed(self, event: JsonObject, at: datetime) -> list[Turn]:
        """Apply one provider event. Returns the turns that are new, changed or moved, in spoken
        order. Audio deltas are ignored here: they come through `add_audio`.
        """
        event_type = event.get("type")
        reader = _READERS.get(event_type) if isinstance(event_type, str) else None
        if reader is not None:
            reader(self, event, at)
        return _sorted(self.changed(at))

    def add_delta(self, frame: TextDelta, at: datetime) -> None:
        """Append a delta of text (`TEXT_DELTAS`) by its frame's fields, without building its event.

        The turn that it changes is in the next `changed` or `feed`: a delta is followed by others.
        """
        event_id = frame.event_id or ""
        item = self._items.get(frame.item_id or "")
        if item is not None and item.response_id and item.role is not None:
            part = item.parts.get(frame.content_index)
            if part is not None and part.first_at is not None:
                # All but the first of an answer's part, without the calls below.
                self._touched[item.id] = item
                part.add_text(frame.delta, event_id)
                return
        self._append(
            frame.type,
            frame.item_id,
            frame.content_index,
            frame.response_id,
            frame.delta,
            event_id,
            at,
        )

    def add_audio(self, item_id: str, content_index: int, ms: float, event_id: str = "") -> bool:
        """Count an audio delta of an answer by its duration, so that its event is never built.

        Returns False for one that does not count (law 8): a repetition, audio after the end of the
        part's audio, audio of a replayed item. The next `feed` returns a turn that this changes.
        """
        item = self._items.get(item_id)
        part = None if item is None or item.role is None else item.parts.get(content_index)
        if item is not None and part is not None:
            # All but the first of a part, without the calls below.
            self._touched[item.id] = item
            return part.add_audio(ms, event_id)
        item = self._item(item_id)
        if item is None:
            return False
        part = self._part(item, content_index, Modality.VOICE, Role.ASSISTANT, None)
        return part.add_audio(ms, event_id)

    def estimate_audio(self, item_id: str, content_index: int, ms: float) -> None:
        """Take this as the duration of an answer's audio, of which no delta comes (WebRTC)."""
        item = self._items.get(item_id)
        if item is not None and (part := item.parts.get(content_index)) is not None:
            part.timing.audio_ms = ms
            self._touched[item_id] = item

    def give_up_transcript(self, item_id: str, at: datetime) -> list[Turn]:
        """The text of this committed speech has not come in time: it becomes a turn without one."""
        item = self._items.get(item_id)
        part = None if item is None else item.parts.get(0)
        if item is None or part is None or part.is_transcribed:
            return []
        part.is_given_up = True
        self._touched[item_id] = item
        return _sorted(self.changed(at))

    def changed(self, at: datetime) -> list[Turn]:
        """The turns that differ from the version that was returned last: those of which something
        came, in the order of their first change, then those that only moved.
        """
        order, touched = self._chain.order(), self._touched
        if not touched and order is self._numbered_order:
            return []
        self._touched = {}
        parts = [
            (item, index, part) for item in touched.values() for index, part in item.parts.items()
        ]
        moved = self._renumber(order, parts)
        parts += [each for each in moved if each[0].id not in touched]
        turns: list[Turn] = []
        for item, index, part in parts:
            status = self._status(item, part)
            if status is not _IN_PROGRESS:
                item.record_end(part, at)
            if part.position is not None:
                turn = item.turn(index, part.position, status)
                if turn != part.reported:
                    part.reported = turn
                    turns.append(turn)
        return turns

    def turns(self) -> list[Turn]:
        """Every turn of the call, in spoken order."""
        items = self._known(self._chain.order())
        return [
            item.turn(index, position, self._status(item, part))
            for position, (item, index, part) in enumerate(self._turn_parts(items))
        ]

    def item_ids(self) -> Collection[str]:
        """The ids of the items that events have described, replayed ones excepted."""
        return self._items.keys()

    def forget_past(self) -> None:
        """Release the replayed items, some 400 bytes each, when no event will name one any more.

        The turns keep their order. Only `feed` of truncations and `finish` may follow.
        """
        order = self._chain.order()
        self._chain = ItemChain([item_id for item_id in order if item_id not in self._past])
        self._past = frozenset()

    def finish(self, at: datetime, unheard: Mapping[_Key, int] = _NONE_CUT_OFF) -> list[Turn]:
        """End the call: turns in progress are interrupted. Later events are still applied.

        `unheard` are the spoken parts that the end cut off, each with the milliseconds that can
        have been heard. Where the client sent a truncation, that counts instead (law 5).
        """
        self._is_finished = True
        for (item_id, index), heard_ms in unheard.items():
            item = self._items.get(item_id)
            part = None if item is None or item.is_deleted else item.parts.get(index)
            if part is not None and part.heard_ms is None:
                part.truncate(heard_ms)
        self._touched.update(self._items)
        return _sorted(self.changed(at))

    # Text

    def _text_delta(self, event: JsonObject, at: datetime) -> None:
        self._append(
            event["type"],
            event.get("item_id"),
            int_at(event, "content_index"),
            text_at(event, "response_id"),
            text_at(event, "delta") or "",
            text_at(event, "event_id") or "",
            at,
        )

    def _append(
        self,
        event_type: str,
        item_id: object,
        content_index: int | None,
        response_id: str | None,
        delta: str,
        event_id: str,
        at: datetime,
    ) -> None:
        item = self._item(item_id)
        if item is None:
            return
        role, modality = _DELTAS[event_type]
        if response_id and not item.response_id and role is Role.ASSISTANT:
            self._join_response(item, response_id)
        part = None if item.role is None else item.parts.get(content_index or 0)
        if part is None or part.first_at is None:
            part = self._part(item, content_index, modality, role, at)
        part.add_text(delta, event_id)

    # The user's speech

    def _speech_started(self, event: JsonObject, at: datetime) -> None:
        if item := self._item(event.get("item_id")):
            item.speech_started_at = item.speech_started_at or at

    def _speech_stopped(self, event: JsonObject, at: datetime) -> None:
        if item := self._item(event.get("item_id")):
            item.speech_stopped_at = item.speech_stopped_at or at

    def _committed(self, event: JsonObject, at: datetime) -> None:
        if item := self._item(event.get("item_id")):
            self._part(item, 0, Modality.VOICE, Role.USER, at)
            self._place(item, event, Rank.COMMIT)

    def _transcription_done(self, event: JsonObject, at: datetime) -> None:
        if part := self._user_part(event, at):
            text = clean_text_at(event, "transcript")
            # The turn without a text is stored already.
            if (part.is_given_up or self._is_finished) and not has_words(text):
                return
            part.is_transcribed = True
            part.complete_text(text)

    def _transcription_failed(self, event: JsonObject, at: datetime) -> None:
        if part := self._user_part(event, at):
            part.is_failed = True

    # The answer

    def _response_created(self, event: JsonObject, at: datetime) -> None:
        self._responses.feed(event)

    def _response_done(self, event: JsonObject, at: datetime) -> None:
        self._responses.feed(event)
        response = mapping_at(event, "response")
        response_id = text_at(response, "id") or ""
        previous = ""
        for output_item in mappings_at(response, "output"):
            if item := self._read_item(output_item, at, is_final=True):
                self._join_response(item, response_id)
                if previous:
                    self._chain.place(item.id, previous, Rank.GUESS)
                previous = item.id
        for item in self._items_by_response.get(response_id, ()):
            self._touched[item.id] = item

    def _output_item(self, event: JsonObject, at: datetime) -> None:
        is_final = event.get("type") == ServerEvent.RESPONSE_OUTPUT_ITEM_DONE
        if item := self._read_item(mapping_at(event, "item"), at, is_final):
            self._join_response(item, text_at(event, "response_id"))

    def _content_part(self, event: JsonObject, at: datetime) -> None:
        content = mapping_at(event, "part")
        modality = _modality_of(content)
        part = self._answer_part(event, modality, at) if modality else None
        if part and event.get("type") == ServerEvent.RESPONSE_CONTENT_PART_DONE:
            part.complete_text(_text_of(content))

    def _text_done(self, event: JsonObject, at: datetime) -> None:
        if part := self._answer_part(event, Modality.TEXT, at):
            part.complete_text(clean_text_at(event, "text"))

    def _transcript_done(self, event: JsonObject, at: datetime) -> None:
        if part := self._answer_part(event, Modality.VOICE, at):
            part.complete_text(clean_text_at(event, "transcript"))

    def _audio_done(self, event: JsonObject, at: datetime) -> None:
        if part := self._answer_part(event, Modality.VOICE, at):
            part.complete_audio()

    # The conversation

    def _conversation_item(self, event: JsonObject, at: datetime) -> None:
        is_final = event.get("type") in _FINAL_ITEM_EVENTS
        if item := self._read_item(mapping_at(event, "item"), at, is_final):
            item.is_in_conversation = True
            self._place(item, event, Rank.ITEM)

    def _truncated(self, event: JsonObject, at: datetime) -> None:
        item, ms = self._item(event.get("item_id")), event.get("audio_end_ms")
        if item and isinstance(ms, int | float) and abs(ms) <= _MAX_AUDIO_MS:
            index = int_at(event, "content_index")
            part = self._part(item, index, Modality.VOICE, None, at)
            part.truncate(max(0, int(ms)))

    def _deleted(self, event: JsonObject, at: datetime) -> None:
        if item := self._item(event.get("item_id")):
            item.is_deleted = True
            self._chain.mark_deleted(item.id)

    # Shared by the readers

    def _item(self, item_id: object) -> Item | None:
        """The item of this id, made if it is new; None for a replayed item and for no valid id."""
        if not isinstance(item_id, str):
            return None
        item = self._items.get(item_id)
        if item is None:
            if not item_id or item_id in self._past:
                return None
            item = self._items[item_id] = Item(item_id)
            self._chain.add(item_id)
        self._touched[item_id] = item
        return item

    def _join_response(self, item: Item, response_id: str | None) -> None:
        """The item is one of this response, unless it is one of another or the id is missing."""
        if response_id and not item.response_id:
            item.response_id = response_id
            self._items_by_response.setdefault(response_id, []).append(item)

    def _part(
        self,
        item: Item,
        content_index: int | None,
        modality: Modality,
        role: Role | None,
        at: datetime | None,
    ) -> Part:
        """The part of this index, made if it is new. A missing or negative index is the first."""
        index = max(0, content_index or 0)
        item.role = item.role or role
        part = item.parts.get(index)
        if part is None:
            part = item.parts[index] = Part(modality)
        part.first_at = part.first_at or at
        return part

    def _user_part(self, event: JsonObject, at: datetime) -> Part | None:
        """The user's part that a transcription event is about."""
        if item := self._item(event.get("item_id")):
            index = int_at(event, "content_index")
            return self._part(item, index, Modality.VOICE, Role.USER, at)
        return None

    def _answer_part(self, event: JsonObject, modality: Modality, at: datetime) -> Part | None:
        """The part of an answer that a response event is about."""
        if item := self._item(event.get("item_id")):
            self._join_response(item, text_at(event, "response_id"))
            index = int_at(event, "content_index")
            return self._part(item, index, modality, Role.ASSISTANT, at)
        return None

    def _place(self, item: Item, event: JsonObject, rank: Rank) -> None:
        previous = event.get("previous_item_id", "")
        if previous is None or (isinstance(previous, str) and previous):
            self._chain.place(item.id, previous, rank)

    def _read_item(self, given: JsonObject, at: datetime, is_final: bool) -> Item | None:
        """Apply the item inside an event; `is_final` if its content is complete."""
        item = self._item(given.get("id"))
        if item is None:
            return None
        role, status = text_at(given, "role"), given.get("status")
        if given.get("type", "message") != "message" or (role and role not in _TURN_ROLES):
            item.is_message = False
            return item
        item.role = item.role or _TURN_ROLES.get(role or "")
        item.is_completed |= status == "completed"
        item.is_incomplete |= status == "incomplete"
        is_final = is_final or status != "in_progress"
        for index, content in enumerate(mappings_at(given, "content")):
            if modality := _modality_of(content):
                part = self._part(item, index, modality, None, at)
                text = _text_of(content)
                if is_final and has_words(text):
                    part.is_transcribed = True
                    part.complete_text(text)
        return item

    # Turns

    def _renumber(self, order: list[str], touched: Iterable[_PartOfItem]) -> list[_PartOfItem]:
        """Update the positions if the order or the set of turns changed; returns what moved."""
        if order is not self._numbered_order:
            self._numbered_order = order
            return self._number(self._known(order))
        begun_or_gone: set[str] = set()
        for item, _, part in touched:
            if self._is_turn(item, part) != (part.position is not None):
                begun_or_gone.add(item.id)
        return self._number(self._from_first_of(begun_or_gone)) if begun_or_gone else []

    def _from_first_of(self, item_ids: set[str]) -> Sequence[Item]:
        """The items from the first of these on. They are nearly always the last ones, so that a
        turn costs no more in a long call than in a short one.
        """
        order, start = self._numbered_order, len(self._numbered_order)
        while item_ids:
            start -= 1
            item_ids.discard(order[start])
        return self._known(order[start:])

    def _known(self, item_ids: Iterable[str]) -> Sequence[Item]:
        """Those of these items that events have described."""
        return [self._items[item_id] for item_id in item_ids if item_id in self._items]

    def _number(self, items: Sequence[Item]) -> list[_PartOfItem]:
        """Number the turns of these items, which are the call's last. Returns what moved."""
        numbered = sum(part.position is not None for item in items for part in item.parts.values())
        position = self._turn_count - numbered
        moved: list[_PartOfItem] = []
        for item in items:
            for index, part in _by_index(item.parts):
                was, part.position = part.position, None
                if self._is_turn(item, part):
                    part.position = position
                    position += 1
                    if was != part.position:
                        moved.append((item, index, part))
        self._turn_count = position
        return moved

    def _turn_parts(self, items: Iterable[Item]) -> Iterator[_PartOfItem]:
        """The item, index and part of every turn of these items, in their order."""
        for item in items:
            for index, part in _by_index(item.parts):
                if self._is_turn(item, part):
                    yield item, index, part

    def _is_turn(self, item: Item, part: Part) -> bool:
        is_elsewhere = not item.is_in_conversation and self._responses.is_out_of_band(
            item.response_id
        )
        return not is_elsewhere and item.is_turn(part, self._is_finished)

    def _status(self, item: Item, part: Part) -> TurnStatus:
        response_end = _RESPONSE_ENDS.get(self._responses.state_of(item.response_id))
        return item.status_of(part, response_end, self._is_finished)


def _by_index(parts: dict[int, Part]) -> Iterable[tuple[int, Part]]:
    return parts.items() if len(parts) < 2 else sorted(parts.items(), key=itemgetter(0))


def _sorted(turns: list[Turn]) -> list[Turn]:
    """These turns in spoken order."""
    return sorted(turns, key=_by_position) if len(turns) > 1 else turns


def _by_position(turn: Turn) -> int:
    return turn.position


def _modality_of(content: JsonObject) -> Modality | None:
    return _CONTENT_MODALITIES.get(text_at(content, "type") or "")


def _text_of(content: JsonObject) -> str:
    """The text of a content part: `text` of a written one, `transcript` of a spoken one."""
    return clean_text_at(content, "text") or clean_text_at(content, "transcript")


_DELTAS: Mapping[str, tuple[Role, Modality]] = {
    ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_DELTA: (Role.USER, Modality.VOICE),
    ServerEvent.RESPONSE_OUTPUT_TEXT_DELTA: (Role.ASSISTANT, Modality.TEXT),
    ServerEvent.RESPONSE_OUTPUT_AUDIO_TRANSCRIPT_DELTA: (Role.ASSISTANT, Modality.VOICE),
}
TEXT_DELTAS = frozenset(_DELTAS)
"""The event types that append to a turn's text."""

_TURN_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}

_CONTENT_MODALITIES = {
    "input_text": Modality.TEXT,
    "output_text": Modality.TEXT,
    "text": Modality.TEXT,
    "input_audio": Modality.VOICE,
    "output_audio": Modality.VOICE,
    "audio": Modality.VOICE,
}
"""The types of content parts with words. `response.content_part.*` say `text` and `audio`."""

_RESPONSE_ENDS = {
    ResponseState.COMPLETED: TurnStatus.COMPLETED,
    ResponseState.CANCELLED: TurnStatus.INTERRUPTED,
    ResponseState.INCOMPLETE: TurnStatus.INTERRUPTED,
    ResponseState.FAILED: TurnStatus.FAILED,
}

_FINAL_ITEM_EVENTS = frozenset(
    {ServerEvent.CONVERSATION_ITEM_DONE, ServerEvent.CONVERSATION_ITEM_RETRIEVED}
)

_Self = TranscriptAssembler

_READERS: dict[str, Callable[[TranscriptAssembler, JsonObject, datetime], None]] = {
    ServerEvent.INPUT_AUDIO_BUFFER_SPEECH_STARTED: _Self._speech_started,
    ServerEvent.INPUT_AUDIO_BUFFER_SPEECH_STOPPED: _Self._speech_stopped,
    ServerEvent.INPUT_AUDIO_BUFFER_COMMITTED: _Self._committed,
    ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_DELTA: _Self._text_delta,
    ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_COMPLETED: _Self._transcription_done,
    ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_FAILED: _Self._transcription_failed,
    ServerEvent.CONVERSATION_ITEM_ADDED: _Self._conversation_item,
    ServerEvent.CONVERSATION_ITEM_CREATED: _Self._conversation_item,
    ServerEvent.CONVERSATION_ITEM_DONE: _Self._conversation_item,
    ServerEvent.CONVERSATION_ITEM_RETRIEVED: _Self._conversation_item,
    ServerEvent.CONVERSATION_ITEM_TRUNCATED: _Self._truncated,
    ServerEvent.CONVERSATION_ITEM_DELETED: _Self._deleted,
    ServerEvent.RESPONSE_CREATED: _Self._response_created,
    ServerEvent.RESPONSE_OUTPUT_ITEM_ADDED: _Self._output_item,
    ServerEvent.RESPONSE_OUTPUT_ITEM_DONE: _Self._output_item,
    ServerEvent.RESPONSE_CONTENT_PART_ADDED: _Self._content_part,
    ServerEvent.RESPONSE_CONTENT_PART_DONE: _Self._content_part,
    ServerEvent.RESPONSE_OUTPUT_TEXT_DELTA: _Self._text_delta,
    ServerEvent.RESPONSE_OUTPUT_TEXT_DONE: _Self._text_done,
    ServerEvent.RESPONSE_OUTPUT_AUDIO_TRANSCRIPT_DELTA: _Self._text_delta,
    ServerEvent.RESPONSE_OUTPUT_AUDIO_TRANSCRIPT_DONE: _Self._transcript_done,
    ServerEvent.RESPONSE_OUTPUT_AUDIO_DONE: _Self._audio_done,
    ServerEvent.RESPONSE_DONE: _Self._response_done,
}
"""The reader of each event type. Every other type is ignored."""
READ_TYPES = frozenset(_READERS)
"""The event types that can change a turn."""
