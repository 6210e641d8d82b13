"""One call, decided: fed with what both sides say and with the time, it answers with effects. PURE.

    state        begins when                        the client's frames     the provider's frames
    CONNECTING   the client is here                 judged, then held       none
    CONFIGURING  `session.created` has come         judged, then held       pass
    REPLAYING    our `session.update` is taken      judged, then held       pass
    READY        the past is told, at `relay.ready` judged, then passed on  pass
    CLOSING      `relay.closing` is said            dropped                 words and costs kept

Laws:
1. What was judged is what is sent: a client's frame that passes goes on as its own text.
2. The provider's frames pass as the same text, unknown types too, save three kinds: what it
   echoes of the session, what it says of errors, and its answers to what the relay itself sent.
3. Every word that is kept comes from the provider's events, through the assembler.
4. Every state but CLOSING leads to CLOSING, which is said once and is the end.

Times are those of a clock that never goes back.
"""

import math
import re
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from backend.protocol import provider_errors
from backend.protocol.audio import ms_of_base64, ms_of_bytes
from backend.protocol.endings import Ending
from backend.protocol.errors import BadFrame, ErrorCode, EventRefused, UpstreamFailed
from backend.protocol.frames import (
    Frame,
    UpstreamFrame,
    audio_ms_of,
    parse_from_client,
    peek_from_upstream,
)
from backend.protocol.responses import ResponseLife
from backend.protocol.transcript.assembler import TranscriptAssembler
from backend.protocol.transcript.turns import Modality, Role, Turn, TurnStatus
from backend.protocol.usage import usage_of
from backend.relay import own_events, policy, redaction
from backend.relay.effects import (
    CountUsage,
    Effect,
    HangUp,
    KeepTurn,
    LogEvent,
    ToClient,
    ToUpstream,
)
from backend.relay.limits import ClientRateLimiter, ErrorBudget, Limits
from backend.relay.pending_replies import PendingReplies
from backend.relay.plan import CONFIGURE_ID, CallPlan, replays_of, session_update_of
from backend.relay.playback import Playback


class State(StrEnum):
    CONNECTING = "connecting"
    CONFIGURING = "configuring"
    REPLAYING = "replaying"
    READY = "ready"
    CLOSING = "closing"


_AUDIO_DELTA = "response.output_audio.delta"
_APPEND = "input_audio_buffer.append"
_CODE = re.compile(r"[A-Za-z0-9_.]{1,64}")

_LATE = frozenset(
    {
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.failed",
        "conversation.item.truncated",
        "error",
        "input_audio_buffer.committed",
    }
)
"""What still counts after the end: the person's words, how much they heard, and that there will be
none. An answer that begins now is heard by nobody."""


class _Held(NamedTuple):
    """A frame that waits for READY; `audio_ms` is 0 for one that carries no sound."""

    text: str
    audio_ms: float


