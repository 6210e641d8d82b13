"""The transcript of one call: fed the provider's events in any order, it answers with turns.

Laws:
1. Each item's own events keep their order; across items nothing is assumed. Whatever the order
   across items, the same events end in the same turns (their times apart).
2. Turns stand in the order of `chain`. A turn is one content part of one message; called functions,
   system messages and replayed history only hold the chain together.
3. A turn begins with its first word: noise, empty answers and speech that was never committed make
   none. Two turns of a user are kept without words: one whose transcription failed, and one whose
   transcription had not come when the call ended. Something was said there.
4. A text that is told whole (`.done`, a finished item, `response.done`, `completed`) replaces what
   streamed. Nothing blank replaces words, and after a truncation nothing shortens them: the
   provider forgets the transcript of what it truncates, we do not.
5. TurnWrite is not heard. A truncated turn keeps its text and gets `heard_ms` and `heard_text`; the
   smallest truncation counts, whenever it comes. That all was heard before a truncation can be seen
   only by the audio: then `heard_text` is the whole text. What the end of the call cut off, and no
   truncation did, counts as truncated there.
6. Deletion at the provider unsays nothing. A user's words stay. A spoken answer that is deleted
   was never heard, unless a truncation says how much was. Deleted without words, it vanishes.
7. An answer is completed when its item is; of the others in a response, cancelled and incomplete
   responses interrupt, and failed ones fail them.
8. What comes twice counts once; what is unknown or malformed is passed over.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from backend.protocol.audio import ms_of_base64
from backend.protocol.transcript.chain import ItemChain, Rank
from backend.protocol.transcript.heard import has_words
from backend.protocol.transcript.items import Item, Part
from backend.protocol.transcript.turns import Modality, Role, Turn, TurnStatus

_Event = Mapping[str, Any]
_Key = tuple[str, int]
_NOTHING: Mapping[_Key, int] = {}
_LONGEST_AUDIO_MS = 24 * 3600 * 1000


class TranscriptAssembler:
    """Assembles one call's turns. Positions count from 0; times are those passed in as `at`."""

    def __init__(self, past_item_ids: Sequence[str] = ()) -> None:
        """`past_item_ids` are earlier items, replayed in this order; they make no turns."""
        self._past = frozenset(past_item_ids)
        self._chain = ItemChain(past_item_ids)
        self._items: dict[str, Item] = {}
        self._response_ends: dict[str, TurnStatus] = {}
        self._out_of_band: set[str] = set()
        self._is_finished = False
        self._touched: dict[str, None] = {}
        self._walked: list[str] = []
        self._positions: dict[_Key, int] = {}
        self._told: dict[_Key, Turn] = {}

    def feed(self, event: _Event, at: datetime) -> list[Turn]:
        """Take one provider event; the turns that are new, changed or moved, in spoken order."""
        event_type = event.get("type")
        reader = _READERS.get(event_type) if isinstance(event_type, str) else None
        if reader is not None:
            reader(self, event, at)
        return self._news(at)

    def hear_audio(self, item_id: str, content_index: int, ms: float) -> None:
        """So many milliseconds of an answer's audio came; for those who do not feed its deltas."""
        if item := self._item(item_id):
            self._part(item, content_index, Modality.VOICE, Role.ASSISTANT, None).marks.hear(ms)

    def turns(self) -> list[Turn]:
        """Every turn of the call, in spoken order."""
        return [
            self._turn(item, index, position)
            for position, (item, index) in enumerate(self._spoken())
        ]

    def finish(self, at: datetime, unheard: Mapping[_Key, int] = _NOTHING) -> list[Turn]:
        """The call is over: what is in progress was interrupted. Late words are still taken.

        `unheard` are spoken parts that the end cut off, with the milliseconds that can have been
        heard of each; a truncation that was told says better what was heard.
        """
        self._is_finished = True
        for (item_id, index), heard_ms in unheard.items():
            item = self._items.get(item_id)
            part = None if item is None or item.deleted else item.parts.get(index)
            if part is not None and part.heard_ms is None:
                part.truncate(heard_ms)
        self._touched.update(dict.fromkeys(self._items))
        return self._news(at)

    # The user's side

    def _speech_started(self, event: _Event, at: datetime) -> None:
        if item := self._item(event.get("item_id")):
            item.speech_started_at = item.speech_started_at or at

    def _speech_stopped(self, event: _Event, at: datetime) -> None:
        if item := self._item(event.get("item_id")):
            item.speech_stopped_at = item.speech_stopped_at or at

    def _committed(self, event: _Event, at: datetime) -> None:
        if item := self._item(event.get("item_id")):
            self._part(item, 0, Modality.VOICE, Role.USER, at)
            self._place(item, event, Rank.COMMIT)

    def _transcription_streamed(self, event: _Event, at: datetime) -> None:
        if part := self._transcribed_part(event, at):
            part.stream(_clean(event.get("delta")), _word(event.get("event_id")))

    def _transcription_completed(self, event: _Event, at: datetime) -> None:
        if part := self._transcribed_part(event, at):
            part.transcribed = True
            part.settle(_clean(event.get("transcript")))

    def _transcription_failed(self, event: _Event, at: datetime) -> None:
        if part := self._transcribed_part(event, at):
            part.failed = True

    # The answer

    def _response_created(self, event: _Event, at: datetime) -> None:
        response = _mapping(event.get("response"))
        response_id = _word(response.get("id"))
        # Out of band: `RealtimeResponse` of the official SDK has null here, else a conversation.
        if response_id and response.get("conversation_id", response_id) is None:
            self._out_of_band.add(response_id)

    def _response_done(self, event: _Event, at: datetime) -> None:
        self._response_created(event, at)
        response = _mapping(event.get("response"))
        response_id = _word(response.get("id"))
        previous = ""
        for output_item in _mappings(response.get("output")):
            if item := self._read_item(output_item, at, is_final=True):
                item.response_id = item.response_id or response_id
                if previous:
                    self._chain.place(item.id, previous, Rank.GUESS)
                previous = item.id
        if response_id:
            # An end by a name that we do not know is an end.
            end = _RESPONSE_ENDS.get(_word(response.get("status")), TurnStatus.COMPLETED)
            self._response_ends.setdefault(response_id, end)
            for item in self._items.values():
                if item.response_id == response_id:
                    self._touched[item.id] = None

    def _output_item(self, event: _Event, at: datetime) -> None:
        is_final = event.get("type") == "response.output_item.done"
        if item := self._read_item(_mapping(event.get("item")), at, is_final):
            item.response_id = item.response_id or _word(event.get("response_id"))

    def _content_part(self, event: _Event, at: datetime) -> None:
        content = _mapping(event.get("part"))
        modality = _CONTENT_MODALITIES.get(_word(content.get("type")))
        part = self._answer_part(event, modality, at) if modality else None
        if part and event.get("type") == "response.content_part.done":
            part.settle(_words_of(content))

    def _text_streamed(self, event: _Event, at: datetime) -> None:
        if part := self._answer_part(event, Modality.TEXT, at):
            part.stream(_clean(event.get("delta")), _word(event.get("event_id")))

    def _text_done(self, event: _Event, at: datetime) -> None:
        if part := self._answer_part(event, Modality.TEXT, at):
            part.settle(_clean(event.get("text")))

    def _transcript_streamed(self, event: _Event, at: datetime) -> None:
        if part := self._answer_part(event, Modality.VOICE, at):
            part.stream(_clean(event.get("delta")), _word(event.get("event_id")))

    def _transcript_done(self, event: _Event, at: datetime) -> None:
        if part := self._answer_part(event, Modality.VOICE, at):
            part.settle(_clean(event.get("transcript")))

    def _audio_streamed(self, event: _Event, at: datetime) -> None:
        if part := self._answer_part(event, Modality.VOICE, at):
            part.hear(ms_of_base64(_word(event.get("delta"))), _word(event.get("event_id")))

    def _audio_done(self, event: _Event, at: datetime) -> None:
        if part := self._answer_part(event, Modality.VOICE, at):
            part.audio_event_ids = None

    # The conversation

    def _item_told(self, event: _Event, at: datetime) -> None:
        is_final = event.get("type") in ("conversation.item.done", "conversation.item.retrieved")
        if item := self._read_item(_mapping(event.get("item")), at, is_final):
            item.is_in_conversation = True
            self._place(item, event, Rank.ITEM)

    def _truncated(self, event: _Event, at: datetime) -> None:
        item, ms = self._item(event.get("item_id")), event.get("audio_end_ms")
        if item and isinstance(ms, int | float) and abs(ms) <= _LONGEST_AUDIO_MS:
            part = self._part(item, event.get("content_index"), Modality.VOICE, None, at)
            part.truncate(max(0, int(ms)))

    def _deleted(self, event: _Event, at: datetime) -> None:
        if item := self._item(event.get("item_id")):
            item.deleted = True
            self._chain.delete(item.id)

    # What the readers share

    def _item(self, item_id: object) -> Item | None:
        """The item of this id, new if need be; None for the past and for what is no id."""
        if not isinstance(item_id, str) or not item_id or item_id in self._past:
            return None
        self._touched[item_id] = None
        if item_id not in self._items:
            self._items[item_id] = Item(item_id)
            self._chain.see(item_id)
        return self._items[item_id]

    def _part(
        self,
        item: Item,
        content_index: object,
        modality: Modality,
        role: Role | None,
        at: datetime | None,
    ) -> Part:
        """The part of this index, new if need be. A missing index means the first."""
        index = content_index if type(content_index) is int and content_index > 0 else 0
        item.role = item.role or role
        part = item.parts.setdefault(index, Part(modality))
        part.first_at = part.first_at or at
        return part

    def _transcribed_part(self, event: _Event, at: datetime) -> Part | None:
        """The user's part that a transcription is about."""
        if item := self._item(event.get("item_id")):
            return self._part(item, event.get("content_index"), Modality.VOICE, Role.USER, at)
        return None

    def _answer_part(self, event: _Event, modality: Modality, at: datetime) -> Part | None:
        """The part that a response is writing."""
        if item := self._item(event.get("item_id")):
            item.response_id = item.response_id or _word(event.get("response_id"))
            return self._part(item, event.get("content_index"), modality, Role.ASSISTANT, at)
        return None

    def _place(self, item: Item, event: _Event, rank: Rank) -> None:
        previous = event.get("previous_item_id", "")
        if previous is None or (isinstance(previous, str) and previous):
            self._chain.place(item.id, previous, rank)

    def _read_item(self, given: _Event, at: datetime, is_final: bool) -> Item | None:
        """Take over what an event says of a whole item."""
        item = self._item(given.get("id"))
        if item is None:
            return None
        role = _word(given.get("role"))
        if given.get("type", "message") != "message" or (role and role not in _SPEAKERS):
            item.speaks = False
            return item
        item.role = item.role or _SPEAKERS.get(role)
        item.completed |= given.get("status") == "completed"
        item.incomplete |= given.get("status") == "incomplete"
        is_final = is_final or given.get("status") != "in_progress"
        for index, content in enumerate(_mappings(given.get("content"))):
            if modality := _CONTENT_MODALITIES.get(_word(content.get("type"))):
                part = self._part(item, index, modality, None, at)
                words = _words_of(content)
                if is_final and has_words(words):
                    part.transcribed = True
                    part.settle(words)
        return item

    # Turns

    def _news(self, at: datetime) -> list[Turn]:
        """The turns that differ from what was told before, now told."""
        touched, self._touched = self._touched, {}
        changed = self._rearrange(touched)
        for item in map(self._items.__getitem__, touched):
            for index, part in item.parts.items():
                if self._status(item, part) is not TurnStatus.IN_PROGRESS:
                    item.note_end(part, at)
                if (item.id, index) in self._positions:
                    changed.add((item.id, index))
        news: list[Turn] = []
        for key in sorted(changed, key=self._positions.__getitem__):
            turn = self._turn(self._items[key[0]], key[1], self._positions[key])
            if turn != self._told.get(key):
                self._told[key] = turn
                news.append(turn)
        return news

    def _rearrange(self, touched: Iterable[str]) -> set[_Key]:
        """Number the turns anew if need be; the keys of those whose position is another now."""
        walked = self._chain.order()
        if walked is self._walked and all(
            self._is_turn(item, part) == ((item.id, index) in self._positions)
            for item in map(self._items.__getitem__, touched)
            for index, part in item.parts.items()
        ):
            return set()
        before, self._walked = self._positions, walked
        spoken = ((item.id, index) for item, index in self._spoken())
        self._positions = {key: position for position, key in enumerate(spoken)}
        return {key for key, position in self._positions.items() if before.get(key) != position}

    def _spoken(self) -> Iterator[tuple[Item, int]]:
        """What makes a turn, in spoken order."""
        for item_id in self._chain.order():
            if item := self._items.get(item_id):
                for index, part in sorted(item.parts.items(), key=_by_index):
                    if self._is_turn(item, part):
                        yield item, index

    def _is_turn(self, item: Item, part: Part) -> bool:
        is_elsewhere = item.response_id in self._out_of_band and not item.is_in_conversation
        return not is_elsewhere and item.is_turn(part, self._is_finished)

    def _status(self, item: Item, part: Part) -> TurnStatus:
        return item.status_of(part, self._response_ends.get(item.response_id), self._is_finished)

    def _turn(self, item: Item, index: int, position: int) -> Turn:
        return item.turn(index, position, self._status(item, item.parts[index]))


