"""The state machine of one call: fed with both sides' frames and the time, returns effects. PURE.

    state        begins when                         client's frames           provider's frames
    CONNECTING   the client is connected             judged, then held         none
    CONFIGURING  `session.created` has come          judged, then held         passed on
    REPLAYING    our `session.update` is accepted    judged, then held         passed on
    READY        the past is replayed: `relay.ready` judged, then passed on    passed on
    CLOSING      `relay.closing` is sent             dropped                   only recorded

Laws:
1. What was judged is what is sent: a client's frame that passes goes on as its own text.
2. The provider's frames pass as the same text, unknown types too, save three kinds: its echoes of
   the session, its errors, and its replies to what the relay itself sent.
3. Every word that is kept comes from the provider's events, through `CallRecord`.
4. Every state but CLOSING leads to CLOSING, which is entered once and is the end.

What a client may send is decided by `ClientGate`, what is kept by `CallRecord`; this file decides
when. Times are those of a clock that never goes back.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from backend.protocol import provider_errors
from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamFailed
from backend.protocol.events import ServerEvent
from backend.protocol.frames import UpstreamFrame, peek_from_upstream
from backend.protocol.reading import mapping_at, text_at
from backend.relay import own_events, redaction
from backend.relay.call_record import CallRecord
from backend.relay.client_gate import ClientGate, Refused
from backend.relay.client_policy import OWN_EVENT_ID_PREFIX, PING
from backend.relay.effects import Effect, HangUp, LogEvent, ToClient, ToUpstream
from backend.relay.plan import CONFIGURE_ID, CallPlan, replays_of, session_update_of
from backend.relay.playback import Playback
from backend.telemetry.counters import ProcessCounters


class State(StrEnum):
    CONNECTING = "connecting"
    CONFIGURING = "configuring"
    REPLAYING = "replaying"
    READY = "ready"
    CLOSING = "closing"


UPSTREAM_ERROR = "upstream.error"
"""The log event of an error that the provider sent in a call, unless it is a harmless race."""

_RESPONSE_ERROR = ("response", "status_details", "error")
_ERROR_CODE = re.compile(r"[A-Za-z0-9_.]{1,64}")


class CallLogic:
    """One call's decisions. Every method returns effects, to be carried out in their order.

    Refused frames and the time to the first sound of an answer are counted in `counters`.
    """

    def __init__(
        self, plan: CallPlan, started_at: datetime, counters: ProcessCounters | None = None
    ) -> None:
        self._plan = plan
        self._counters = counters or ProcessCounters()
        self._speech_ended_s: float | None = None
        self._limits = plan.limits
        self._state = State.CONNECTING
        self._started_s = self._active_s = self._created_s = started_at.timestamp()
        self._own_events_sent = 0
        self._client_sent_s = self._started_s
        self._client_pings = False

        self._replays = replays_of(plan)
        self._past = {replay.item_id: replay.event_id for replay in self._replays}
        self._unanswered_replays = dict.fromkeys(replay.event_id for replay in self._replays)

        self._record = CallRecord(tuple(self._past), Playback(), plan.limits)
        self._gate = ClientGate(plan.policy, plan.limits, self._past, self._record.sent_ms)

        self._leave_ending: Ending | None = None
        self._leave_deadline_s = 0.0
        self._drains_upstream = False

    @property
    def state(self) -> State:
        return self._state

    def open(self, created_text: str, at: datetime) -> list[Effect]:
        """The provider has accepted the connection, with this `session.created`."""
        if self._state is not State.CONNECTING:
            return []
        self._state = State.CONFIGURING
        self._created_s = at.timestamp()
        effects = self.from_upstream(created_text, at)
        if self._state is not State.CONFIGURING:
            return effects
        return [*effects, ToUpstream(session_update_of(self._plan))]

    # The client's side

    def from_client(self, text: str | bytes, at: datetime) -> list[Effect]:
        """A frame came from the client; bytes for a binary one."""
        if self._state is State.CLOSING:
            return []
        self._client_sent_s = now_s = at.timestamp()
        judged = self._gate.judge(text, now_s)
        if isinstance(judged, Refused):
            return self._refuse(judged, at)
        event = judged.event
        if event is not None and event["type"] == PING:
            self._client_pings = True
            return [ToClient(own_events.pong(event.get("event_id") or self._own_id()))]
        is_ready = self._state is State.READY
        if not is_ready and (refused := self._gate.hold(judged)):
            return self._refuse(refused, at)
        # An open microphone sends audio all the time, so audio alone keeps no call alive.
        if event is not None:
            self._active_s = now_s
            self._record.add_client_event(event, now_s)
        return [ToUpstream(judged.text)] if is_ready else []

    def _refuse(self, refused: Refused, at: datetime) -> list[Effect]:
        # The frames after the one warning are dropped without a code.
        self._counters.client_frames_refused[refused.code or "rate_limit"] += 1
        effects: list[Effect] = []
        if refused.code is not None:
            error = own_events.error(
                refused.event_id or self._own_id(),
                refused.code,
                self._plan.language,
                is_retryable=refused.is_retryable,
                retry_after_s=refused.retry_after_s,
                detail=None if refused.where is None else {"where": refused.where},
            )
            effects.append(ToClient(error))
        if refused.ending is not None:
            effects += self.hang_up(refused.ending, at, refused.retry_after_s)
        return effects

    # The provider's side

    def from_upstream(self, text: str, at: datetime) -> list[Effect]:
        """A frame came from the provider."""
        if self._state is State.CLOSING:
            return self._after_end(text, at)
        self._active_s = now_s = at.timestamp()
        try:
            frame = peek_from_upstream(text)
            if frame.type == _AUDIO_DELTA:
                if self._speech_ended_s is not None:
                    self._counters.first_sound.observe(now_s - self._speech_ended_s)
                    self._speech_ended_s = None
                self._record.add_audio(frame, now_s)
                return [ToClient(text)]
            return _HANDLERS.get(frame.type, CallLogic._pass_on)(self, frame, at)
        except UpstreamFailed:
            failed = self.hang_up(Ending.PROVIDER_FAILED, at)
            return [LogEvent("upstream.garbage", "not_an_event"), *failed]

    def _pass_on(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        return [ToClient(frame.text), *self._record.add(frame.event, at)]

    def _on_speech(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        has_ended = frame.type == ServerEvent.INPUT_AUDIO_BUFFER_SPEECH_STOPPED
        self._speech_ended_s = at.timestamp() if has_ended else None
        return self._pass_on(frame, at)

    def _drop_without_type(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        return [LogEvent("upstream.garbage", "no_type")]

    def _on_session(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        if frame.type == ServerEvent.SESSION_UPDATED and self._state is State.CONFIGURING:
            self._state = State.REPLAYING
            replays = [ToUpstream(replay.text) for replay in self._replays]
            return [*replays, *self._ready_if_replayed()]
        return [ToClient(redaction.session_event_for_client(frame.event))]

    def _on_item(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        item_id = text_at(mapping_at(frame.event, "item"), "id")
        if item_id not in self._past:
            return self._pass_on(frame, at)
        self._unanswered_replays.pop(self._past[item_id], None)
        return self._ready_if_replayed()

    def _ready_if_replayed(self) -> list[Effect]:
        """READY, and the held frames go out, once the provider has answered every replay."""
        if self._state is not State.REPLAYING or self._unanswered_replays:
            return []
        self._state = State.READY
        held = [ToUpstream(text) for text in self._gate.release()]
        return [ToClient(own_events.ready(self._own_id(), self._plan)), *held]

    def _on_error(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        self._record.add_error(frame.event)
        error = mapping_at(frame.event, "error")
        log = _log_of(error)
        ending = provider_errors.fatal_ending(error) or self._ending_if_not_configured(error)
        if ending is not None:
            return [log, *self.hang_up(ending, at)]
        event_id = text_at(error, "event_id")
        if self._state is State.REPLAYING and event_id is None:
            # Before READY only the relay has sent anything, so the error is about a replay.
            event_id = next(iter(self._unanswered_replays), None)
        if event_id in self._unanswered_replays:
            # The model forgets a past item that is refused; the call goes on without it.
            del self._unanswered_replays[event_id]
            return [log, *self._ready_if_replayed()]
        if event_id is not None and event_id.startswith(OWN_EVENT_ID_PREFIX):
            return [log]
        return [log, ToClient(redaction.error_event_for_client(frame.event))]

    def _ending_if_not_configured(self, error: Mapping[str, Any]) -> Ending | None:
        """How the call ends if this error refuses our `session.update`; None if it does not.

        Before READY only the relay has sent anything, so an error without an event id is about it.
        """
        is_answer = text_at(error, "event_id") in (None, CONFIGURE_ID)
        if self._state is not State.CONFIGURING or not is_answer:
            return None
        if text_at(error, "type") == "invalid_request_error":
            # It would be refused again: the operator has to act.
            return Ending.PROVIDER_REFUSED
        return Ending.PROVIDER_FAILED

    def _on_response(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        effects = self._record.add(frame.event, at)
        error = mapping_at(frame.event, *_RESPONSE_ERROR)
        if not error:
            passed: list[Effect] = [ToClient(frame.text), *effects]
        else:
            text = redaction.failure_for_client(frame.event, *_RESPONSE_ERROR)
            passed = [ToClient(text), *effects, _log_of(error)]
            if (ending := provider_errors.fatal_ending(error)) is not None:
                return [*passed, *self.hang_up(ending, at)]
        if self._leave_ending is not None and not self._record.is_answering(at.timestamp()):
            return [*passed, *self._leave_now(self._leave_ending, at)]
        return passed

    def _on_transcription_failed(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        text = frame.text
        if mapping_at(frame.event, "error"):
            text = redaction.failure_for_client(frame.event, "error")
        return [ToClient(text), *self._record.add(frame.event, at)]

    # Time, and the end

    def tick(self, at: datetime) -> list[Effect]:
        """Time has passed: check the timers and save turns that have grown."""
        if self._state is State.CLOSING:
            return []
        now_s, limits = at.timestamp(), self._limits
        if self._leave_ending is not None and (
            now_s >= self._leave_deadline_s or not self._record.is_answering(now_s)
        ):
            return self._leave_now(self._leave_ending, at)
        if self._client_pings and now_s - self._client_sent_s > limits.silent_client_s:
            return self.hang_up(Ending.UNRESPONSIVE, at)
        if self._state in (State.CONFIGURING, State.REPLAYING):
            if now_s - self._created_s > limits.ready_within_s:
                return self.hang_up(Ending.PROVIDER_TIMEOUT, at)
        elif self._state is State.READY and now_s - self._active_s > limits.idle_s:
            return self.hang_up(Ending.IDLE, at)
        if self._speech_ended_s is not None:
            # No answer came: the next one is not the answer to this speech.
            is_unanswered = now_s - self._speech_ended_s > limits.answer_silence_s
            self._speech_ended_s = None if is_unanswered else self._speech_ended_s
        self._record.give_up_transcripts(at)
        effects: list[Effect] = [*self._record.flush()]
        if now_s - self._started_s > limits.longest_call_s:
            effects += self.leave(Ending.TIME_LIMIT, at)
        return effects

    def leave(self, ending: Ending, at: datetime) -> list[Effect]:
        """End the call after the response in progress, or at once if there is none.

        A response also counts as in progress while its audio plays, which takes longer than it
        comes, and a client whose call ends stops the audio. Waits `last_answer_s` at most.
        """
        if self._state is State.CLOSING or self._leave_ending is not None:
            return []
        effects: list[Effect] = []
        if ending is Ending.DRAINING:
            effects.append(ToClient(own_events.draining(self._own_id())))
        now_s = at.timestamp()
        if not self._record.is_answering(now_s):
            return [*effects, *self._leave_now(ending, at)]
        self._leave_ending = ending
        self._leave_deadline_s = now_s + self._limits.last_answer_s
        return effects

    def _leave_now(self, ending: Ending, at: datetime) -> list[Effect]:
        """End the call now that its response is over, and drain upstream whatever the ending: the
        transcript of the user's last words usually comes after the response.
        """
        was_ready = self._state is State.READY
        effects = self.hang_up(ending, at)
        self._drains_upstream = was_ready
        return effects

    def hang_up(
        self, ending: Ending, at: datetime, retry_after_s: float | None = None
    ) -> list[Effect]:
        """End the call now. Turns in progress are kept as interrupted; the first ending wins."""
        if self._state is State.CLOSING:
            return []
        # Before READY nothing that the client sent has gone out, so no reply to it is pending.
        self._drains_upstream = ending.drains_upstream and self._state is State.READY
        self._state = State.CLOSING
        effects: list[Effect] = [*self._record.finish(at)]
        if ending is not Ending.CLIENT_LEFT:
            effects += self.closing_events(ending, retry_after_s)
        return [*effects, HangUp(ending)]

    def closing_events(self, ending: Ending, retry_after_s: float | None = None) -> list[Effect]:
        """The client's last events: `relay.error` if the ending is a failure, `relay.closing`."""
        effects: list[Effect] = []
        language = self._plan.language
        if ending.is_failure:
            failure = own_events.failure(self._own_id(), ending, language, retry_after_s)
            effects.append(ToClient(failure))
        closing = own_events.closing(self._own_id(), ending, language, retry_after_s)
        return [*effects, ToClient(closing)]

    # After the end

    @property
    def awaits_upstream(self) -> bool:
        """Whether the provider has yet to send something that must be kept after the end."""
        return self._drains_upstream and (
            self._record.has_pending_replies or self._record.has_active_response
        )

    def cancel_response(self) -> list[Effect]:
        """Cancel the response in progress before upstream is drained: nobody would hear it."""
        if not self._drains_upstream or not self._record.has_active_response:
            return []
        return [ToUpstream(own_events.cancellation(self._own_id()))]

    def _after_end(self, text: str, at: datetime) -> list[Effect]:
        """Record a frame that came after the end; the client gets nothing of it."""
        try:
            frame = peek_from_upstream(text)
            if frame.type == _AUDIO_DELTA:
                return []
            saved = self._record.add_after_end(frame.event, at)
        except UpstreamFailed:
            return []
        began = frame.type == ServerEvent.RESPONSE_CREATED
        return [*(self.cancel_response() if began else []), *saved]

    def _own_id(self) -> str:
        self._own_events_sent += 1
        return f"{OWN_EVENT_ID_PREFIX}{self._own_events_sent}"


