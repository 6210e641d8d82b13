"""PURE: the provider's side of a GA Realtime session: events and time in, effects out.

The engine connects the parts of a session: the client events (`client_events`), the user's turns
(`input_audio_buffer`) and their transcripts (`input_transcripts`), the conversation's items
(`conversation`, `item_events`), the responses (`response`, `response_prompt`, `response_stream`)
and the `outbox`. The parts do not call each other's state changes; only the engine does.

`now` is in seconds and never decreases. Ids come from the function `new_id` that the engine is
given. Speech is synthesised and recognised outside: the engine returns `Synthesise` or `Recognise`,
and the caller passes the result to `synthesised` or `recognised`.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from backend.simulator.engine import item_events, token_usage
from backend.simulator.engine.chunking import CHUNK_MS, Chunk, spoken_chunks, written_chunks
from backend.simulator.engine.client_events import response_params, validated_event
from backend.simulator.engine.conversation import (
    BYTES_PER_MS,
    Conversation,
    Item,
    Part,
    decode_audio,
)
from backend.simulator.engine.effects import CloseWebSocket, Effect, Event, Recognise, Synthesise
from backend.simulator.engine.errors import ClientEventError, invalid_value
from backend.simulator.engine.input_audio_buffer import InputAudioBuffer, TurnStarted, TurnStopped
from backend.simulator.engine.input_transcripts import AudioItem, InputTranscripts
from backend.simulator.engine.outbox import Outbox
from backend.simulator.engine.output_audio_buffer import (
    OutputAudioBuffer,
    PlaybackChange,
    PlaybackCleared,
    PlaybackStarted,
    PlaybackStopped,
)
from backend.simulator.engine.ports import Persona
from backend.simulator.engine.response import Response, new_response, status_details
from backend.simulator.engine.response_prompt import choose_utterance, unanswered_audio_id
from backend.simulator.engine.response_stream import ResponseStream, chunks_within_budget
from backend.simulator.engine.session_config import initial_session, updated_session

KEPT_AUDIO_BYTES = 60_000 * BYTES_PER_MS
MAX_RECOGNISED_MS = 15_000
_TEXT_CHUNK_INTERVAL_S = 0.02


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options of one session.

    `cap_s`: its maximum duration. `pace`: how many times faster than real time audio is sent (0: at
    once). `late_every`: every n-th transcript comes after the response (0: none). `is_webrtc`: the
    output audio is read with `take_audio`; no event has it.
    """

    cap_s: float = 3600.0
    pace: float = 5.0
    late_every: int = 3
    tokens_a_minute: int = 40_000
    is_webrtc: bool = False


@dataclass(slots=True)
class InjectedFaults:
    """How many of the next updates, responses and transcripts are to fail, be late or not come."""

    refused_updates: int = 0
    rate_limited_responses: int = 0
    late_transcripts: int = 0
    lost_transcripts: int = 0
    empty_transcripts: int = 0
    unanswered_turns: int = 0


