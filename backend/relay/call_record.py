"""What is kept of a call: turns, usage and what was heard, from the provider's events. PURE.

Every word that is kept comes from the provider's events, through the assembler. No client is
needed: a WebRTC sideband or a REST reply feeds the same record. A client adds what only it can tell
or do: how much audio it was sent, that it typed or truncated, which replies it waits for.

A call may move to another connection to the provider (`relay.rotation`): its record goes on, with
an assembler for each connection, since every connection has a conversation of its own. The turns of
a later connection stand behind those of the earlier ones.

Each method returns what to save, in order. A turn that changed is saved at once; one that only
grows by deltas waits for `flush`.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backend.protocol.audio import ms_of_base64
from backend.protocol.events import ClientEvent, ServerEvent
from backend.protocol.frames import UpstreamFrame
from backend.protocol.reading import int_at, mapping_at, text_at
from backend.protocol.responses import ResponseLife, ResponseState
from backend.protocol.transcript import assembler
from backend.protocol.transcript.assembler import TranscriptAssembler
from backend.protocol.transcript.turns import Modality, Role, Turn, TurnStatus
from backend.relay import first_sound, pending_replies, usage_estimate
from backend.relay.effects import CountUsage, KeepTurn
from backend.relay.first_sound import FirstSound
from backend.relay.limits import DEFAULT_LIMITS, Limits
from backend.relay.output_buffer import OutputBuffer, spoken_ms
from backend.relay.pending_replies import PendingReplies, is_typed_message
from backend.relay.playback import PartKey, Playback
from backend.relay.usage_estimate import UsageMeter

Saved = KeepTurn | CountUsage

# Plain strings: members of enums are slow to read.
_RESPONSE_CREATED = ServerEvent.RESPONSE_CREATED.value
_RESPONSE_DONE = ServerEvent.RESPONSE_DONE.value
_COMMITTED = ServerEvent.INPUT_AUDIO_BUFFER_COMMITTED.value
_RESPONSE_EVENTS = frozenset({_RESPONSE_CREATED, _RESPONSE_DONE})

_SPEECH_EVENTS = frozenset(
    {
        ServerEvent.INPUT_AUDIO_BUFFER_COMMITTED,
        ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_COMPLETED,
        ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_FAILED,
    }
)
"""The beginning and the ends of the wait for a transcript."""

_READ_TYPES = _SPEECH_EVENTS.union(
    assembler.READ_TYPES,
    first_sound.READ_TYPES,
    pending_replies.READ_TYPES,
    usage_estimate.READ_TYPES,
)
"""The types of the provider's events that change a record, besides `response.…`."""

_KEPT_AFTER_THE_END = frozenset(
    {
        ServerEvent.CONVERSATION_ITEM_ADDED,
        ServerEvent.CONVERSATION_ITEM_DONE,
        ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_COMPLETED,
        ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_DELTA,
        ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_FAILED,
        ServerEvent.CONVERSATION_ITEM_TRUNCATED,
        ServerEvent.ERROR,
        ServerEvent.INPUT_AUDIO_BUFFER_COMMITTED,
    }
)
"""Events that still count after the end: the user's words, how much was heard, and that no reply
will come. A response that begins then is heard by nobody, so it makes no turn."""