def _words_of(content: _Event) -> str:
    """The words in a content part: a text has `text`, a sound `transcript`."""
    return _clean(content.get("text")) or _clean(content.get("transcript"))


def _by_index(numbered: tuple[int, Part]) -> int:
    return numbered[0]


def _mapping(value: object) -> _Event:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> list[_Event]:
    return [_mapping(member) for member in value] if isinstance(value, list) else []


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _clean(value: object) -> str:
    """A text that every database takes: without NUL, and with a mark for each lone surrogate."""
    text = _word(value)
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "")


_SPEAKERS = {"user": Role.USER, "assistant": Role.ASSISTANT}

_CONTENT_MODALITIES = {
    "input_text": Modality.TEXT,
    "output_text": Modality.TEXT,
    "text": Modality.TEXT,
    "input_audio": Modality.VOICE,
    "output_audio": Modality.VOICE,
    "audio": Modality.VOICE,
}
"""Content parts that hold words. `response.content_part.*` say `text` and `audio`."""

_RESPONSE_ENDS = {
    "completed": TurnStatus.COMPLETED,
    "cancelled": TurnStatus.INTERRUPTED,
    "incomplete": TurnStatus.INTERRUPTED,
    "failed": TurnStatus.FAILED,
}

_It = TranscriptAssembler