class CallLogic:
    """One call's decisions. Every method answers with effects, to be carried out in their order."""

    def __init__(self, plan: CallPlan, limits: Limits, started_at: datetime) -> None:
        self._plan = plan
        self._limits = limits
        self._state = State.CONNECTING
        self._started_s = self._active_s = self._created_s = started_at.timestamp()
        self._own_events = 0

        self._flow = ClientRateLimiter(limits)
        self._strikes = ErrorBudget(limits.bad_frames, limits.bad_frames_window_s)
        self._held: deque[_Held] = deque()
        self._held_ms = 0.0

        self._replays = replays_of(plan)
        self._past = {replay.item_id: replay.event_id for replay in self._replays}
        self._unanswered = dict.fromkeys(replay.event_id for replay in self._replays)

        self._assembler = TranscriptAssembler(tuple(self._past))
        self._unkept: dict[tuple[str, int], Turn] = {}
        self._responses = ResponseLife()
        self._pending_replies = PendingReplies()
        self._playback = Playback()

        self._is_heard_out = False
        self._leaving: Ending | None = None
        self._leaves_at_s = 0.0

    @property
    def state(self) -> State:
        return self._state

    def open(self, created_text: str, at: datetime) -> list[Effect]:
        """The provider has accepted the connection, with this `session.created`."""
        if self._state is not State.CONNECTING:
            return []
        self._state = State.CONFIGURING
        self._created_s = at.timestamp()
        told = self.from_upstream(created_text, at)
        if self._state is not State.CONFIGURING:
            return told
        return [*told, ToUpstream(session_update_of(self._plan))]

    # The client's side

    def from_client(self, text: str | bytes, at: datetime) -> list[Effect]:
        """A frame came from the client; bytes for a binary one."""
        if self._state is State.CLOSING:
            return []
        now_s = at.timestamp()
        if not self._flow.admits(len(text), now_s):
            return self._slow_down(len(text), at)
        if isinstance(text, str) and len(text) <= self._limits.frame_bytes:
            base64_length = policy.plain_append_length(text)
            if base64_length:
                return self._let_through(text, ms_of_bytes(base64_length * 3 // 4))
        try:
            frame = parse_from_client(text, self._limits.frame_bytes)
            policy.judge(frame)
            self._judge_by_what_happened(frame)
        except BadFrame as bad:
            told = self._error(bad.code, offender=bad.event_id)
            if self._strikes.are_out(now_s):
                return [told, *self.hang_up(Ending.BAD_FRAMES, at)]
            return [told]
        except EventRefused as refused:
            return [self._error(refused.code, offender=refused.event_id, where=refused.where)]
        if frame.type == _APPEND:
            return self._let_through(frame.text, ms_of_base64(frame.event["audio"]))
        if frame.type == policy.PING:
            return [ToClient(own_events.pong(frame.event.get("event_id") or self._own_id()))]
        self._active_s = now_s
        self._note_what_is_heard(frame, now_s)
        self._pending_replies.asked(frame.event)
        return self._let_through(frame.text, 0.0)

    def _slow_down(self, frame_bytes: int, at: datetime) -> list[Effect]:
        """The frame is dropped; the client is told once, and hung up on when it does not listen."""
        wait_s = self._flow.retry_after_s(frame_bytes)
        if not self._flow.told(at.timestamp()):
            return [self._error("rate_limit", is_retryable=True, retry_after_s=wait_s)]
        if self._flow.floods():
            return self.hang_up(Ending.RATE_LIMIT, at, retry_after_s=wait_s)
        return []

    def _judge_by_what_happened(self, frame: Frame) -> None:
        """The rules that a table cannot know. Raises EventRefused."""
        event = frame.event
        if frame.type == "conversation.item.truncate":
            # Nobody can have heard more than was sent: a larger number would forge the record.
            sent_ms = self._playback.sent_ms((event["item_id"], event["content_index"]))
            if event["audio_end_ms"] > math.ceil(sent_ms):
                raise EventRefused("field_invalid", "audio_end_ms", event.get("event_id"))
        elif frame.type == "conversation.item.create" and event["item"].get("id") in self._past:
            # Under an id of the past it would not be kept.
            raise EventRefused("field_invalid", "item.id", event.get("event_id"))

    def _note_what_is_heard(self, frame: Frame, now_s: float) -> None:
        if frame.type == "conversation.item.truncate":
            self._playback.cut(now_s)
        elif frame.type == "conversation.item.create":
            self._playback.move_on(now_s)

    def _let_through(self, text: str, audio_ms: float) -> list[Effect]:
        if self._state is State.READY:
            return [ToUpstream(text)]
        if (
            not audio_ms
            and sum(not held.audio_ms for held in self._held) >= self._limits.held_events
        ):
            return [self._error("too_early", is_retryable=True)]
        self._held.append(_Held(text, audio_ms))
        self._held_ms += audio_ms
        while self._held_ms > self._limits.held_audio_ms:
            oldest = next(index for index, held in enumerate(self._held) if held.audio_ms)
            self._held_ms -= self._held[oldest].audio_ms
            del self._held[oldest]
        return []

    # The provider's side

    def from_upstream(self, text: str, at: datetime) -> list[Effect]:
        """A frame came from the provider."""
        if self._state is State.CLOSING:
            return self._late(text, at)
        self._active_s = now_s = at.timestamp()
        try:
            frame = peek_from_upstream(text)
            if frame.type == _AUDIO_DELTA:
                self._hear(frame, now_s)
                return [ToClient(text)]
            return _READERS.get(frame.type, CallLogic._pass)(self, frame, at)
        except UpstreamFailed:
            return [LogEvent("upstream.garbage", "not_an_event"), *self.hang_up(_BROKEN, at)]

    def _hear(self, frame: UpstreamFrame, now_s: float) -> None:
        """Sound on its way to the client: only its length is looked at."""
        if frame.item_id is None:
            return
        ms, event_id = audio_ms_of(frame), frame.event_id or ""
        if self._assembler.add_audio(frame.item_id, frame.content_index, ms, event_id):
            self._playback.send((frame.item_id, frame.content_index), ms, now_s)

    def _pass(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        return [ToClient(frame.text), *self._assemble(frame, at)]

    def _nameless_came(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        return [LogEvent("upstream.garbage", "no_type")]

    def _session_told(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        if frame.type == "session.updated" and self._state is State.CONFIGURING:
            self._state = State.REPLAYING
            replays = [ToUpstream(replay.text) for replay in self._replays]
            return [*replays, *self._ready_when_told()]
        return [ToClient(redaction.session_event_for_client(frame.event))]

    def _item_told(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        item_id = redaction.word_of(redaction.part_of(frame.event, "item"), "id")
        if item_id not in self._past:
            return self._pass(frame, at)
        self._unanswered.pop(self._past[item_id], None)
        return self._ready_when_told()

    def _ready_when_told(self) -> list[Effect]:
        """READY, and what was held goes out, as soon as the provider has taken all of the past."""
        if self._state is not State.REPLAYING or self._unanswered:
            return []
        self._state = State.READY
        held = [ToUpstream(held.text) for held in self._held]
        self._held.clear()
        ready = own_events.ready(self._own_id(), self._plan)
        return [ToClient(ready), *held]

    def _error_told(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        self._pending_replies.told(frame.event)
        error = redaction.part_of(frame.event)
        fatal, note = _weigh(error)
        if fatal is not None:
            return [note, *self.hang_up(fatal, at)]
        answered = redaction.word_of(error, "event_id")
        # Before READY only the relay has spoken, so an error that names no event is about that.
        if self._state is State.CONFIGURING and answered in (None, CONFIGURE_ID):
            # Refused for what it says, it will be refused again: the operator has to act.
            is_ours = redaction.word_of(error, "type") == "invalid_request_error"
            return [note, *self.hang_up(Ending.PROVIDER_REFUSED if is_ours else _BROKEN, at)]
        if self._state is State.REPLAYING and answered is None:
            answered = next(iter(self._unanswered), None)
        if answered in self._unanswered:
            # A past item that is refused is forgotten by the model; the call goes on without it.
            del self._unanswered[answered]
            return [note, *self._ready_when_told()]
        if answered is not None and answered.startswith(policy.OWN_EVENT_ID):
            return [note]
        return [note, ToClient(redaction.error_event_for_client(frame.event))]

    def _response_told(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        self._responses.feed(frame.event)
        error = redaction.part_of(frame.event, *_RESPONSE_ERROR)
        text, ending, notes = frame.text, None, []
        if error:
            text = redaction.failure_for_client(frame.event, *_RESPONSE_ERROR)
            ending, note = _weigh(error)
            notes = [note]
        effects = [ToClient(text), *self._assemble(frame, at), *_cost(frame), *notes]
        if ending is not None:
            return [*effects, *self.hang_up(ending, at)]
        if self._leaving is not None and not self._is_being_answered(at):
            return [*effects, *self._leave_now(self._leaving, at)]
        return effects

    def _transcription_done(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        return [*self._pass(frame, at), *_cost(frame)]

    def _transcription_failed(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        text = frame.text
        if redaction.part_of(frame.event):
            text = redaction.failure_for_client(frame.event, "error")
        return [ToClient(text), *self._assemble(frame, at)]

    def _assemble(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        """Turns that changed are kept at once; those that only grow wait for the tick."""
        self._pending_replies.told(frame.event)
        for turn in self._assembler.feed(frame.event, at):
            self._unkept[turn.item_id, turn.content_index] = turn
        return [] if frame.type.endswith(".delta") else self._kept()

    def _kept(self) -> list[Effect]:
        if not self._unkept:
            return []
        kept: list[Effect] = [KeepTurn(turn) for turn in self._unkept.values()]
        self._unkept.clear()
        return kept

    # Time, and the end

    @property
    def is_owed(self) -> bool:
        """Whether the provider has not answered yet, after an end that it is worth waiting for."""
        return self._is_heard_out and (self._pending_replies.are_open or self._responses.is_active)

    def parting(self) -> list[Effect]:
        """What the provider is told before it is heard out: nobody listens to the answer."""
        if not self._is_heard_out or not self._responses.is_active:
            return []
        return [ToUpstream(own_events.cancellation(self._own_id()))]

    def _late(self, text: str, at: datetime) -> list[Effect]:
        """It came after the end: nobody is told, but words and costs count."""
        try:
            frame = peek_from_upstream(text)
            if frame.type in ("response.created", "response.done"):
                self._responses.feed(frame.event)
                began = self.parting() if frame.type == "response.created" else []
                return [*began, *_cost(frame)]
            if frame.type not in _LATE or _is_of_the_assistant(frame.event):
                return []
            return [*self._assemble(frame, at), *self._kept(), *_cost(frame)]
        except UpstreamFailed:
            return []

    def tick(self, at: datetime) -> list[Effect]:
        """Time has passed."""
        if self._state is State.CLOSING:
            return []
        now_s, limits = at.timestamp(), self._limits
        is_patient = now_s < self._leaves_at_s and self._is_being_answered(at)
        if self._leaving is not None and not is_patient:
            return self._leave_now(self._leaving, at)
        if self._state in (State.CONFIGURING, State.REPLAYING):
            if now_s - self._created_s > limits.ready_within_s:
                return self.hang_up(Ending.PROVIDER_TIMEOUT, at)
        elif self._state is State.READY and now_s - self._active_s > limits.idle_s:
            return self.hang_up(Ending.IDLE, at)
        effects = self._kept()
        if now_s - self._started_s > limits.longest_call_s:
            effects += self.leave(Ending.TIME_LIMIT, at)
        return effects

    def leave(self, ending: Ending, at: datetime) -> list[Effect]:
        """The call has to end: at once, or after the answer that is being given or heard, for a
        while: it comes faster than it sounds, and a client that is left stops the sound.
        """
        if self._state is State.CLOSING or self._leaving is not None:
            return []
        effects: list[Effect] = []
        if ending is Ending.DRAINING:
            effects.append(ToClient(own_events.draining(self._own_id())))
        if not self._is_being_answered(at):
            return [*effects, *self._leave_now(ending, at)]
        self._leaving = ending
        self._leaves_at_s = at.timestamp() + self._limits.last_answer_s
        return effects

    def _is_being_answered(self, at: datetime) -> bool:
        return self._responses.is_active or self._playback.is_sounding(at.timestamp())

    def _leave_now(self, ending: Ending, at: datetime) -> list[Effect]:
        """The person's words usually land after the answer, and so after what was waited for."""
        was_ready = self._state is State.READY
        effects = self.hang_up(ending, at)
        self._is_heard_out = was_ready
        return effects

    def hang_up(
        self, ending: Ending, at: datetime, retry_after_s: float | None = None
    ) -> list[Effect]:
        """The call ends now. What is half said is kept as interrupted; the first ending wins."""
        if self._state is State.CLOSING:
            return []
        # Before READY nothing that the client said has gone out, so nothing is owed for it.
        self._is_heard_out = ending.drains_upstream and self._state is State.READY
        self._state = State.CLOSING
        for turn in self._assembler.finish(at, self._unheard(at.timestamp())):
            self._unkept[turn.item_id, turn.content_index] = turn
        effects = self._kept()
        if ending is not Ending.CLIENT_LEFT:
            effects += self.last_words(ending, retry_after_s)
        return [*effects, HangUp(ending)]

    def _unheard(self, now_s: float) -> dict[tuple[str, int], int]:
        """The spoken parts that were not heard to their end, and how many milliseconds were."""
        silent = {
            (turn.item_id, turn.content_index): 0
            for turn in self._assembler.turns()
            if turn.role is Role.ASSISTANT
            and turn.modality is Modality.VOICE
            and turn.status in (TurnStatus.IN_PROGRESS, TurnStatus.INTERRUPTED)
            and not self._playback.sent_ms((turn.item_id, turn.content_index))
        }
        return silent | self._playback.unfinished(now_s)

    def last_words(self, ending: Ending, retry_after_s: float | None = None) -> list[Effect]:
        """What the client is told of the ending: the failure, if it is one, and the close."""
        words: list[Effect] = []
        language = self._plan.language
        if ending.is_failure:
            failure = own_events.failure(self._own_id(), ending, language, retry_after_s)
            words.append(ToClient(failure))
        closing = own_events.closing(self._own_id(), ending, language, retry_after_s)
        return [*words, ToClient(closing)]

    def _error(
        self,
        code: ErrorCode,
        *,
        offender: str | None = None,
        is_retryable: bool = False,
        retry_after_s: float | None = None,
        where: str | None = None,
    ) -> ToClient:
        """`relay.error`, about the client's event `offender` where it had an id."""
        text = own_events.error(
            offender or self._own_id(),
            code,
            self._plan.language,
            is_retryable=is_retryable,
            retry_after_s=retry_after_s,
            detail=None if where is None else {"where": where},
        )
        return ToClient(text)

    def _own_id(self) -> str:
        self._own_events += 1
        return f"{policy.OWN_EVENT_ID}{self._own_events}"


_BROKEN = Ending.PROVIDER_FAILED
_RESPONSE_ERROR = ("response", "status_details", "error")

_READERS: Mapping[str, Callable[[CallLogic, UpstreamFrame, datetime], list[Effect]]] = {
    "": CallLogic._nameless_came,
    "session.created": CallLogic._session_told,
    "session.updated": CallLogic._session_told,
    "error": CallLogic._error_told,
    "conversation.item.added": CallLogic._item_told,
    "conversation.item.created": CallLogic._item_told,
    "conversation.item.done": CallLogic._item_told,
    "response.created": CallLogic._response_told,
    "response.done": CallLogic._response_told,
    "conversation.item.input_audio_transcription.completed": CallLogic._transcription_done,
    "conversation.item.input_audio_transcription.failed": CallLogic._transcription_failed,
}
"""Events that are more than passed on and fed to the assembler."""


def _weigh(error: Mapping[str, Any]) -> tuple[Ending | None, LogEvent]:
    """The ending that an error means, if any, and what the operator is told of it."""
    code, kind = redaction.word_of(error, "code"), redaction.word_of(error, "type")
    ending = provider_errors.fatal_ending(error)
    name = "upstream.race" if provider_errors.is_benign(error) else "upstream.error"
    told = code or kind or ""
    # A code is a word; anything else could be content.
    return ending, LogEvent(name, told if _CODE.fullmatch(told) else "unnamed")


def _is_of_the_assistant(event: Mapping[str, Any]) -> bool:
    return redaction.word_of(redaction.part_of(event, "item"), "role") == "assistant"


def _cost(frame: UpstreamFrame) -> list[Effect]:
    usage = usage_of(frame.event)
    return [] if usage is None else [CountUsage(usage)]