class CallRecord:
    """One call's record.

    `past_item_ids` are replayed items, in order; they make no turns. `playback` is the client's, or
    an OutputBuffer where the audio does not pass through the relay (WebRTC); without one only
    truncations say what was heard.
    `limits` say how long a transcript and the end of a response are waited for. `context_tokens`
    are those of the instructions and of the past items.
    """

    def __init__(
        self,
        past_item_ids: Sequence[str] = (),
        playback: Playback | OutputBuffer | None = None,
        limits: Limits = DEFAULT_LIMITS,
        context_tokens: int = 0,
    ) -> None:
        self._assembler = TranscriptAssembler(past_item_ids)
        self._connection = _Connection(self._assembler, 0, 0)
        self._earlier: list[_Connection] = []
        self._connections_by_item: dict[str, _Connection] = {}
        self._unsaved: dict[PartKey, Turn] = {}
        self._responses = ResponseLife()
        self._pending_replies = PendingReplies()
        self._meter = UsageMeter(context_tokens)
        self._output = playback if isinstance(playback, OutputBuffer) else None
        self._playback = playback if isinstance(playback, Playback) else None
        self._first_sound = FirstSound(limits.answer_silence_s)
        self._limits = limits
        self._newest_response_id: str | None = None
        self._response_heard_s = 0.0
        self._committed_s: dict[str, float] = {}
        """When each piece of speech was committed whose transcript is waited for, by item id."""

    # What the provider sends

    def reads(self, event_type: str) -> bool:
        """Whether `add` of an event of this type can change or return anything. If not, the event
        need not be built.
        """
        return (
            event_type.startswith("response.")
            or event_type in _READ_TYPES
            or bool(self._unsaved)
            or self._output is not None
        )

    def add(self, event: Mapping[str, Any], at: datetime) -> list[Saved]:
        """Add one provider event other than an audio delta that `add_audio` was given."""
        event_type, at_s = text_at(event, "type") or "", at.timestamp()
        if event_type in pending_replies.READ_TYPES:
            self._pending_replies.add_provider_event(event)
        if event_type.startswith("response."):
            self._note_response(event, event_type, at_s)
        elif event_type in _SPEECH_EVENTS:
            self._note_speech(event, event_type, at_s)
        usage = self._meter.add(event, at_s)
        if self._output is not None:
            self._watch_output(self._output, event, at)
        elif event_type in first_sound.READ_TYPES:
            self._first_sound.add_provider_event(event, at_s)
        if event_type in assembler.READ_TYPES:
            # What the deltas before this event changed comes first.
            self._note(self._assembler.changed(at), self._connection)
            self._note(self._assembler.feed(event, at), self._connection)
        if event_type.endswith(".delta"):
            return []
        saved = self._take_unsaved()
        if usage is not None:
            saved.append(CountUsage(usage))
        elif event_type == _RESPONSE_DONE:
            saved += map(CountUsage, self._meter.overdue(-math.inf))
        return saved

    def add_delta(self, delta: UpstreamFrame, at: datetime) -> None:
        """Add a delta of text (`TEXT_DELTAS`) without its event; `flush` saves the turn."""
        if delta.type.startswith("response."):
            self._response_heard_s = at.timestamp()
            self._meter.add_delta(delta, self._response_heard_s)
        if self._output is not None:
            self._watch_output(self._output, delta.event, at)
        self._assembler.add_delta(delta, at)

    def add_audio(self, delta: UpstreamFrame, now_s: float) -> None:
        """Add an audio delta that goes to the client now; only its length is read."""
        self._response_heard_s = now_s
        if delta.item_id is None:
            return
        ms, event_id = ms_of_base64(delta.delta), delta.event_id or ""
        is_new = self._assembler.add_audio(delta.item_id, delta.content_index, ms, event_id)
        if not is_new:
            return
        self._meter.add_audio(delta.response_id, ms, now_s)
        key = (delta.item_id, delta.content_index)
        if self._output is not None:
            self._output.add(key, ms, delta.response_id)
        if self._playback is not None:
            if self._first_sound.is_awaited and not self._playback.sent_ms(key):
                self._first_sound.add_audio(key, now_s)
            self._playback.add(key, ms, now_s)

    def add_error(self, event: Mapping[str, Any]) -> None:
        """Add an `error` event: it may be the reply to something that the client sent."""
        self._pending_replies.add_provider_event(event)

    def add_after_end(self, event: Mapping[str, Any], at: datetime) -> list[Saved]:
        """Add an event that came after `finish`: only the user's words and costs still count."""
        event_type = text_at(event, "type")
        saved: list[Saved] = []
        if event_type in _RESPONSE_EVENTS:
            self._responses.feed(event)
            usage = self._meter.add(event, at.timestamp())
            saved += [] if usage is None else [CountUsage(usage)]
        elif event_type in _KEPT_AFTER_THE_END and not _is_of_the_assistant(event):
            saved += [*self.add(event, at), *self._take_unsaved()]
        return [*saved, *self._estimates()]

    # What the client sends

    def add_client_event(self, event: Mapping[str, Any], now_s: float) -> None:
        """Add a client's event that goes to the provider."""
        self._pending_replies.add_client_event(event)
        self._first_sound.add_client_event(event, now_s)
        if self._playback is None:
            return
        if event["type"] == ClientEvent.CONVERSATION_ITEM_TRUNCATE:
            self._playback.cut(now_s)
        elif event["type"] == ClientEvent.CONVERSATION_ITEM_CREATE:
            self._playback.cut_as_heard(now_s)

    # State

    @property
    def has_pending_replies(self) -> bool:
        """Whether the provider still has to send words of the user, or to decide about them."""
        return self._pending_replies.are_pending

    @property
    def awaits_transcript(self) -> bool:
        """Whether speech was committed whose transcript is waited for."""
        return bool(self._committed_s)

    @property
    def is_at_rest(self) -> bool:
        """Whether time changes nothing, once `flush` was called: nothing is waited for or played
        past the relay, and the usage of every response has come.
        """
        return not self._committed_s and self._output is None and self._meter.is_at_rest

    @property
    def has_active_response(self) -> bool:
        """Whether the provider is generating a response."""
        return self._responses.is_active

    def is_answering(self, now_s: float) -> bool:
        """Whether a response is being generated, or its audio cannot have been played yet.

        A response of which nothing comes any more is none, nor is one that another has followed:
        its end was lost.
        """
        playback = self._playback or self._output
        if playback is not None and playback.is_playing(now_s):
            return True
        return self.is_generating(now_s)

    def is_generating(self, now_s: float) -> bool:
        """Whether a response is being generated, as `is_answering` judges it."""
        active_id = self._responses.active_id
        if active_id is None or active_id != self._newest_response_id:
            return False
        return now_s - self._response_heard_s < self._limits.answer_silence_s

    def sent_ms(self, key: PartKey) -> float:
        """How many milliseconds of this part's audio the client was sent."""
        return 0.0 if self._playback is None else self._playback.sent_ms(key)

    # Several connections

    def end_connection(self, at: datetime, *, is_lost: bool) -> list[Saved]:
        """The call leaves this connection and goes on: turns in progress become interrupted.

        `is_lost`: the client stops its playback, so that audio which cannot have been played was
        not heard. Otherwise the playback goes on.
        """
        ended = self._connection
        unheard = self._unheard(at.timestamp()) if is_lost else {}
        self._note(ended.assembler.finish(at, unheard), ended)
        ended.assembler.forget_past()
        self._earlier.append(ended)
        for item_id in ended.assembler.item_ids():
            self._connections_by_item.setdefault(item_id, ended)
        if is_lost and self._playback is not None:
            self._playback.cut_as_heard(at.timestamp())
        self._responses = ResponseLife()
        self._pending_replies = PendingReplies()
        self._newest_response_id = None
        self._first_sound.forget()
        self._committed_s.clear()
        saved = [*self._take_unsaved(), *self._estimates()]
        self.begin_connection(())
        return saved

    def begin_connection(self, past_item_ids: Sequence[str], context_tokens: int = 0) -> None:
        """Events of the next connection follow, to which these items were replayed."""
        self._meter = UsageMeter(context_tokens)
        before = self._earlier[-1]
        self._assembler = TranscriptAssembler(past_item_ids)
        first_position = before.first_position + len(before.assembler.turns())
        self._connection = _Connection(self._assembler, before.number + 1, first_position)

    @property
    def earlier_item_ids(self) -> Collection[str]:
        """The items of the connections that the call has left."""
        return self._connections_by_item.keys()

    def truncate_earlier(self, truncate: Mapping[str, Any], at: datetime) -> list[Saved]:
        """Apply a client's truncation of an item of an earlier connection.

        The provider is not asked: the present connection has the item's text and no audio.
        """
        if self._playback is not None:
            self._playback.cut(at.timestamp())
        connection = self._connections_by_item[truncate["item_id"]]
        truncated = {**truncate, "type": ServerEvent.CONVERSATION_ITEM_TRUNCATED}
        self._note(connection.assembler.feed(truncated, at), connection)
        return self._take_unsaved()

    def knows_response(self, response_id: str) -> bool:
        """Whether this is a response of the present connection."""
        return self._responses.state_of(response_id) is not ResponseState.UNSEEN

    def turns(self) -> list[Turn]:
        """Every turn of the call so far, in spoken order."""
        return [
            self._in_call(turn, connection)
            for connection in (*self._earlier, self._connection)
            for turn in connection.assembler.turns()
        ]

    # What to save

    def flush(self, at: datetime) -> list[Saved]:
        """Return the turns that have changed and were not saved yet."""
        self._note(self._assembler.changed(at), self._connection)
        return self._take_unsaved()

    def _take_unsaved(self) -> list[Saved]:
        if not self._unsaved:
            return []
        saved: list[Saved] = [KeepTurn(turn) for turn in self._unsaved.values()]
        self._unsaved.clear()
        return saved

    def give_up_transcripts(self, at: datetime) -> None:
        """Speech whose transcript has not come in time becomes a turn without a text."""
        if not self._committed_s:
            return
        latest_s = at.timestamp() - self._limits.transcript_s
        late = [each for each, at_s in self._committed_s.items() if at_s <= latest_s]
        for item_id in late:
            del self._committed_s[item_id]
            self._pending_replies.give_up_transcript(item_id)
            given_up = self._assembler.give_up_transcript(item_id, at)
            self._note(given_up, self._connection)

    def cut_cleared(self, at: datetime) -> None:
        """Answers that were cut off become interrupted if the provider has not truncated them."""
        if self._output is not None:
            for key, heard_ms in self._output.overdue_cuts(at.timestamp()).items():
                self._truncate(key, heard_ms, at)

    def estimate_overdue(self, at: datetime) -> list[Saved]:
        """Estimate the usage of responses of which nothing comes any more."""
        latest_s = at.timestamp() - self._limits.answer_silence_s
        return [CountUsage(usage) for usage in self._meter.overdue(latest_s)]

    def finish(self, at: datetime) -> list[Saved]:
        """End the record: turns in progress become interrupted, and audio that cannot have been
        played was not heard. Usage that has not come is estimated. `add_after_end` still takes late
        words and usage.
        """
        unheard = self._unheard(at.timestamp())
        self._estimate_lengths(unheard)
        self._meter_unheard(unheard, at.timestamp())
        # An answer of the connection before may still be playing.
        for connection in (*self._earlier, self._connection):
            self._note(connection.assembler.finish(at, unheard), connection)
        return [*self._take_unsaved(), *self._estimates()]

    def _estimates(self) -> list[CountUsage]:
        return [CountUsage(usage) for usage in self._meter.rest()]

    def _note_response(self, event: Mapping[str, Any], event_type: str, at_s: float) -> None:
        self._response_heard_s = at_s
        if event_type in _RESPONSE_EVENTS:
            self._responses.feed(event)
        if event_type == _RESPONSE_CREATED:
            self._newest_response_id = self._responses.active_id

    def _note_speech(self, event: Mapping[str, Any], event_type: str, at_s: float) -> None:
        item_id = text_at(event, "item_id") or ""
        if event_type == _COMMITTED:
            self._committed_s.setdefault(item_id, at_s)
        else:
            self._committed_s.pop(item_id, None)

    def _note(self, turns: list[Turn], connection: "_Connection") -> None:
        for turn in turns:
            kept = self._in_call(turn, connection)
            self._unsaved[kept.item_id, kept.content_index] = kept

    def _in_call(self, turn: Turn, connection: "_Connection") -> Turn:
        """A connection's turn with its place in the call and its `first_sound_ms`.

        Should the provider give an id of an earlier connection to another item, the turn gets an id
        of its own, so that neither is lost.
        """
        waited_ms = self._first_sound.waited_ms((turn.item_id, turn.content_index))
        if waited_ms is not None:
            turn = turn._replace(first_sound_ms=waited_ms)
        if not connection.number:
            return turn
        item_id = turn.item_id
        if self._connections_by_item.get(item_id, connection) is not connection:
            item_id = f"{item_id}.{connection.number}"
        position = turn.position + connection.first_position
        return turn._replace(item_id=item_id, position=position)

    def _watch_output(self, output: OutputBuffer, event: Mapping[str, Any], at: datetime) -> None:
        """Add a provider event of a call whose audio and client events go past the relay."""
        event_type, now_s = text_at(event, "type"), at.timestamp()
        response_id = text_at(mapping_at(event, "response"), "id") or ""
        # The first sound of a spoken answer may come after its end.
        is_heard_later = event_type == _RESPONSE_DONE and output.speaks(response_id)
        if not is_heard_later:
            self._first_sound.add_provider_event(event, now_s)
        if (begun := output.add_event(event, now_s)) is not None and self._first_sound.is_awaited:
            self._first_sound.add_audio(begun, now_s)
            # The turn may have changed for the last time before it was heard.
            turns = self._assembler.turns()
            heard = [turn for turn in turns if (turn.item_id, turn.content_index) == begun]
            self._note(heard, self._connection)
        elif event_type == ServerEvent.CONVERSATION_ITEM_TRUNCATED:
            key = (text_at(event, "item_id") or "", int_at(event, "content_index") or 0)
            self._estimate_lengths([key])
        elif event_type == ServerEvent.CONVERSATION_ITEM_ADDED and is_typed_message(event):
            # The client's own event is not seen.
            typed = {"type": ClientEvent.CONVERSATION_ITEM_CREATE, "item": event["item"]}
            self._first_sound.add_client_event(typed, now_s)

    def _truncate(self, key: PartKey, heard_ms: int, at: datetime) -> None:
        """Only this much of the part was heard."""
        self._estimate_lengths([key])
        truncated = {
            "type": ServerEvent.CONVERSATION_ITEM_TRUNCATED,
            "item_id": key[0],
            "content_index": key[1],
            "audio_end_ms": heard_ms,
        }
        self._note(self._assembler.feed(truncated, at), self._connection)

    def _estimate_lengths(self, keys: Collection[PartKey]) -> None:
        """Estimate the audio of these parts from their words, where no audio delta has come.

        Which words were heard until an answer was cut off depends on how long it is.
        """
        if self._output is None or not keys:
            return
        for turn in self._assembler.turns():
            key = (turn.item_id, turn.content_index)
            if key in keys and not self._output.known_ms(key):
                self._assembler.estimate_audio(*key, spoken_ms(turn.text))

    def _meter_unheard(self, keys: Collection[PartKey], now_s: float) -> None:
        """Count the audio of these parts by their words, where no audio delta has come."""
        if self._output is None or not keys:
            return
        for turn in self._assembler.turns():
            key = (turn.item_id, turn.content_index)
            if key in keys and not self._output.known_ms(key):
                response_id = self._output.response_of(key)
                self._meter.add_audio(response_id, spoken_ms(turn.text), now_s)

    def _unheard(self, now_s: float) -> dict[PartKey, int]:
        """The spoken parts that were not heard to their end, with the milliseconds that were."""
        if self._output is not None:
            return self._output.unfinished(now_s)
        if self._playback is None:
            return {}
        without_audio = {
            (turn.item_id, turn.content_index): 0
            for turn in self._assembler.turns()
            if turn.role is Role.ASSISTANT
            and turn.modality is Modality.VOICE
            and turn.status in (TurnStatus.IN_PROGRESS, TurnStatus.INTERRUPTED)
            and not self._playback.sent_ms((turn.item_id, turn.content_index))
        }
        return without_audio | self._playback.unfinished(now_s)


@dataclass(frozen=True, slots=True)
class _Connection:
    """A connection's turns, of which the first has the position `first_position` in the call.

    `number` counts the connections from 0.
    """

    assembler: TranscriptAssembler
    number: int
    first_position: int


def _is_of_the_assistant(event: Mapping[str, Any]) -> bool:
    return mapping_at(event, "item").get("role") == "assistant"