_READERS: dict[str, Callable[[TranscriptAssembler, _Event, datetime], None]] = {
    "input_audio_buffer.speech_started": _It._speech_started,
    "input_audio_buffer.speech_stopped": _It._speech_stopped,
    "input_audio_buffer.committed": _It._committed,
    "conversation.item.input_audio_transcription.delta": _It._transcription_streamed,
    "conversation.item.input_audio_transcription.completed": _It._transcription_completed,
    "conversation.item.input_audio_transcription.failed": _It._transcription_failed,
    "conversation.item.added": _It._item_told,
    "conversation.item.created": _It._item_told,
    "conversation.item.done": _It._item_told,
    "conversation.item.retrieved": _It._item_told,
    "conversation.item.truncated": _It._truncated,
    "conversation.item.deleted": _It._deleted,
    "response.created": _It._response_created,
    "response.output_item.added": _It._output_item,
    "response.output_item.done": _It._output_item,
    "response.content_part.added": _It._content_part,
    "response.content_part.done": _It._content_part,
    "response.output_text.delta": _It._text_streamed,
    "response.output_text.done": _It._text_done,
    "response.output_audio_transcript.delta": _It._transcript_streamed,
    "response.output_audio_transcript.done": _It._transcript_done,
    "response.output_audio.delta": _It._audio_streamed,
    "response.output_audio.done": _It._audio_done,
    "response.done": _It._response_done,
}
"""What is listened to, by event type. All else is passed over."""
