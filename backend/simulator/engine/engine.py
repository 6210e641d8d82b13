"""PURE: the provider's side of a GA Realtime session: fed events and time, answers with effects.

The engine joins the parts of a session: what the client may send (`client_events`), the user's
turns (`input_buffer`) and their `transcripts`, the conversation's `items`, each response (`reply`)
and its `delivery`, and the `outbox`. What one part must know of another, it learns here.

`now` is in seconds and only ever grows; ids come from the id source that the engine is given; sound
is made and understood elsewhere (`Say`, `Understand`) and comes back as `spoken` and `understood`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from backend.simulator.engine import chunking, item_events, token_usage
from backend.simulator.engine.client_events import known_event, response_params
from backend.simulator.engine.conversation import BYTES_PER_MS, Conversation, Item, Part, pcm_of
from backend.simulator.engine.effects import Effect, Event, HangUp, Say, Understand
from backend.simulator.engine.errors import Refused, invalid
from backend.simulator.engine.input_audio_buffer import InputBuffer, TurnStarted, TurnStopped
from backend.simulator.engine.input_transcripts import Heard, Transcripts
from backend.simulator.engine.outbox import EMITTED, Outbox
from backend.simulator.engine.response import Reply, reply_to, status_details
from backend.simulator.engine.response_prompt import line_to, unanswered_sound
from backend.simulator.engine.response_stream import Delivery, affordable
from backend.simulator.engine.session_config import new_session, updated
from backend.simulator.persona.customer import Persona

__all__ = ["EMITTED", "HANDLERS", "Engine", "EngineOptions", "Persona", "Troubles"]

SOUND_KEPT_BYTES = 60_000 * BYTES_PER_MS
MOST_UNDERSTOOD_MS = 15_000
_WRITTEN_BEAT_S = 0.02


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """`cap_s`: how long a session may last. `pace`: how many times faster than it sounds the sound
    is sent (0: at once). `late_every`: every n-th transcript comes after the answer (0: none).
    """

    cap_s: float = 3600.0
    pace: float = 5.0
    late_every: int = 3
    tokens_a_minute: int = 40_000


@dataclass(slots=True)
class Troubles:
    """What goes wrong on request: so many of the next ones."""

    refused_updates: int = 0
    rate_limited_responses: int = 0
    late_transcripts: int = 0


class Engine:
    """One session. Every public method answers with what is to be done, in order."""

    def __init__(
        self,
        model: str,
        persona: Persona,
        new_id: Callable[[str], str],
        options: EngineOptions,
    ) -> None:
        self.troubles = Troubles()
        self.session: Event = {}
        self._model = model
        self._persona = persona
        self._new_id = new_id
        self._options = options
        self._is_over = False
        self._expires_at = 0.0
        self._idle_at: float | None = None
        self._out = Outbox(new_id)
        self._buffer = InputBuffer(new_id)
        self._conversation = Conversation()
        self._conversation_id = new_id("conv")
        self._transcripts = Transcripts(self._conversation, self._out, options.late_every)
        self._meter = token_usage.Meter(options.tokens_a_minute)
        self._replies: dict[str, Reply] = {}
        self._active: Reply | None = None
        self._owes_answer = False
        self._was_heard_speaking = False

    # ── In ──────────────────────────────────────────────────────────────────────────────────────

    def open(self, now: float) -> list[Effect]:
        """The connection stands."""
        self._expires_at = now + self._options.cap_s
        self.session = new_session(self._new_id("sess"), self._model, int(self._expires_at))
        self._buffer.configure(self._turn_detection)
        self._out.send("session.created", session=self.session)
        return self._out.take()

    def from_client(self, event: object, now: float) -> list[Effect]:
        """A client event, parsed; anything that is none is answered with an `error`."""
        if self._is_over:
            return []
        try:
            known = known_event(event)
            HANDLERS[known["type"]](self, known, now)
        except Refused as refused:
            event_id = event.get("event_id") if isinstance(event, dict) else None
            self._out.refuse(refused, event_id if isinstance(event_id, str) else None)
        return self._out.take()

    def understood(self, item_id: str, text: str | None, now: float) -> list[Effect]:
        """The answer to `Understand`: the phrase, or None where the sound was not understood."""
        heard = self._transcripts.find(item_id)
        if heard is not None and not heard.is_known and not self._is_over:
            self._settle(item_id, heard, text, now)
        return self._out.take()

    def spoken(self, response_id: str, pcm: bytes | None, now: float) -> list[Effect]:
        """The answer to `Say`: the sound of the line, or None where the voice failed."""
        reply = self._replies.get(response_id)
        if reply is None or reply.line is None or reply.delivery is not None:
            return self._out.take()
        if pcm is None:
            self._finish(reply, now, "failed", failure="speech_synthesis_failed")
        else:
            beat_s = chunking.BEAT_MS / 1000 / self._options.pace if self._options.pace else 0.0
            self._was_heard_speaking = True
            self._deliver(reply, now, chunking.spoken(reply.line.caption, pcm), beat_s)
        return self._out.take()

    def tick(self, now: float) -> list[Effect]:
        """The time came; see `wakes_at`."""
        if self._is_over:
            return []
        if now >= self._expires_at:
            return self.expire()
        for reply in list(self._replies.values()):
            self._advance(reply, now)
        self._transcripts.tick(now)
        if self._idle_at is not None and now >= self._idle_at:
            self._time_out(now)
        return self._out.take()

    @property
    def wakes_at(self) -> float | None:
        """When `tick` has something to do, if nothing comes in before."""
        if self._is_over:
            return None
        times = [self._expires_at, self._idle_at, self._transcripts.wakes_at]
        times += [each.delivery.due_at for each in self._replies.values() if each.delivery]
        return min(time for time in times if time is not None)

    def expire(self) -> list[Effect]:
        """The session is over, as at its maximum duration."""
        if self._is_over:
            return []
        minutes, seconds = divmod(self._options.cap_s, 60)
        length = f"{self._options.cap_s:g} seconds" if seconds else f"{minutes:g} minutes"
        reason = f"Your session hit the maximum duration of {length}."
        self._out.refuse(Refused("session_expired", reason))
        self._out.put(HangUp(1001, reason))
        self._is_over = True
        return self._out.take()

    # ── Session ─────────────────────────────────────────────────────────────────────────────────

    @property
    def _turn_detection(self) -> Event:
        """Empty where the client itself commits."""
        return self.session["audio"]["input"]["turn_detection"] or {}

    def _update_session(self, event: Event, now: float) -> None:
        after = updated(self.session, event["session"], voice_locked=self._was_heard_speaking)
        if self.troubles.refused_updates:
            self.troubles.refused_updates -= 1
            raise invalid("session.instructions", "something else (refused on request)")
        before = self._turn_detection
        self.session = after
        if self._turn_detection != before:
            self._buffer.configure(self._turn_detection)
            if not self._turn_detection:
                self._idle_at = None
        self._out.send("session.updated", session=after)

    # ── The user's turns ────────────────────────────────────────────────────────────────────────

    def _append(self, event: Event, now: float) -> None:
        for happened in self._buffer.append(pcm_of(event["audio"], "audio")):
            match happened:
                case TurnStarted(item_id, at_ms):
                    self._start_turn(item_id, at_ms, now)
                case TurnStopped(item_id, at_ms, pcm):
                    self._stop_turn(item_id, at_ms, pcm, now)

    def _start_turn(self, item_id: str, at_ms: int, now: float) -> None:
        self._idle_at = None
        self._out.send("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=at_ms)
        if self._turn_detection["interrupt_response"] and self._active is not None:
            self._owes_answer = False
            self._finish(self._active, now, "cancelled", reason="turn_detected")

    def _stop_turn(self, item_id: str, at_ms: int, pcm: bytes, now: float) -> None:
        self._out.send("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=at_ms)
        self._commit_sound(item_id, pcm, now)
        if self._turn_detection["create_response"]:
            if self._active is None:
                self._respond({}, now)
            else:
                self._owes_answer = True

    def _commit(self, event: Event, now: float) -> None:
        item_id, pcm = self._buffer.commit()
        self._commit_sound(item_id, pcm, now)

    def _clear(self, event: Event, now: float) -> None:
        self._buffer.clear()
        self._out.send("input_audio_buffer.cleared")

    def _commit_sound(self, item_id: str, pcm: bytes, now: float) -> None:
        audio_ms = len(pcm) // BYTES_PER_MS
        is_transcribed = self.session["audio"]["input"]["transcription"] is not None
        heard = Heard(is_transcribed, audio_ms)
        self._enter_sound(item_id, heard, pcm)
        if audio_ms > MOST_UNDERSTOOD_MS:
            self._settle(item_id, heard, None, now)
        else:
            self._out.put(Understand(item_id, pcm))

    def _enter_sound(self, item_id: str, heard: Heard, pcm: bytes) -> None:
        self._transcripts.expect(item_id, heard)
        previous = self._conversation.last_id
        self._out.send("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous)
        item = Item(item_id, "user", [Part("input_audio", None, heard.audio_ms, pcm)])
        item_events.enter(self._conversation, item, None, self._out)
        self._conversation.forget_old_sound(SOUND_KEPT_BYTES)

    def _settle(self, item_id: str, heard: Heard, text: str | None, now: float) -> None:
        heard.is_known, heard.text = True, text
        if heard.is_transcribed:
            is_held_back = self.troubles.late_transcripts > 0
            if is_held_back:
                self.troubles.late_transcripts -= 1
            self._transcripts.plan(
                item_id, now, is_answering=self._active is not None, is_held_back=is_held_back
            )
        for reply in list(self._replies.values()):
            if reply.prompt_id == item_id and reply.line is None:
                self._decide_line(reply, now)

    def _time_out(self, now: float) -> None:
        """Nobody spoke for `idle_timeout_ms`: the silence becomes an item, and is answered."""
        self._idle_at = None
        idle_ms = self._turn_detection.get("idle_timeout_ms") or 0
        item_id, end_ms = self._new_id("item"), self._buffer.end_ms
        self._out.send(
            "input_audio_buffer.timeout_triggered",
            item_id=item_id,
            audio_start_ms=max(end_ms - idle_ms, 0),
            audio_end_ms=end_ms,
        )
        self._enter_sound(item_id, Heard(False, idle_ms, is_known=True, text=""), b"")
        if self._active is None:
            self._respond({}, now)

    # ── Responses ───────────────────────────────────────────────────────────────────────────────

    def _create_response(self, event: Event, now: float) -> None:
        self._respond(response_params(event), now)

    def _respond(self, params: Event, now: float) -> None:
        if params.get("conversation") != "none" and self._active is not None:
            raise Refused(
                "conversation_already_has_active_response",
                f"Conversation already has an active response in progress: {self._active.id}. "
                "Wait until the response is finished before creating a new one.",
            )
        reply = reply_to(params, self.session, self._conversation, self._new_id)
        reply.known = self._meter.read(reply.context, is_in_conversation=reply.is_in_conversation)
        self._replies[reply.id] = reply
        if reply.is_in_conversation:
            self._active = reply
            self._idle_at = None
        self._out.send(
            "response.created", response=reply.as_event(self._conversation_id, "in_progress")
        )
        rate_limits = self._meter.rate_limits(reply.max_output_tokens)
        self._out.send("rate_limits.updated", rate_limits=rate_limits)
        if self.troubles.rate_limited_responses:
            self.troubles.rate_limited_responses -= 1
            self._finish(reply, now, "failed", failure="rate_limit_exceeded")
            return
        reply.prompt_id = unanswered_sound(reply, self._conversation, self._transcripts)
        heard = self._transcripts.find(reply.prompt_id)
        if heard is None or heard.is_known:
            self._decide_line(reply, now)

    def _decide_line(self, reply: Reply, now: float) -> None:
        reply.line = line = line_to(
            reply, self._persona, self.session, self._conversation, self._transcripts
        )
        if reply.is_spoken:
            self._out.put(Say(reply.id, line.reading, line.language, reply.voice))
        else:
            beat_s = _WRITTEN_BEAT_S if self._options.pace else 0.0
            self._deliver(reply, now, chunking.written(line.caption), beat_s)

    def _deliver(self, reply: Reply, now: float, beats: list[chunking.Beat], beat_s: float) -> None:
        kept = affordable(beats, reply.max_output_tokens)
        reply.delivery = Delivery(
            reply.id,
            Item(self._new_id("item"), "assistant", status="in_progress"),
            reply.is_spoken,
            kept,
            beat_s,
            started_at=now,
            conversation=self._conversation if reply.is_in_conversation else None,
            out=self._out,
            is_cut_short=len(kept) < len(beats),
        )
        reply.delivery.open()
        self._advance(reply, now)

    def _advance(self, reply: Reply, now: float) -> None:
        if reply.delivery is None or not reply.delivery.advance(now):
            return
        if reply.delivery.is_cut_short:
            self._finish(reply, now, "incomplete", reason="max_output_tokens")
        else:
            self._finish(reply, now, "completed")

    def _cancel_response(self, event: Event, now: float) -> None:
        wanted = event.get("response_id")
        reply = self._active if wanted is None else self._replies.get(wanted)
        if reply is None:
            raise Refused(
                "response_cancel_not_active", "Cancellation failed: no active response found."
            )
        self._finish(reply, now, "cancelled", reason="client_cancelled")

    def _finish(
        self,
        reply: Reply,
        now: float,
        status: str,
        *,
        reason: str | None = None,
        failure: str | None = None,
    ) -> None:
        """Ends a response in any way: closes what is open, bills, lets what waited go on."""
        del self._replies[reply.id]
        made = token_usage.Tokens()
        if reply.delivery is not None:
            made = reply.delivery.made
            reply.delivery.close(status)
            self._conversation.forget_old_sound(SOUND_KEPT_BYTES)
        self._meter.spent += made.total
        details = status_details(status, reason, failure)
        usage = None if failure else token_usage.usage(reply.context, reply.known, made)
        self._out.send(
            "response.done",
            response=reply.as_event(self._conversation_id, status, details, usage),
        )
        if reply is self._active:
            self._active = None
            self._after_answer(reply, now)

    def _after_answer(self, reply: Reply, now: float) -> None:
        self._transcripts.tell_after_answer()
        if self._owes_answer:
            self._owes_answer = False
            self._respond({}, now)
            return
        idle_ms = self._turn_detection.get("idle_timeout_ms")
        if idle_ms and not self._buffer.is_speech:
            heard_at = reply.delivery.heard_at if reply.delivery is not None else now
            self._idle_at = max(now, heard_at) + idle_ms / 1000


Handler = Callable[[Engine, Event, float], None]


def _edit(edit: item_events.Edit) -> Handler:
    return lambda engine, event, now: edit(engine._conversation, event, engine._out)


HANDLERS: dict[str, Handler] = {
    "session.update": Engine._update_session,
    "input_audio_buffer.append": Engine._append,
    "input_audio_buffer.commit": Engine._commit,
    "input_audio_buffer.clear": Engine._clear,
    "conversation.item.create": _edit(item_events.create),
    "conversation.item.retrieve": _edit(item_events.retrieve),
    "conversation.item.delete": _edit(item_events.delete),
    "conversation.item.truncate": _edit(item_events.truncate),
    "response.create": Engine._create_response,
    "response.cancel": Engine._cancel_response,
}
"""One for each event that `client_events` knows."""
