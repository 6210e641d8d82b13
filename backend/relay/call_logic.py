"""The state machine of one call: fed with both sides' frames and the time, returns effects. PURE.

    state        begins when                         client's frames           provider's frames
    CONNECTING   the client is connected             judged, then held         none
    CONFIGURING  `session.created` has come          judged, then held         passed on
    REPLAYING    our `session.update` is accepted    judged, then held         passed on
    READY        the past is replayed: `relay.ready` judged, then passed on    passed on
    RENEWING     `relay.rotating`, until `…rotated`  judged, then held         passed on
    CLOSING      `relay.closing` is sent             dropped                   only recorded

Laws:
1. What was judged is what is sent: a client's frame that passes goes on as its own text.
2. The provider's frames pass as the same text, unknown types too, save three kinds: its echoes of
   the session, its errors, and its replies to what the relay itself sent.
3. Every word that is kept comes from the provider's events, through `CallRecord`.
4. Every state but CLOSING leads to CLOSING, which is entered once and is the end.

What a client may send is decided by `ClientGate`, what is kept by `CallRecord`, when another
connection to the provider is opened and what it is asked by `Rotation`; this file decides when. In
RENEWING the call leaves its connection, or has lost it; after that it is READY again.
Times are those of a clock that never goes back.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from backend.protocol import provider_errors
from backend.protocol.budget_state import BudgetState, seconds_until_reset
from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamFailed
from backend.protocol.events import ClientEvent, ServerEvent
from backend.protocol.frames import UpstreamFrame, id_of_item, peek_from_upstream
from backend.protocol.reading import mapping_at, text_at
from backend.protocol.transcript.assembler import TEXT_DELTAS
from backend.protocol.transcript.turns import Modality, Turn, TurnStatus
from backend.relay import redaction, relay_events
from backend.relay.bounded_history import MAX_TURNS, bounded_past
from backend.relay.budget_watch import BudgetWatch
from backend.relay.call_record import CallRecord
from backend.relay.client_gate import Accepted, ClientGate, Refused
from backend.relay.client_policy import OWN_EVENT_ID_PREFIX, PING
from backend.relay.effects import (
    DropNext,
    DropUpstream,
    Effect,
    HangUp,
    LogEvent,
    OpenNext,
    SwitchUpstream,
    ToClient,
    ToNext,
    ToUpstream,
)
from backend.relay.output_buffer import OutputBuffer
from backend.relay.plan import (
    CONFIGURE_ID,
    CallPlan,
    PastItem,
    replays_of,
    session_update_of,
    tokens_of,
)
from backend.relay.playback import Playback
from backend.relay.rotation import (
    News,
    NextFailed,
    Phase,
    Reason,
    Result,
    Rotation,
    Step,
    rotation_kind,
)
from backend.relay.session_guard import SessionGuard, Verdict
from backend.telemetry.counters import ProcessCounters


class State(StrEnum):
    CONNECTING = "connecting"
    CONFIGURING = "configuring"
    REPLAYING = "replaying"
    READY = "ready"
    RENEWING = "renewing"
    CLOSING = "closing"


UPSTREAM_ERROR = "upstream.error"
"""The log event of an error that the provider sent in a call, unless it is a harmless race."""

_RESPONSE_ERROR = ("response", "status_details", "error")
_ERROR_CODE = re.compile(r"[A-Za-z0-9_.]{1,64}")


class CallLogic:
    """One call's decisions. Every method returns effects, to be carried out in their order.

    Refused frames, rotations and the time to the first sound of an answer are counted in
    `counters`. `chance` returns 0 to 1, and varies the pauses between attempts to connect.
    """

    def __init__(
        self,
        plan: CallPlan,
        started_at: datetime,
        counters: ProcessCounters | None = None,
        chance: Callable[[], float] = lambda: 0.5,
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

        self._is_user_speaking = False
        self._response_asked_s: float | None = None
        """When the client asked for a response that has not begun."""

        self._replays = replays_of(plan.past)
        self._past = {replay.item_id: replay.event_id for replay in self._replays}
        self._unanswered_replays = dict.fromkeys(replay.event_id for replay in self._replays)

        context_tokens = plan.own_tokens + tokens_of(plan.past)
        playback = OutputBuffer() if plan.is_watched else Playback()
        self._record = CallRecord(tuple(self._past), playback, plan.limits, context_tokens)
        self._guard = SessionGuard(plan.session) if plan.is_watched else None
        self._has_joined = False
        self._next_context_tokens = 0
        self._used_item_ids = set(self._past)
        self._gate = ClientGate(plan.policy, plan.limits, self._used_item_ids, self._record.sent_ms)
        self._rotation = Rotation(plan.limits.ready_within_s, self._started_s, chance)

        self._budgets = BudgetWatch()
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
        if self._state is _CLOSING:
            return []
        self._client_sent_s = now_s = at.timestamp()
        judged = self._gate.judge(text, now_s)
        if isinstance(judged, Refused):
            return self._refuse(judged, at)
        event = judged.event
        if event is not None and event["type"] == PING:
            self._client_pings = True
            return [ToClient(relay_events.pong(event.get("event_id") or self._own_id()))]
        # An open microphone sends audio all the time, so audio alone keeps no call alive.
        if event is not None:
            self._active_s = now_s
        if self._state is _READY:
            return [ToUpstream(judged.text)] if event is None else self._forward(judged, at)
        if self._state is State.RENEWING and (answer := self._in_renewal(judged, at)) is not None:
            return answer
        if refused := self._gate.hold(judged):
            return self._refuse(refused, at)
        return []

    def _in_renewal(self, judged: Accepted, at: datetime) -> list[Effect] | None:
        """What follows from a client's frame in RENEWING; None if it is to be held."""
        event = judged.event
        is_cancel = event is not None and event["type"] == ClientEvent.RESPONSE_CANCEL
        if is_cancel and not self._gate.holds(ClientEvent.RESPONSE_CREATE):
            # No response is in progress, or it is lost.
            return []
        if event is not None and (answer := self._answer_for_earlier(event, at)) is not None:
            return answer
        if self._has_upstream and not self._gate.has_room_for(judged):
            return [*self._keep_connection(at), *self._forward(judged, at)]
        return None

    def _forward(self, judged: Accepted, at: datetime) -> list[Effect]:
        """Send an accepted frame to the provider, or answer it in the provider's place."""
        event, now_s = judged.event, at.timestamp()
        if event is not None:
            if (answer := self._answer_for_earlier(event, at)) is not None:
                return answer
            self._record.add_client_event(event, now_s)
            if event["type"] == ClientEvent.RESPONSE_CREATE:
                self._response_asked_s = now_s
        return [ToUpstream(judged.text)]

    def _answer_for_earlier(self, event: Mapping[str, Any], at: datetime) -> list[Effect] | None:
        """The relay's answer to an event about an item or a response of a connection that the call
        has left; None if it is about something else. The provider would answer with an error.
        """
        event_type = event["type"]
        if event_type == ClientEvent.RESPONSE_CANCEL:
            response_id = event.get("response_id")
            is_gone = response_id is not None and not self._record.knows_response(response_id)
            return [] if is_gone and self._rotation.connection else None
        item_id = event.get("item_id")
        if item_id not in self._record.earlier_item_ids:
            return None
        if event_type == ClientEvent.CONVERSATION_ITEM_TRUNCATE:
            saved = self._record.truncate_earlier(event, at)
            return [ToClient(relay_events.truncated(self._own_id(), event)), *saved]
        # The item was replayed under its id, or it is not part of the conversation any more.
        return None if item_id in self._past else []

    def _release(self, at: datetime) -> list[Effect]:
        """Send the held frames."""
        return [effect for held in self._gate.release() for effect in self._forward(held, at)]

    def _refuse(self, refused: Refused, at: datetime) -> list[Effect]:
        # The frames after the one warning are dropped without a code.
        self._counters.client_frames_refused[refused.code or "rate_limit"] += 1
        effects: list[Effect] = []
        if refused.code is not None:
            error = relay_events.error(
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
        if self._state is _CLOSING:
            return self._after_end(text, at)
        self._active_s = now_s = at.timestamp()
        try:
            frame = peek_from_upstream(text)
            if frame.type == _AUDIO_DELTA:
                self._record.add_audio(frame, now_s)
                if self._guard is not None:
                    # The client has the sound by WebRTC: `_on_output_started` says from when on.
                    return []
                if self._speech_ended_s is not None:
                    self._observe_first_sound(now_s)
                return [ToClient(text)]
            effects = _HANDLERS.get(frame.type, CallLogic._pass_on)(self, frame, at)
            if self._state is _RENEWING:
                effects = [*effects, *self._stay_if_busy(at)]
            return effects
        except UpstreamFailed:
            failed = self.hang_up(Ending.PROVIDER_FAILED, at)
            return [LogEvent("upstream.garbage", "not_an_event"), *failed]

    def _pass_on(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        if not self._record.reads(frame.type):
            return [ToClient(frame.text)]
        return [ToClient(frame.text), *self._record.add(frame.event, at)]

    def _on_delta(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        self._record.add_delta(frame, at)
        return [ToClient(frame.text)]

    def _on_speech(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        has_ended = frame.type == ServerEvent.INPUT_AUDIO_BUFFER_SPEECH_STOPPED
        self._is_user_speaking = not has_ended
        self._speech_ended_s = at.timestamp() if has_ended else None
        return self._pass_on(frame, at)

    def _on_cleared(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        self._is_user_speaking = False
        return self._pass_on(frame, at)

    def _on_output_started(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        self._observe_first_sound(at.timestamp())
        return self._pass_on(frame, at)

    def _observe_first_sound(self, now_s: float) -> None:
        if self._speech_ended_s is not None:
            self._counters.first_sound.observe(now_s - self._speech_ended_s)
            self._speech_ended_s = None

    def _drop_without_type(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        return [LogEvent("upstream.garbage", "no_type")]

    def _on_session(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        if frame.type == ServerEvent.SESSION_UPDATED and self._guard is not None:
            verdict = self._guard.judge(mapping_at(frame.event, "session"))
            if verdict is not Verdict.OURS:
                return self._restore_session(verdict, at)
        if frame.type == ServerEvent.SESSION_UPDATED and self._state is State.CONFIGURING:
            self._state = State.REPLAYING
            replays = [ToUpstream(replay.text) for replay in self._replays]
            return [*replays, *self._ready_if_replayed(at)]
        if frame.type == ServerEvent.SESSION_CREATED:
            self._rotation.created(frame.event, at.timestamp())
            if self._guard is not None and self._has_joined:
                return self._configure_again()
            self._has_joined = True
        return [ToClient(redaction.session_event_for_client(frame.event))]

    def _restore_session(self, verdict: Verdict, at: datetime) -> list[Effect]:
        """The client has changed the session of a watched call."""
        if verdict is Verdict.EARLIER:
            # The answer to our own update is still to come.
            return []
        if verdict is Verdict.TOO_OFTEN:
            log = LogEvent("call.session_changed", "hung_up")
            return [log, *self.hang_up(Ending.BAD_FRAMES, at)]
        log = LogEvent("call.session_changed", "restored")
        return [log, ToUpstream(session_update_of(self._plan))]

    def _configure_again(self) -> list[Effect]:
        """The sideband of a watched call was lost and has joined again: what was sent, or changed
        by the client, meanwhile is not known. An item that the provider has already is refused.
        """
        replays = [each for each in self._replays if each.event_id in self._unanswered_replays]
        if self._state is State.CONFIGURING:
            replays = []
        return [
            ToUpstream(session_update_of(self._plan)),
            *(ToUpstream(replay.text) for replay in replays),
        ]

    def _on_item(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        item_id = id_of_item(frame) if self._past else None
        if item_id not in self._past:
            return self._pass_on(frame, at)
        self._unanswered_replays.pop(self._past[item_id], None)
        return self._ready_if_replayed(at)

    def _ready_if_replayed(self, at: datetime) -> list[Effect]:
        """READY, and the held frames go out, once the provider has answered every replay."""
        if self._state is not State.REPLAYING or self._unanswered_replays:
            return []
        self._state = State.READY
        if self._guard is None:
            # They repeat all of the history, and nothing sends them again (`_configure_again`).
            self._replays = ()
        return [ToClient(relay_events.ready(self._own_id(), self._plan)), *self._release(at)]

    def _on_error(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        self._record.add_error(frame.event)
        error = mapping_at(frame.event, "error")
        log = _log_of(error)
        ending = provider_errors.fatal_ending(error) or self._ending_if_not_configured(error)
        if ending is not None:
            return [log, *self.lose_upstream(ending, at)]
        event_id = text_at(error, "event_id")
        if self._state is State.REPLAYING and event_id is None:
            # Before READY only the relay has sent anything, so the error is about a replay.
            event_id = next(iter(self._unanswered_replays), None)
        if event_id in self._unanswered_replays:
            # The model forgets a past item that is refused; the call goes on without it.
            del self._unanswered_replays[event_id]
            return [log, *self._ready_if_replayed(at)]
        if event_id == CONFIGURE_ID and self._guard is not None:
            # The session stays as the client has changed it.
            return [log, *self.hang_up(Ending.PROVIDER_FAILED, at)]
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
        if frame.type == _RESPONSE_CREATED:
            # The end of a response is no answer to a request that was sent meanwhile.
            self._response_asked_s = None
        error = mapping_at(frame.event, *_RESPONSE_ERROR)
        if not error:
            passed: list[Effect] = [ToClient(frame.text), *effects]
        else:
            text = redaction.failure_for_client(frame.event, *_RESPONSE_ERROR)
            passed = [ToClient(text), *effects, _log_of(error)]
            if (ending := provider_errors.fatal_ending(error)) is not None:
                return [*passed, *self.lose_upstream(ending, at)]
        if self._leave_ending is not None and not self._record.is_answering(at.timestamp()):
            return [*passed, *self._leave_now(self._leave_ending, at)]
        return passed

    def _on_transcription_failed(self, frame: UpstreamFrame, at: datetime) -> list[Effect]:
        text = frame.text
        if mapping_at(frame.event, "error"):
            text = redaction.failure_for_client(frame.event, "error")
        return [ToClient(text), *self._record.add(frame.event, at)]

    # Another connection to the provider

    def due_step(self, at: datetime) -> Step | None:
        """What time demands of the next connection now, to be carried out by `take_step`."""
        is_open = self._state in (State.READY, State.RENEWING)
        if self._plan.history_tokens is None or not is_open or self._leave_ending is not None:
            return None
        now_s = at.timestamp()
        return self._rotation.due_step(now_s, lambda is_late: self._may_leave(now_s, is_late))

    def take_step(self, step: Step, at: datetime) -> list[Effect]:
        """Carry out what `due_step` returned."""
        if self._state not in (State.READY, State.RENEWING):
            return []
        match step:
            case Step.OPEN:
                return [OpenNext(self._rotation.begin(Reason.CAP, at.timestamp()))]
            case Step.GIVE_UP:
                return self.fail_next(Ending.PROVIDER_TIMEOUT, "timed_out", at)
            case _:
                return self._replay_next(at, is_late=step is Step.REPLAY_LATE)

    def open_next(self, created_text: str, at: datetime) -> list[Effect]:
        """The provider has accepted the next connection, with this `session.created`."""
        if self._state is State.CLOSING:
            return []
        try:
            created = peek_from_upstream(created_text).event
        except UpstreamFailed:
            return self.fail_next(Ending.PROVIDER_FAILED, "not_an_event", at)
        self._rotation.opened(created, at.timestamp())
        return [ToNext(session_update_of(self._plan))]

    @property
    def is_opening_next(self) -> bool:
        """Whether the next frame of the next connection is its `session.created`."""
        return self._rotation.phase is Phase.OPENING

    def from_next(self, text: str, at: datetime) -> list[Effect]:
        """A frame came from the provider on the next connection. The client gets none of them."""
        if self._state is State.CLOSING:
            return []
        try:
            news = self._rotation.read(peek_from_upstream(text))
        except UpstreamFailed:
            return self.fail_next(Ending.PROVIDER_FAILED, "not_an_event", at)
        if isinstance(news, NextFailed):
            return self.fail_next(news.ending, news.code, at)
        if news is News.REPLAYED:
            return self._move(at)
        if news is News.CONFIGURED and self._rotation.reason is Reason.PROVIDER_LOST:
            return self._replay_next(at)
        return []

    def fail_next(
        self, ending: Ending, code: str, at: datetime, retry_after_s: float | None = None
    ) -> list[Effect]:
        """The next connection failed, or did not open: try again, or end the call."""
        if self._state is State.CLOSING:
            return []
        reason = self._rotation.reason
        self._counters.rotations[rotation_kind(reason, Result.FAILED)] += 1
        failed: list[Effect] = [LogEvent("call.rotation_failed", _loggable(code)), DropNext()]
        if reason is Reason.PROVIDER_LOST and not ending.is_retryable:
            return [*failed, *self.hang_up(ending, at, retry_after_s)]
        pause_s = self._rotation.fail(at.timestamp(), retry_after_s)
        if pause_s is None:
            return [*failed, *self.hang_up(ending, at, retry_after_s)]
        return [*failed, *self._stay(at), OpenNext(pause_s)]

    def lose_upstream(self, ending: Ending, at: datetime) -> list[Effect]:
        """The connection is lost, or the provider is about to close it: replace it, or end the call
        with this ending.
        """
        if not self.survives_loss(ending):
            return self.hang_up(ending, at)
        pause_s = self._rotation.lose(at.timestamp())
        self._state = State.RENEWING
        effects: list[Effect] = [
            DropUpstream(),
            LogEvent("call.rotating", Reason.PROVIDER_LOST),
            *self._record.end_connection(at, is_lost=True),
            ToClient(relay_events.rotating(self._own_id(), Reason.PROVIDER_LOST)),
        ]
        self._forget_turn()
        if pause_s is not None:
            return [*effects, DropNext(), OpenNext(pause_s)]
        if self._rotation.phase is Phase.STANDBY:
            effects += self._replay_next(at)
        return effects

    def survives_loss(self, ending: Ending) -> bool:
        """Whether the call goes on when its connection ends so. One that the provider refuses would
        be refused again.
        """
        return (
            self._plan.history_tokens is not None
            and ending.is_retryable
            and self._has_upstream
            and self._leave_ending is None
            and self._rotation.may_lose
        )

    @property
    def _has_upstream(self) -> bool:
        """Whether what the client sends reaches the provider, now or after the hold."""
        if self._state is State.RENEWING:
            return self._rotation.reason is Reason.CAP
        return self._state is State.READY

    def _may_leave(self, now_s: float, is_late: bool) -> bool:
        """Whether the call may leave its connection: no response is in progress or was asked for,
        and no transcript is waited for. And unless `is_late`, nobody speaks, no answer is due or
        playing, and nothing else is pending.
        """
        asked_s = self._response_asked_s
        is_asked = asked_s is not None and now_s - asked_s < self._limits.answer_silence_s
        is_waiting = is_asked or self._record.awaits_transcript
        if is_waiting or self._record.is_generating(now_s):
            return False
        if is_late:
            return True
        is_answer_due = self._speech_ended_s is not None
        is_busy = self._is_user_speaking or is_answer_due or self._record.has_pending_replies
        return not is_busy and not self._record.is_answering(now_s)

    def _replay_next(self, at: datetime, *, is_late: bool = False) -> list[Effect]:
        """Send the history on the next connection, and hold the client's frames from now on."""
        effects: list[Effect] = []
        if self._state is State.READY:
            self._state = State.RENEWING
            effects.append(LogEvent("call.rotating", Reason.CAP))
            effects.append(ToClient(relay_events.rotating(self._own_id(), Reason.CAP)))
        history = self._history()
        self._next_context_tokens = self._plan.own_tokens + tokens_of(history)
        replays = replays_of(history, self._rotation.connection + 1)
        self._rotation.replay(replays, at.timestamp(), is_late=is_late)
        effects += [ToNext(replay.text) for replay in replays]
        return [*effects, *self._move(at)] if self._rotation.is_replayed else effects

    def _history(self) -> tuple[PastItem, ...]:
        """What the model is given of the conversation so far: as far as it was heard, bounded."""
        earlier = [_turn_of(item) for item in self._plan.past]
        turns = [*earlier, *self._record.turns()]
        is_cut = len(turns) > MAX_TURNS
        most_tokens = self._plan.history_tokens or 0
        return bounded_past(turns[-MAX_TURNS:], most_tokens, is_cut=is_cut).items

    def _move(self, at: datetime) -> list[Effect]:
        """The next connection is the call's from now on: send it the frames that were held."""
        reason, effects = self._rotation.reason, list[Effect]()
        if reason is Reason.CAP:
            effects += self._record.end_connection(at, is_lost=False)
            self._forget_turn()
        self._rotation.move()
        self._past = self._rotation.past
        self._record.begin_connection(tuple(self._past), self._next_context_tokens)
        self._used_item_ids.update(self._past, self._record.earlier_item_ids)
        self._state = State.READY
        self._counters.rotations[rotation_kind(reason, Result.RENEWED)] += 1
        rotated = relay_events.rotated(self._own_id(), reason, Result.RENEWED)
        effects += [SwitchUpstream(), LogEvent("call.rotated", reason), ToClient(rotated)]
        return [*effects, *self._release(at)]

    def _stay_if_busy(self, at: datetime) -> list[Effect]:
        """Stay on the present connection if a turn begins on it while the history is replayed."""
        if not self._has_upstream or self._may_leave(at.timestamp(), self._rotation.is_late):
            return []
        return self._keep_connection(at)

    def _keep_connection(self, at: datetime) -> list[Effect]:
        """Stay on the present connection, which lives, and try again later."""
        self._counters.rotations[rotation_kind(Reason.CAP, Result.KEPT)] += 1
        pause_s = self._rotation.fail(at.timestamp()) or 0.0
        return [DropNext(), *self._stay(at), OpenNext(pause_s)]

    def _stay(self, at: datetime) -> list[Effect]:
        """Send the held frames on the present connection, if it lives and they are held."""
        if self._state is not State.RENEWING or not self._has_upstream:
            return []
        self._state = State.READY
        kept = relay_events.rotated(self._own_id(), Reason.CAP, Result.KEPT)
        return [ToClient(kept), *self._release(at)]

    def _forget_turn(self) -> None:
        """The turn that was going on ended with its connection."""
        self._is_user_speaking = False
        self._speech_ended_s = self._response_asked_s = None

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
        self._record.cut_cleared(at)
        effects: list[Effect] = [*self._record.flush(at), *self._record.estimate_overdue(at)]
        if 0 < limits.longest_call_s < now_s - self._started_s:
            effects += self.leave(Ending.TIME_LIMIT, at)
        return effects

    def rest_s(self, at: datetime) -> float:
        """How long, after a `tick`, no tick and no step decides anything if no event comes before,
        in seconds. 0 while something is in progress.
        """
        is_open = self._state is State.READY and self._leave_ending is None
        if not is_open or self._speech_ended_s is not None or not self._record.is_at_rest:
            return 0.0
        limits, until_s = self._limits, self._active_s + self._limits.idle_s
        if self._client_pings:
            until_s = min(until_s, self._client_sent_s + limits.silent_client_s)
        if limits.longest_call_s:
            until_s = min(until_s, self._started_s + limits.longest_call_s)
        if self._plan.history_tokens is not None:
            until_s = min(until_s, self._rotation.rests_until_s)
        return max(0.0, until_s - at.timestamp())

    def leave(self, ending: Ending, at: datetime) -> list[Effect]:
        """End the call after the response in progress, or at once if there is none.

        A response also counts as in progress while its audio plays, which takes longer than it
        comes, and a client whose call ends stops the audio. Waits `last_answer_s` at most. The
        first ending counts, but any other replaces a spent budget, which may be raised again.
        """
        is_final = self._leave_ending not in (None, Ending.BUDGET_SPENT)
        if self._state is State.CLOSING or is_final or self._leave_ending is ending:
            return []
        effects: list[Effect] = []
        if ending is Ending.DRAINING:
            effects.append(ToClient(relay_events.draining(self._own_id())))
        now_s = at.timestamp()
        if not self._record.is_answering(now_s):
            return [*effects, *self._leave_now(ending, at)]
        self._leave_ending = ending
        self._leave_deadline_s = now_s + self._limits.last_answer_s
        return effects

    def update_budgets(self, states: Sequence[BudgetState], at: datetime) -> list[Effect]:
        """The user's budgets as they are now, from the process's heartbeat.

        The client gets each change of a level once. If a budget is used up, the call ends after the
        response in progress, unless the budget is raised before.
        """
        if self._state is State.CLOSING:
            return []
        effects: list[Effect] = [
            ToClient(relay_events.budget(self._own_id(), change))
            for change in self._budgets.update(states)
        ]
        if self._budgets.spent is not None:
            return [*effects, *self.leave(Ending.BUDGET_SPENT, at)]
        if self._leave_ending is Ending.BUDGET_SPENT:
            self._leave_ending = None
        return effects

    def _leave_now(self, ending: Ending, at: datetime) -> list[Effect]:
        """End the call now that its response is over, and drain upstream whatever the ending: the
        transcript of the user's last words usually comes after the response.
        """
        had_upstream = self._has_upstream
        effects = self.hang_up(ending, at)
        self._drains_upstream = had_upstream
        return effects

    def hang_up(
        self, ending: Ending, at: datetime, retry_after_s: float | None = None
    ) -> list[Effect]:
        """End the call now. Turns in progress are kept as interrupted; the first ending wins."""
        if self._state is State.CLOSING:
            return []
        # Before READY nothing that the client sent has gone out, so no reply to it is pending.
        self._drains_upstream = ending.drains_upstream and self._has_upstream
        effects: list[Effect] = []
        if self._state is State.RENEWING and self._drains_upstream:
            # A message that was typed just before the end is kept.
            effects += self._release(at)
        self._state = State.CLOSING
        if ending is Ending.BUDGET_SPENT and (spent := self._budgets.spent) is not None:
            retry_after_s = seconds_until_reset(spent, at)
        effects += self._record.finish(at)
        if ending is not Ending.CLIENT_LEFT:
            effects += self.closing_events(ending, retry_after_s)
        return [*effects, HangUp(ending)]

    def closing_events(self, ending: Ending, retry_after_s: float | None = None) -> list[Effect]:
        """The client's last events: `relay.error` if the ending is a failure, `relay.closing`."""
        effects: list[Effect] = []
        language = self._plan.language
        if ending.is_failure:
            failure = relay_events.failure(self._own_id(), ending, language, retry_after_s)
            effects.append(ToClient(failure))
        spent = self._budgets.spent if ending is Ending.BUDGET_SPENT else None
        resets_at = None if spent is None else spent.resets_at
        closing = relay_events.closing(self._own_id(), ending, language, retry_after_s, resets_at)
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
        return [ToUpstream(relay_events.cancellation(self._own_id()))]

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


# Compared with every frame. To read a member of an enum takes 0.07 us each time (Python 3.11).
_AUDIO_DELTA = ServerEvent.RESPONSE_OUTPUT_AUDIO_DELTA.value
_RESPONSE_CREATED = ServerEvent.RESPONSE_CREATED.value
_CLOSING, _READY, _RENEWING = State.CLOSING, State.READY, State.RENEWING

_HANDLERS: Mapping[str, Callable[[CallLogic, UpstreamFrame, datetime], list[Effect]]] = {
    **dict.fromkeys(TEXT_DELTAS, CallLogic._on_delta),
    "": CallLogic._drop_without_type,
    ServerEvent.SESSION_CREATED: CallLogic._on_session,
    ServerEvent.SESSION_UPDATED: CallLogic._on_session,
    ServerEvent.ERROR: CallLogic._on_error,
    ServerEvent.INPUT_AUDIO_BUFFER_SPEECH_STARTED: CallLogic._on_speech,
    ServerEvent.INPUT_AUDIO_BUFFER_SPEECH_STOPPED: CallLogic._on_speech,
    ServerEvent.INPUT_AUDIO_BUFFER_CLEARED: CallLogic._on_cleared,
    ServerEvent.CONVERSATION_ITEM_ADDED: CallLogic._on_item,
    ServerEvent.CONVERSATION_ITEM_CREATED: CallLogic._on_item,
    ServerEvent.CONVERSATION_ITEM_DONE: CallLogic._on_item,
    ServerEvent.OUTPUT_AUDIO_BUFFER_STARTED: CallLogic._on_output_started,
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
    return LogEvent(name, _loggable(text_at(error, "code") or text_at(error, "type") or ""))


def _loggable(code: str) -> str:
    """The code if it is a word; anything else could be content."""
    return code if _ERROR_CODE.fullmatch(code) else "unnamed"


def _turn_of(item: PastItem) -> Turn:
    """An item of an earlier call, of which the text was heard, as a turn."""
    return Turn(item.item_id, 0, item.role, Modality.TEXT, item.text, TurnStatus.COMPLETED, 0)