class Engine:
    """The state machine of one session. Every public method returns effects, in order."""

    def __init__(
        self,
        model: str,
        persona: Persona,
        new_id: Callable[[str], str],
        options: EngineOptions,
        initial_session: Event | None = None,
    ) -> None:
        """`initial_session`: the settings that the connection is opened with, already valid."""
        self.injected_faults = InjectedFaults()
        self.session: Event = {}
        self._model = model
        self._persona = persona
        self._new_id = new_id
        self._options = options
        self._initial_session = initial_session
        self._is_over = False
        self._expires_at = 0.0
        self._idle_at: float | None = None
        self._out = Outbox(new_id)
        self._buffer = InputAudioBuffer(new_id)
        self._output_audio_buffer = OutputAudioBuffer() if options.is_webrtc else None
        self._conversation = Conversation()
        self._conversation_id = new_id("conv")
        self._transcripts = InputTranscripts(self._conversation, self._out, options.late_every)
        self._meter = token_usage.TokenMeter(options.tokens_a_minute)
        self._responses: dict[str, Response] = {}
        self._active: Response | None = None
        self._has_pending_turn = False
        self._is_voice_locked = False

    def usages_in_progress(self) -> dict[str, Event]:
        """What the responses that have not ended have used so far, by their ids."""
        return {each.id: _usage_of(each) for each in self._responses.values()}

    # ── Inputs ──────────────────────────────────────────────────────────────────────────────────

    def open(self, now: float) -> list[Effect]:
        """Start the session, on a connection that is open."""
        self._expires_at = now + self._options.cap_s
        self.session = initial_session(
            self._new_id("sess"), self._model, int(self._expires_at), self._initial_session
        )
        self._buffer.configure(self._turn_detection)
        self._out.send("session.created", session=self.session)
        return self._out.take()

    def session_created(self) -> Event:
        """The `session.created` for another connection to this session, with its state now."""
        return {
            "type": "session.created",
            "event_id": self._new_id("event"),
            "session": self.session,
        }

    def hear(self, pcm: bytes, now: float) -> list[Effect]:
        """Handle audio of the microphone (PCM16 mono 24 kHz), which has no client event."""
        if not self._is_over:
            with suppress(ClientEventError):  # The buffer is full: nobody commits it.
                self._hear(pcm, now)
        return self._out.take()

    def take_audio(self, size: int) -> tuple[bytes, list[Effect]]:
        """The next `size` bytes of output audio to play now, as `OutputAudioBuffer.take`."""
        if self._output_audio_buffer is None or self._is_over:
            return b"", []
        pcm, changes = self._output_audio_buffer.take(size)
        self._report_playback(changes)
        return pcm, self._out.take()

    def from_client(self, event: object, now: float) -> list[Effect]:
        """Handle a parsed client event; one that is invalid is answered with an `error` event."""
        if self._is_over:
            return []
        try:
            valid = validated_event(event)
            HANDLERS[valid["type"]](self, valid, now)
        except ClientEventError as error:
            event_id = event.get("event_id") if isinstance(event, dict) else None
            self._out.send_error(error, event_id if isinstance(event_id, str) else None)
        return self._out.take()

    def recognised(self, item_id: str, text: str | None, now: float) -> list[Effect]:
        """Handle the result of `Recognise`: the phrase, or None if it was not understood."""
        audio_item = self._transcripts.find(item_id)
        if audio_item is not None and not audio_item.is_recognised and not self._is_over:
            self._finish_recognition(item_id, audio_item, text, now)
        return self._out.take()

    def synthesised(self, response_id: str, pcm: bytes | None, now: float) -> list[Effect]:
        """Handle the result of `Synthesise`: the audio, or None if synthesis failed."""
        response = self._responses.get(response_id)
        if response is None or response.utterance is None or response.stream is not None:
            return self._out.take()
        if pcm is None:
            self._finish(response, now, "failed", error_code="speech_synthesis_failed")
        else:
            interval_s = CHUNK_MS / 1000 / self._options.pace if self._options.pace else 0.0
            self._is_voice_locked = True
            chunks = spoken_chunks(response.utterance.caption, pcm)
            self._start_stream(response, now, chunks, interval_s)
        return self._out.take()

    def tick(self, now: float) -> list[Effect]:
        """Do what is due at this time; see `wakes_at`."""
        if self._is_over:
            return []
        if now >= self._expires_at:
            return self.expire()
        for response in list(self._responses.values()):
            self._advance(response, now)
        self._transcripts.tick(now)
        if self._idle_at is not None and now >= self._idle_at:
            self._time_out_idle(now)
        return self._out.take()

    @property
    def wakes_at(self) -> float | None:
        """When `tick` must be called next, if no other input comes first."""
        if self._is_over:
            return None
        times = [self._expires_at, self._idle_at, self._transcripts.wakes_at]
        times += [each.stream.due_at for each in self._responses.values() if each.stream]
        return min(time for time in times if time is not None)

    def expire(self) -> list[Effect]:
        """End the session as at its maximum duration."""
        if self._is_over:
            return []
        minutes, seconds = divmod(self._options.cap_s, 60)
        length = f"{self._options.cap_s:g} seconds" if seconds else f"{minutes:g} minutes"
        reason = f"Your session hit the maximum duration of {length}."
        self._out.send_error(ClientEventError("session_expired", reason))
        self._out.put(CloseWebSocket(1001, reason))
        self._is_over = True
        return self._out.take()

    # ── Session ─────────────────────────────────────────────────────────────────────────────────

    @property
    def _turn_detection(self) -> Event:
        """The session's `turn_detection`; {} if the client commits."""
        return self.session["audio"]["input"]["turn_detection"] or {}

    def _update_session(self, event: Event, now: float) -> None:
        after = updated_session(
            self.session, event["session"], is_voice_locked=self._is_voice_locked
        )
        if self.injected_faults.refused_updates:
            self.injected_faults.refused_updates -= 1
            raise invalid_value("session.instructions", "something else (refused on request)")
        before = self._turn_detection
        self.session = after
        if self._turn_detection != before:
            self._buffer.configure(self._turn_detection)
            if not self._turn_detection:
                self._idle_at = None
        self._out.send("session.updated", session=after)

    # ── The user's turns ────────────────────────────────────────────────────────────────────────

    def _append(self, event: Event, now: float) -> None:
        self._hear(decode_audio(event["audio"], "audio"), now)

    def _hear(self, pcm: bytes, now: float) -> None:
        for change in self._buffer.append(pcm):
            match change:
                case TurnStarted(item_id, at_ms):
                    self._start_turn(item_id, at_ms, now)
                case TurnStopped(item_id, at_ms, turn_pcm):
                    self._stop_turn(item_id, at_ms, turn_pcm, now)

    def _start_turn(self, item_id: str, at_ms: int, now: float) -> None:
        self._idle_at = None
        self._out.send("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=at_ms)
        if not self._turn_detection["interrupt_response"]:
            return
        if self._active is not None:
            self._has_pending_turn = False
            self._finish(self._active, now, "cancelled", reason="turn_detected")
        # What has been generated plays on after the response's end.
        self._clear_output_audio()

    def _stop_turn(self, item_id: str, at_ms: int, pcm: bytes, now: float) -> None:
        self._out.send("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=at_ms)
        self._commit_audio(item_id, pcm, now)
        if self._turn_detection["create_response"]:
            if self._active is None:
                self._respond({}, now)
            else:
                self._has_pending_turn = True

    def _commit(self, event: Event, now: float) -> None:
        item_id, pcm = self._buffer.commit()
        self._commit_audio(item_id, pcm, now)

    def _clear(self, event: Event, now: float) -> None:
        self._buffer.clear()
        self._out.send("input_audio_buffer.cleared")

    def _commit_audio(self, item_id: str, pcm: bytes, now: float) -> None:
        audio_ms = len(pcm) // BYTES_PER_MS
        is_transcribed = self.session["audio"]["input"]["transcription"] is not None
        audio_item = AudioItem(is_transcribed, audio_ms)
        self._add_audio_item(item_id, audio_item, pcm)
        if audio_ms > MAX_RECOGNISED_MS:
            self._finish_recognition(item_id, audio_item, None, now)
        else:
            self._out.put(Recognise(item_id, pcm))

    def _add_audio_item(self, item_id: str, audio_item: AudioItem, pcm: bytes) -> None:
        self._transcripts.add(item_id, audio_item)
        previous = self._conversation.last_id
        self._out.send("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous)
        item = Item(item_id, "user", [Part("input_audio", None, audio_item.audio_ms, pcm)])
        item_events.insert_item(self._conversation, item, None, self._out)
        self._conversation.drop_old_audio(KEPT_AUDIO_BYTES)

    def _finish_recognition(
        self, item_id: str, audio_item: AudioItem, text: str | None, now: float
    ) -> None:
        audio_item.is_recognised, audio_item.text = True, text
        if self.injected_faults.empty_transcripts:
            self.injected_faults.empty_transcripts -= 1
            audio_item.text = ""
        if self.injected_faults.lost_transcripts:
            self.injected_faults.lost_transcripts -= 1
        elif audio_item.is_transcribed:
            is_forced_late = self.injected_faults.late_transcripts > 0
            if is_forced_late:
                self.injected_faults.late_transcripts -= 1
            self._transcripts.schedule(
                item_id, now, is_responding=self._active is not None, is_forced_late=is_forced_late
            )
        for response in list(self._responses.values()):
            if response.answered_item_id == item_id and response.utterance is None:
                self._answer(response, now)

    def _time_out_idle(self, now: float) -> None:
        """Add the silence of `idle_timeout_ms` to the conversation as an item, and answer it."""
        self._idle_at = None
        idle_ms = self._turn_detection.get("idle_timeout_ms") or 0
        item_id, end_ms = self._new_id("item"), self._buffer.end_ms
        self._out.send(
            "input_audio_buffer.timeout_triggered",
            item_id=item_id,
            audio_start_ms=max(end_ms - idle_ms, 0),
            audio_end_ms=end_ms,
        )
        self._add_audio_item(item_id, AudioItem(False, idle_ms, is_recognised=True, text=""), b"")
        if self._active is None:
            self._respond({}, now)

    # ── Responses ───────────────────────────────────────────────────────────────────────────────

    def _create_response(self, event: Event, now: float) -> None:
        self._respond(response_params(event), now)

    def _respond(self, params: Event, now: float) -> None:
        if params.get("conversation") != "none" and self._active is not None:
            raise ClientEventError(
                "conversation_already_has_active_response",
                f"Conversation already has an active response in progress: {self._active.id}. "
                "Wait until the response is finished before creating a new one.",
            )
        if self.injected_faults.unanswered_turns:
            self.injected_faults.unanswered_turns -= 1
            return
        response = new_response(params, self.session, self._conversation, self._new_id)
        response.cached_tokens = self._meter.count_input(
            response.input_tokens, is_in_conversation=response.is_in_conversation
        )
        self._responses[response.id] = response
        if response.is_in_conversation:
            self._active = response
            self._idle_at = None
        self._out.send(
            "response.created", response=response.as_event(self._conversation_id, "in_progress")
        )
        rate_limits = self._meter.rate_limits(response.max_output_tokens)
        self._out.send("rate_limits.updated", rate_limits=rate_limits)
        if self.injected_faults.rate_limited_responses:
            self.injected_faults.rate_limited_responses -= 1
            self._finish(response, now, "failed", error_code="rate_limit_exceeded")
            return
        response.answered_item_id = unanswered_audio_id(
            response, self._conversation, self._transcripts
        )
        audio_item = self._transcripts.find(response.answered_item_id)
        if audio_item is None or audio_item.is_recognised:
            self._answer(response, now)

    def _answer(self, response: Response, now: float) -> None:
        """Choose the utterance, and start to synthesise or to send it."""
        response.utterance = utterance = choose_utterance(
            response, self._persona, self.session, self._conversation, self._transcripts
        )
        if response.is_spoken:
            self._out.put(
                Synthesise(response.id, utterance.reading, utterance.language, response.voice)
            )
        else:
            interval_s = _TEXT_CHUNK_INTERVAL_S if self._options.pace else 0.0
            self._start_stream(response, now, written_chunks(utterance.caption), interval_s)

    def _start_stream(
        self, response: Response, now: float, chunks: list[Chunk], chunk_interval_s: float
    ) -> None:
        kept = chunks_within_budget(chunks, response.max_output_tokens)
        response.stream = ResponseStream(
            response.id,
            Item(self._new_id("item"), "assistant", status="in_progress"),
            response.is_spoken,
            kept,
            chunk_interval_s,
            started_at=now,
            conversation=self._conversation if response.is_in_conversation else None,
            out=self._out,
            is_truncated=len(kept) < len(chunks),
            output_audio_buffer=self._output_audio_buffer,
        )
        response.stream.open()
        self._advance(response, now)

    def _advance(self, response: Response, now: float) -> None:
        if response.stream is None or not response.stream.advance(now):
            return
        if response.stream.is_truncated:
            self._finish(response, now, "incomplete", reason="max_output_tokens")
        else:
            self._finish(response, now, "completed")

    def _cancel_response(self, event: Event, now: float) -> None:
        wanted = event.get("response_id")
        response = self._active if wanted is None else self._responses.get(wanted)
        if response is None:
            raise ClientEventError(
                "response_cancel_not_active", "Cancellation failed: no active response found."
            )
        self._finish(response, now, "cancelled", reason="client_cancelled")

    def _finish(
        self,
        response: Response,
        now: float,
        status: str,
        *,
        reason: str | None = None,
        error_code: str | None = None,
    ) -> None:
        """End a response with any status: close its stream, count its tokens, send its end."""
        del self._responses[response.id]
        output_tokens, usage = _output_tokens(response), _usage_of(response)
        if response.stream is not None:
            response.stream.close(status)
            self._conversation.drop_old_audio(KEPT_AUDIO_BYTES)
        self._meter.spent += output_tokens.total
        self._out.send(
            "response.done",
            response=response.as_event(
                self._conversation_id,
                status,
                status_details(status, reason, error_code),
                None if error_code else usage,
            ),
        )
        if self._output_audio_buffer is not None:
            self._output_audio_buffer.finish(response.id)
        if response is self._active:
            self._active = None
            self._after_active_response(response, now)

    def _after_active_response(self, response: Response, now: float) -> None:
        """Send late transcripts; answer a turn that came meanwhile, or start the idle timer."""
        self._transcripts.send_after_response()
        if self._has_pending_turn:
            self._has_pending_turn = False
            self._respond({}, now)
            return
        idle_ms = self._turn_detection.get("idle_timeout_ms")
        if idle_ms and not self._buffer.is_speech:
            playback_ends_at = response.stream.playback_ends_at if response.stream else now
            self._idle_at = max(now, playback_ends_at) + idle_ms / 1000

    # ── Output audio of WebRTC ──────────────────────────────────────────────────────────────────

    def _clear_output_audio_on_request(self, event: Event, now: float) -> None:
        if self._output_audio_buffer is None:
            raise ClientEventError(
                "invalid_value",
                "Invalid value: 'output_audio_buffer.clear'. It is only for WebRTC and SIP calls.",
                "type",
            )
        self._clear_output_audio()

    def _clear_output_audio(self) -> None:
        """Drop what has not been played; a response that is in progress generates no more audio."""
        if self._output_audio_buffer is not None:
            self._report_playback(self._output_audio_buffer.clear())

    def _report_playback(self, changes: Sequence[PlaybackChange]) -> None:
        for change in changes:
            match change:
                case PlaybackStarted(response_id):
                    self._out.send("output_audio_buffer.started", response_id=response_id)
                case PlaybackStopped(response_id):
                    self._out.send("output_audio_buffer.stopped", response_id=response_id)
                case PlaybackCleared():
                    self._report_cleared(change)

    def _report_cleared(self, change: PlaybackCleared) -> None:
        response = self._responses.get(change.response_id)
        if response is not None and response.stream is not None:
            response.stream.stop_audio()
        if change.was_started:
            self._out.send("output_audio_buffer.cleared", response_id=change.response_id)
        item_events.truncate_to_played(
            self._conversation, change.item_id, change.played_ms, self._out
        )


def _output_tokens(response: Response) -> token_usage.Tokens:
    return token_usage.Tokens() if response.stream is None else response.stream.output_tokens


def _usage_of(response: Response) -> Event:
    return token_usage.response_usage(
        response.input_tokens, response.cached_tokens, _output_tokens(response)
    )


Handler = Callable[[Engine, Event, float], None]


def _item_handler(handle: item_events.ItemHandler) -> Handler:
    return lambda engine, event, now: handle(engine._conversation, event, engine._out)


HANDLERS: dict[str, Handler] = {
    "session.update": Engine._update_session,
    "input_audio_buffer.append": Engine._append,
    "input_audio_buffer.commit": Engine._commit,
    "input_audio_buffer.clear": Engine._clear,
    "conversation.item.create": _item_handler(item_events.create),
    "conversation.item.retrieve": _item_handler(item_events.retrieve),
    "conversation.item.delete": _item_handler(item_events.delete),
    "conversation.item.truncate": _item_handler(item_events.truncate),
    "response.create": Engine._create_response,
    "response.cancel": Engine._cancel_response,
    "output_audio_buffer.clear": Engine._clear_output_audio_on_request,
}
"""One handler for each event type of `client_events.EVENT_FIELDS`."""