# Compared with every frame of the provider: a plain string is compared faster than the enum's.
_AUDIO_DELTA = ServerEvent.RESPONSE_OUTPUT_AUDIO_DELTA.value

_HANDLERS: Mapping[str, Callable[[CallLogic, UpstreamFrame, datetime], list[Effect]]] = {
    "": CallLogic._drop_without_type,
    ServerEvent.SESSION_CREATED: CallLogic._on_session,
    ServerEvent.SESSION_UPDATED: CallLogic._on_session,
    ServerEvent.ERROR: CallLogic._on_error,
    ServerEvent.INPUT_AUDIO_BUFFER_SPEECH_STARTED: CallLogic._on_speech,
    ServerEvent.INPUT_AUDIO_BUFFER_SPEECH_STOPPED: CallLogic._on_speech,
    ServerEvent.CONVERSATION_ITEM_ADDED: CallLogic._on_item,
    ServerEvent.CONVERSATION_ITEM_CREATED: CallLogic._on_item,
    ServerEvent.CONVERSATION_ITEM_DONE: CallLogic._on_item,
    ServerEvent.RESPONSE_CREATED: CallLogic._on_response,
    ServerEvent.RESPONSE_DONE: CallLogic._on_response,
    ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_FAILED: (
        CallLogic._on_transcription_failed
    ),
}
"""Events that are not only passed on and recorded."""


def _log_of(error: Mapping[str, Any]) -> LogEvent:
    """The operator's log event for an error of the provider."""
    name = "upstream.race" if provider_errors.is_benign(error) else UPSTREAM_ERROR
    code = text_at(error, "code") or text_at(error, "type") or ""
    # A code is a word; anything else could be content.
    return LogEvent(name, code if _ERROR_CODE.fullmatch(code) else "unnamed")
