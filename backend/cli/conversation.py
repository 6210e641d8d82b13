"""One conversation in a terminal: what is received and typed goes in, effects come out. Pure.

It decides which frames are sent, what is played and cut off, and which turns are final. It follows
`frontend/call/turn-taking.js`: at most one response is requested at a time, and each has one owner.
The server creates the responses to speech, this object those to typed messages, after the running
response has ended (the provider refuses a second one).
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from backend.cli.effects import (
    Answered,
    Cut,
    CutSound,
    Effect,
    EndSound,
    Finished,
    Notice,
    PartKey,
    Play,
    Send,
)
from backend.protocol.audio import ms_of_bytes
from backend.protocol.events import ClientEvent, ServerEvent
from backend.protocol.provider_errors import PROVIDER_ERRORS
from backend.protocol.reading import JsonObject, int_at, mapping_at, text_at
from backend.protocol.transcript.assembler import TranscriptAssembler
from backend.protocol.transcript.turns import Modality, Role, Turn, TurnStatus
from backend.protocol.usage import usage_of

TRANSCRIPT_TIMEOUT_S = 20.0
"""How long the text of speech is waited for, as in the relay (`relay.limits`)."""
ANSWER_SILENCE_S = 20.0
"""An answer of which nothing has come for so long is given up, as in the relay."""

State = Literal["connecting", "listening", "hearing_you", "thinking", "speaking", "reconnecting"]


@dataclass(slots=True)
class _Response:
    """The running response. `id` is empty where it is unknown."""

    id: str
    is_cancelled: bool = False


@dataclass(slots=True)
class _SoundPart:
    """A part whose sound is being received."""

    response_id: str
    left_over: bytes = b""
    event_ids: set[str] = field(default_factory=set)


class Conversation:
    """The state of one conversation over all of its connections.

    `new_id` returns a fresh id of at most 32 letters, digits, `_` or `-`. Without `has_speaker`
    no sound is played, and answers to typed messages are requested as text.
    """

    def __init__(self, new_id: Callable[[], str], *, has_speaker: bool) -> None:
        self._new_id = new_id
        self._has_speaker = has_speaker
        self._at = datetime.fromtimestamp(0, UTC)
        self._connection = 0
        self._assembler = TranscriptAssembler()
        self._turns: dict[tuple[int, PartKey], Turn] = {}
        self._finished: set[tuple[int, PartKey]] = set()
        self._is_open = False
        self._was_open = False
        self._is_user_speaking = False
        self._response: _Response | None = None
        self._heard_of_response_at: datetime | None = None
        self._request_id = ""
        self._cancels_when_created = False
        self._must_request = False
        self._is_covered_by_speech = False
        self._is_speech_answer_due = False
        self._unconfirmed: dict[str, str] = {}
        self._awaited_transcripts: dict[str, datetime] = {}
        self._receiving: dict[PartKey, _SoundPart] = {}
        self._ended_parts: set[PartKey] = set()
        self._sounding: dict[PartKey, None] = {}
        self._cut_items: set[str] = set()
        self._cancelled_responses: set[str] = set()
        self._unconfirmed_cuts: dict[PartKey, int] = {}
        self.has_heard_speech = self.has_typed = False

    # What the person does

    def type(self, text: str) -> list[Effect]:
        """Send a typed message; it interrupts the answer."""
        item_id = self._new_id()
        self._unconfirmed[item_id] = text
        self._must_request = self.has_typed = True
        if not self._is_open:
            return [CutSound()]
        effects: list[Effect] = [CutSound(), self._item(item_id, text)]
        if self._is_user_speaking:
            # The server will respond to the speech, and to this message with it.
            self._must_request = False
            self._is_covered_by_speech = True
        elif self._response is None and not self._request_id:
            effects.append(self._request())
        else:
            effects.extend(self._cancel())
        return effects

    def cut(self, cuts: Sequence[Cut]) -> list[Effect]:
        """The loudspeaker was stopped: tell the server what was heard.

        A part that was heard whole needs no frame; truncating it would delete its transcript.
        """
        effects: list[Effect] = []
        for each in cuts:
            self._cut_items.add(each.part.item_id)
            self._sounding.pop(each.part, None)
            if each.was_all_heard:
                continue
            if not self._is_open:
                self._truncate_here(each.part, each.heard_ms)
                continue
            self._unconfirmed_cuts[each.part] = each.heard_ms
            effects.append(
                self._frame(
                    ClientEvent.CONVERSATION_ITEM_TRUNCATE,
                    item_id=each.part.item_id,
                    content_index=each.part.content_index,
                    audio_end_ms=each.heard_ms,
                )
            )
        return [*effects, *self._take_finished()]

    def sound_over(self, part: PartKey) -> list[Effect]:
        """This part was played to its end."""
        self._sounding.pop(part, None)
        return self._take_finished()

    # What the connection does

    def opened(self) -> list[Effect]:
        """The call is ready. Messages that were lost on the way are sent again."""
        if self._was_open:
            self._begin_connection()
        self._is_open = self._was_open = True
        return [*self._take_finished(), *self._send_again()]

    def _send_again(self) -> list[Effect]:
        items: list[Effect] = [self._item(*message) for message in self._unconfirmed.items()]
        return [*items, self._request()] if self._must_request else items

    def lost(self) -> list[Effect]:
        """The connection is lost, and the answer in progress with it."""
        self._is_open = False
        return [*self._answer_lost(), *self._take_finished()]

    def receive(self, event: JsonObject, at: datetime) -> list[Effect]:
        """Apply one event of the server or the provider."""
        self._at = at
        event_type = text_at(event, "type") or ""
        if self._response is not None and event_type.startswith("response."):
            self._heard_of_response_at = at
        effects: list[Effect] = []
        if event_type == ServerEvent.RESPONSE_OUTPUT_AUDIO_DELTA:
            effects.extend(self._sound(event))
        self._keep(self._assembler.feed(event, at))
        reader = _READERS.get(event_type)
        if reader is not None:
            effects.extend(reader(self, event, at))
        return [*effects, *self._take_finished()]

    def tick(self, at: datetime) -> list[Effect]:
        """Give up what has not come in time."""
        self._at = at
        late = [
            item_id
            for item_id, since in self._awaited_transcripts.items()
            if (at - since).total_seconds() > TRANSCRIPT_TIMEOUT_S
        ]
        for item_id in late:
            del self._awaited_transcripts[item_id]
            self._keep(self._assembler.give_up_transcript(item_id, at))
        since = self._heard_of_response_at
        if since is None or (at - since).total_seconds() <= ANSWER_SILENCE_S:
            return self._take_finished() if late else []
        self._heard_of_response_at = None
        if not self.is_answer_due:
            return self._take_finished()
        self._must_request = self._is_speech_answer_due = False
        effects: list[Effect] = [Notice("no_answer"), *self._cancel()]
        self._forget_response()
        return [*effects, *self._end_sounds(""), *self._take_finished()]

    def finish(self, at: datetime) -> list[Effect]:
        """The call is over: report what was not final yet."""
        self._at = at
        for part, heard_ms in self._unconfirmed_cuts.items():
            self._truncate_here(part, heard_ms)
        self._unconfirmed_cuts.clear()
        self._sounding.clear()
        self._awaited_transcripts.clear()
        self._keep(self._assembler.finish(at))
        return self._take_finished()

    # What is known

    @property
    def state(self) -> State:
        """What happens now, for people."""
        if not self._is_open:
            return "reconnecting" if self._was_open else "connecting"
        if self._is_user_speaking:
            return "hearing_you"
        if self._sounding:
            return "speaking"
        return "thinking" if self.is_answer_due else "listening"

    @property
    def is_answer_due(self) -> bool:
        """Whether a response is running, was requested, or will be."""
        is_requested = bool(self._request_id) or self._must_request
        return self._response is not None or is_requested or self._is_speech_answer_due

    @property
    def is_settled(self) -> bool:
        """Whether nothing is owed: no answer, no sound, no transcript, no confirmation."""
        return not (
            self.is_answer_due
            or self._is_user_speaking
            or self._is_covered_by_speech
            or self._sounding
            or self._awaited_transcripts
            or self._unconfirmed
            or self._unconfirmed_cuts
        )

    def captions(self) -> list[Turn]:
        """The turns that are not final yet, as far as they are known, in spoken order."""
        return [turn for key, turn in self._in_order() if key not in self._finished]

    # Events, by type

    def _item_confirmed(self, event: JsonObject, at: datetime) -> list[Effect]:
        self._unconfirmed.pop(text_at(mapping_at(event, "item"), "id") or "", None)
        return []

    def _speech_started(self, event: JsonObject, at: datetime) -> list[Effect]:
        self._is_user_speaking = self.has_heard_speech = True
        # The server cancels its response when it detects speech; what is under way is not played.
        if self._response is not None:
            self._response.is_cancelled = True
            self._cancelled_responses.add(self._response.id)
        return [CutSound()]

    def _speech_stopped(self, event: JsonObject, at: datetime) -> list[Effect]:
        self._is_user_speaking = self._is_covered_by_speech = False
        self._is_speech_answer_due = True
        self._heard_of_response_at = at
        return []

    def _speech_committed(self, event: JsonObject, at: datetime) -> list[Effect]:
        if item_id := text_at(event, "item_id"):
            self._awaited_transcripts[item_id] = at
        return []

    def _speech_cleared(self, event: JsonObject, at: datetime) -> list[Effect]:
        self._is_user_speaking = False
        self._must_request |= self._is_covered_by_speech
        self._is_covered_by_speech = False
        is_free = self._response is None and not self._request_id
        return [self._request()] if self._must_request and is_free else []

    def _transcribed(self, event: JsonObject, at: datetime) -> list[Effect]:
        self._awaited_transcripts.pop(text_at(event, "item_id") or "", None)
        return []

    def _truncated(self, event: JsonObject, at: datetime) -> list[Effect]:
        part = _part_of(event)
        self._unconfirmed_cuts.pop(part, None)
        return []

    def _response_created(self, event: JsonObject, at: datetime) -> list[Effect]:
        self._response = _Response(text_at(mapping_at(event, "response"), "id") or "")
        self._heard_of_response_at = at
        self._request_id = ""
        self._is_speech_answer_due = False
        if not self._cancels_when_created:
            return []
        self._cancels_when_created = False
        return self._cancel()

    def _response_done(self, event: JsonObject, at: datetime) -> list[Effect]:
        response = mapping_at(event, "response")
        response_id = text_at(response, "id") or ""
        effects: list[Effect] = [*self._end_sounds(response_id), Answered(usage_of(event))]
        if text_at(response, "status") == "failed":
            effects.append(Notice("answer_failed"))
        running = self._response
        # Where one of the ids is unknown, only one response can be meant.
        if running is not None and (response_id == running.id or not (response_id and running.id)):
            effects.extend(self._response_over())
        return effects

    def _audio_done(self, event: JsonObject, at: datetime) -> list[Effect]:
        return self._end_sound(_part_of(event))

    def _refused(self, event: JsonObject, at: datetime) -> list[Effect]:
        error = mapping_at(event, "error") if event.get("type") == "error" else event
        code = text_at(error, "code") or ""
        effects: list[Effect] = []
        if code == "response_cancel_not_active":
            return self._response_over()
        if self._request_id and text_at(error, "event_id") == self._request_id:
            self._request_id = ""
            self._cancels_when_created = False
            # Another response is running; ours is requested again when that one has ended.
            if code == "conversation_already_has_active_response":
                self._must_request = True
                self._response = self._response or _Response("")
        row = PROVIDER_ERRORS.get(code)
        if row is None or row.is_shown:
            effects.append(Notice(code or "answer_failed", text_at(error, "message") or ""))
        return effects

    def _rotating(self, event: JsonObject, at: datetime) -> list[Effect]:
        return self._answer_lost() if event.get("reason") == "provider_lost" else []

    def _rotated(self, event: JsonObject, at: datetime) -> list[Effect]:
        if event.get("result") != "renewed":
            return []
        self._begin_connection()
        return self._send_again() if event.get("reason") == "provider_lost" else []

    def _budget(self, event: JsonObject, at: datetime) -> list[Effect]:
        level = event.get("level")
        return [Notice(f"budget_{level}")] if level in ("warning", "spent") else []

    # Frames

    def _frame(self, event_type: str, **fields: object) -> Send:
        return Send({"type": str(event_type), "event_id": self._new_id(), **fields})

    def _item(self, item_id: str, text: str) -> Send:
        content = [{"type": "input_text", "text": text}]
        item = {"id": item_id, "type": "message", "role": "user", "content": content}
        return self._frame(ClientEvent.CONVERSATION_ITEM_CREATE, item=item)

    def _request(self) -> Send:
        self._must_request = False
        modality = "audio" if self._has_speaker else "text"
        frame = self._frame(ClientEvent.RESPONSE_CREATE, response={"output_modalities": [modality]})
        self._request_id = frame.event["event_id"]
        return frame

    def _cancel(self) -> list[Effect]:
        if self._response is None:
            self._cancels_when_created = bool(self._request_id)
            return []
        if self._response.is_cancelled:
            return []
        self._response.is_cancelled = True
        self._cancelled_responses.add(self._response.id)
        fields = {"response_id": self._response.id} if self._response.id else {}
        return [self._frame(ClientEvent.RESPONSE_CANCEL, **fields)]

    def _response_over(self) -> list[Effect]:
        self._response = None
        self._heard_of_response_at = None
        return [self._request()] if self._must_request and not self._is_user_speaking else []

    def _forget_response(self) -> None:
        self._response = None
        self._request_id = ""
        self._cancels_when_created = False

    # Sound

    def _sound(self, event: JsonObject) -> Iterator[Effect]:
        part, event_id = _part_of(event), text_at(event, "event_id") or ""
        if not part.item_id or part in self._ended_parts:
            return
        stream = self._receiving.setdefault(part, _SoundPart(text_at(event, "response_id") or ""))
        if event_id in stream.event_ids:
            return
        if event_id:
            stream.event_ids.add(event_id)
        received = _bytes_of(event)
        self._assembler.add_audio(*part, ms_of_bytes(len(received)), event_id)
        # A provider cuts its audio by bytes: half a sample belongs to the next delta.
        pcm = stream.left_over + received
        whole = len(pcm) // 2 * 2
        stream.left_over = pcm[whole:]
        is_cut = part.item_id in self._cut_items or stream.response_id in self._cancelled_responses
        if self._has_speaker and whole and not is_cut:
            self._sounding[part] = None
            yield Play(part, pcm[:whole])

    def _end_sound(self, part: PartKey) -> list[Effect]:
        self._ended_parts.add(part)
        known = self._receiving.pop(part, None)
        return [EndSound(part)] if known and part in self._sounding else []

    def _end_sounds(self, response_id: str) -> list[Effect]:
        """No more sound comes for this response; empty: for any."""
        ended = [
            part
            for part, stream in self._receiving.items()
            if response_id in ("", stream.response_id)
        ]
        return [effect for part in ended for effect in self._end_sound(part)]

    def _truncate_here(self, part: PartKey, heard_ms: int) -> None:
        """The server confirms no cut: truncate the turn by what was played here."""
        event = {
            "type": ServerEvent.CONVERSATION_ITEM_TRUNCATED,
            "item_id": part.item_id,
            "content_index": part.content_index,
            "audio_end_ms": heard_ms,
        }
        self._keep(self._assembler.feed(event, self._at))

    def _answer_lost(self) -> list[Effect]:
        """Nothing more comes of the answer and of the speech in progress."""
        # Requested again on the next connection: what was never created, and the answer that
        # the lost speech would have had.
        is_request_lost = bool(self._request_id) and not self._cancels_when_created
        self._must_request |= is_request_lost or self._is_covered_by_speech
        self._is_covered_by_speech = self._is_user_speaking = self._is_speech_answer_due = False
        self._forget_response()
        self._heard_of_response_at = None
        effects = self._end_sounds("")
        for part, heard_ms in self._unconfirmed_cuts.items():
            self._truncate_here(part, heard_ms)
        self._unconfirmed_cuts.clear()
        self._awaited_transcripts.clear()
        return [*effects, CutSound()]

    def _begin_connection(self) -> None:
        """Each connection to the provider has a conversation of its own."""
        self._keep(self._assembler.finish(self._at))
        self._connection += 1
        self._assembler = TranscriptAssembler()

    # Turns

    def _keep(self, turns: Sequence[Turn]) -> None:
        for turn in turns:
            key = (self._connection, PartKey(turn.item_id, turn.content_index))
            self._turns[key] = turn

    def _in_order(self) -> list[tuple[tuple[int, PartKey], Turn]]:
        return sorted(self._turns.items(), key=lambda each: (each[0][0], each[1].position))

    def _take_finished(self) -> list[Effect]:
        """The turns that have become final. A turn waits for those before it."""
        effects: list[Effect] = []
        for key, turn in self._in_order():
            if key in self._finished:
                continue
            if not self._is_final(key[1], turn):
                break
            self._finished.add(key)
            effects.append(Finished(turn))
        return effects

    def _is_final(self, part: PartKey, turn: Turn) -> bool:
        if turn.status is TurnStatus.IN_PROGRESS:
            return False
        if turn.role is Role.USER:
            return True
        is_sounding = part in self._sounding or part in self._unconfirmed_cuts
        # The user's words before it may still come.
        return not (self._awaited_transcripts or (turn.modality is Modality.VOICE and is_sounding))


def append_event(pcm: bytes) -> dict[str, Any]:
    """The event that carries this sound of the microphone."""
    audio = base64.b64encode(pcm).decode("ascii")
    return {"type": str(ClientEvent.INPUT_AUDIO_BUFFER_APPEND), "audio": audio}


def _part_of(event: JsonObject) -> PartKey:
    return PartKey(text_at(event, "item_id") or "", max(0, int_at(event, "content_index") or 0))


def _bytes_of(event: JsonObject) -> bytes:
    """The sound of a delta; empty where it is not base64."""
    try:
        return base64.b64decode(text_at(event, "delta") or "", validate=True)
    except (binascii.Error, ValueError):
        return b""


_Self = Conversation
_READERS: dict[str, Callable[[Conversation, JsonObject, datetime], list[Effect]]] = {
    ServerEvent.CONVERSATION_ITEM_ADDED: _Self._item_confirmed,
    ServerEvent.CONVERSATION_ITEM_CREATED: _Self._item_confirmed,
    ServerEvent.CONVERSATION_ITEM_DONE: _Self._item_confirmed,
    ServerEvent.CONVERSATION_ITEM_TRUNCATED: _Self._truncated,
    ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_COMPLETED: _Self._transcribed,
    ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_FAILED: _Self._transcribed,
    ServerEvent.INPUT_AUDIO_BUFFER_SPEECH_STARTED: _Self._speech_started,
    ServerEvent.INPUT_AUDIO_BUFFER_SPEECH_STOPPED: _Self._speech_stopped,
    ServerEvent.INPUT_AUDIO_BUFFER_COMMITTED: _Self._speech_committed,
    ServerEvent.INPUT_AUDIO_BUFFER_CLEARED: _Self._speech_cleared,
    ServerEvent.RESPONSE_CREATED: _Self._response_created,
    ServerEvent.RESPONSE_DONE: _Self._response_done,
    ServerEvent.RESPONSE_OUTPUT_AUDIO_DONE: _Self._audio_done,
    ServerEvent.ERROR: _Self._refused,
    "relay.error": _Self._refused,
    "relay.rotating": _Self._rotating,
    "relay.rotated": _Self._rotated,
    "relay.budget": _Self._budget,
}
