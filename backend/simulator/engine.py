"""PURE: the provider's side of a GA Realtime session: fed events and time, answers with effects.

    HANDLERS      one row per client event type, with the fields it may have
    EMITTED       every event type that can come out; a test validates each with the official types

`now` is in seconds and only ever grows; ids come from the id source that the engine is given; sound
is made and understood elsewhere (`Say`, `Understand`) and comes back as `spoken` and `understood`.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from backend.simulator import billing, script
from backend.simulator.activity import SpeechStarted, SpeechStopped, VoiceActivity
from backend.simulator.conversation import (
    BYTES_PER_MS,
    Conversation,
    Item,
    Part,
    item_from_client,
    pcm_of,
)
from backend.simulator.effects import (
    Effect,
    Event,
    HangUp,
    Language,
    Line,
    Say,
    Send,
    Understand,
)
from backend.simulator.refusals import Refused, invalid, missing, unknown
from backend.simulator.session import (
    ANYTHING,
    EAGERNESS_SILENCE_MS,
    OUTPUT,
    checked,
    new_session,
    updated,
)

LEAST_COMMIT_MS = 100
MOST_BUFFER_BYTES = 15 * 1024 * 1024
SOUND_KEPT_BYTES = 60_000 * BYTES_PER_MS
MOST_UNDERSTOOD_MS = 15_000
_BEFORE_SPEECH_KEPT_MS = 1_000
"""Voice activity needs some frames to be sure, so the start that it names lies in the past."""
_LATE_TRANSCRIPT_S = 0.5
_WRITTEN_BEAT_S = 0.02

EMITTED: frozenset[str] = frozenset(
    {
        "error",
        "session.created",
        "session.updated",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.retrieved",
        "conversation.item.truncated",
        "conversation.item.deleted",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.input_audio_transcription.failed",
        "input_audio_buffer.committed",
        "input_audio_buffer.cleared",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.timeout_triggered",
        "response.created",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.done",
        "rate_limits.updated",
    }
)


class Persona(Protocol):
    """Who the assistant is."""

    def language(
        self, user_texts: Sequence[str], transcription_language: str | None, instructions: str
    ) -> Language:
        """The language to answer in."""

    def answer(self, heard: str | None, said: Sequence[str], language: Language) -> Line:
        """The next line. `heard` None: something, but not understood; "": nothing at all."""


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


@dataclass(slots=True)
class _Heard:
    """What is known of one item of the user's sound. `text` None: not understood."""

    is_transcribed: bool
    audio_ms: int
    is_known: bool = False
    text: str | None = None


@dataclass(slots=True)
class _Reply:
    """One response on its way."""

    id: str
    is_spoken: bool
    voice: str
    is_in_conversation: bool
    metadata: Any
    max_output_tokens: Any
    prompt_id: str | None = None
    input_texts: tuple[str, ...] | None = None
    context: billing.Tokens = field(default_factory=billing.Tokens)
    known: billing.Tokens = field(default_factory=billing.Tokens)
    line: Line | None = None
    item: Item | None = None
    beats: list[script.Beat] = field(default_factory=list)
    beat_s: float = 0.0
    next_beat: int = 0
    started_at: float = 0.0

    @property
    def due_at(self) -> float | None:
        """When the next beat is to be sent, if the line is there."""
        if self.item is None:
            return None
        return self.started_at + self.next_beat * self.beat_s


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
        self._out: list[Effect] = []
        self._is_over = False
        self._expires_at = 0.0
        self._conversation = Conversation()
        self._conversation_id = new_id("conv")
        self._heard: dict[str, _Heard] = {}
        self._replies: dict[str, _Reply] = {}
        self._active: _Reply | None = None
        self._owes_answer = False
        self._was_heard_speaking = False
        self._billed = billing.Tokens()
        self._spent_tokens = 0
        self._transcripts = 0
        self._late: list[tuple[float | None, str]] = []
        self._buffer = bytearray()
        self._buffer_at = 0  # bytes of the stream before the buffer
        self._activity = VoiceActivity()
        self._speech_id: str | None = None
        self._idle_at: float | None = None

    # ── In ──────────────────────────────────────────────────────────────────────────────────────

    def open(self, now: float) -> list[Effect]:
        """The connection stands."""
        self._expires_at = now + self._options.cap_s
        self.session = new_session(self._new_id("sess"), self._model, int(self._expires_at))
        self._listen_as_configured()
        self._send("session.created", session=self.session)
        return self._take()

    def from_client(self, event: object, now: float) -> list[Effect]:
        """A client event, parsed; anything that is none is answered with an `error`."""
        if self._is_over:
            return []
        event_id = event.get("event_id") if isinstance(event, dict) else None
        try:
            known = _known_event(event)
            HANDLERS[known["type"]][0](self, known, now)
        except Refused as refused:
            self._error(refused, event_id if isinstance(event_id, str) else None)
        return self._take()

    def understood(self, item_id: str, text: str | None, now: float) -> list[Effect]:
        """The answer to `Understand`: the phrase, or None where the sound was not understood."""
        heard = self._heard.get(item_id)
        if heard is not None and not heard.is_known and not self._is_over:
            self._settle(item_id, heard, text, now)
        return self._take()

    def spoken(self, response_id: str, pcm: bytes | None, now: float) -> list[Effect]:
        """The answer to `Say`: the sound of the line, or None where the voice failed."""
        reply = self._replies.get(response_id)
        if reply is None or reply.line is None or reply.item is not None:
            return self._take()
        if pcm is None:
            self._finish(reply, now, "failed", error=("server_error", "speech_synthesis_failed"))
        else:
            beat_s = script.BEAT_MS / 1000 / self._options.pace if self._options.pace else 0.0
            self._begin(reply, now, script.spoken(reply.line.caption, pcm), beat_s)
            self._advance(reply, now)
        return self._take()

    def tick(self, now: float) -> list[Effect]:
        """The time came; see `wakes_at`."""
        if self._is_over:
            return []
        if now >= self._expires_at:
            return self.expire()
        for reply in list(self._replies.values()):
            self._advance(reply, now)
        for due_at, item_id in [each for each in self._late if each[0] is not None]:
            if due_at is not None and now >= due_at:
                self._late.remove((due_at, item_id))
                self._transcribe(item_id)
        if self._idle_at is not None and now >= self._idle_at:
            self._time_out(now)
        return self._take()

    @property
    def wakes_at(self) -> float | None:
        """When `tick` has something to do, if nothing comes in before."""
        if self._is_over:
            return None
        times = [self._expires_at, self._idle_at]
        times += [reply.due_at for reply in self._replies.values()]
        times += [due_at for due_at, _ in self._late]
        return min(time for time in times if time is not None)

    # ── Out ─────────────────────────────────────────────────────────────────────────────────────

    def _send(self, type: str, **fields: Any) -> None:
        self._out.append(Send({"type": type, "event_id": self._new_id("event"), **fields}))

    def _take(self) -> list[Effect]:
        out, self._out = self._out, []
        return out

    def _error(self, refused: Refused, event_id: str | None) -> None:
        self._send(
            "error",
            error={
                "type": "invalid_request_error",
                "code": refused.code,
                "message": refused.message,
                "param": refused.param,
                "event_id": event_id,
            },
        )

    def expire(self) -> list[Effect]:
        """The session is over, as at its maximum duration."""
        if self._is_over:
            return []
        minutes, seconds = divmod(self._options.cap_s, 60)
        length = f"{self._options.cap_s:g} seconds" if seconds else f"{minutes:g} minutes"
        reason = f"Your session hit the maximum duration of {length}."
        self._error(Refused("session_expired", reason), None)
        self._out.append(HangUp(1001, reason))
        self._is_over = True
        return self._take()

    # ── Session ─────────────────────────────────────────────────────────────────────────────────

    def _update_session(self, event: Event, now: float) -> None:
        after = updated(self.session, event.get("session"), voice_locked=self._was_heard_speaking)
        if self.troubles.refused_updates:
            self.troubles.refused_updates -= 1
            raise invalid("session.instructions", "something else (refused on request)")
        before = self.session["audio"]["input"]["turn_detection"]
        self.session = after
        if after["audio"]["input"]["turn_detection"] != before:
            self._listen_as_configured()
        self._send("session.updated", session=after)

    @property
    def _turn_detection(self) -> Event | None:
        found: Event | None = self.session["audio"]["input"]["turn_detection"]
        return found

    def _listen_as_configured(self) -> None:
        detection = self._turn_detection
        if detection is None:
            self._activity.reset()
            self._speech_id = None
            self._idle_at = None
            return
        self._activity.configure(
            detection.get("threshold", 0.5),
            detection.get("silence_duration_ms")
            or EAGERNESS_SILENCE_MS[detection.get("eagerness", "auto")],
        )

    # ── The input buffer ────────────────────────────────────────────────────────────────────────

    @property
    def _position(self) -> int:
        return self._buffer_at + len(self._buffer)

    def _append(self, event: Event, now: float) -> None:
        pcm = pcm_of(event.get("audio"), "audio")
        if len(self._buffer) + len(pcm) > MOST_BUFFER_BYTES:
            raise invalid("audio", "at most 15 MiB of uncommitted audio")
        self._buffer += pcm
        detection = self._turn_detection
        if detection is None:
            return
        for happened in self._activity.feed(pcm):
            if isinstance(happened, SpeechStarted):
                self._start_speech(happened.at_ms, detection, now)
            elif isinstance(happened, SpeechStopped):
                self._stop_speech(happened.at_ms, detection, now)
        if not self._activity.is_speech:
            kept_ms = detection.get("prefix_padding_ms", 300) + _BEFORE_SPEECH_KEPT_MS
            self._drop_before(self._position - kept_ms * BYTES_PER_MS)

    def _drop_before(self, position: int) -> None:
        surplus = position - self._buffer_at
        if surplus > 0:
            del self._buffer[:surplus]
            self._buffer_at += surplus

    def _start_speech(self, at_ms: int, detection: Event, now: float) -> None:
        self._drop_before((at_ms - detection.get("prefix_padding_ms", 300)) * BYTES_PER_MS)
        self._speech_id = self._new_id("item")
        self._idle_at = None
        self._send(
            "input_audio_buffer.speech_started",
            item_id=self._speech_id,
            audio_start_ms=self._buffer_at // BYTES_PER_MS,
        )
        if detection["interrupt_response"] and self._active is not None:
            self._owes_answer = False
            self._finish(self._active, now, "cancelled", reason="turn_detected")

    def _stop_speech(self, at_ms: int, detection: Event, now: float) -> None:
        item_id, self._speech_id = self._speech_id or self._new_id("item"), None
        self._send("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=at_ms)
        end = max(at_ms * BYTES_PER_MS - self._buffer_at, 0)
        pcm = bytes(self._buffer[:end])
        self._drop_before(self._buffer_at + end)
        self._commit_sound(item_id, pcm, now)
        if detection["create_response"]:
            if self._active is None:
                self._respond({}, now)
            else:
                self._owes_answer = True

    def _commit(self, event: Event, now: float) -> None:
        if len(self._buffer) < LEAST_COMMIT_MS * BYTES_PER_MS:
            raise Refused(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of "
                f"audio, but buffer only has {len(self._buffer) / BYTES_PER_MS:.2f}ms of audio.",
            )
        item_id, self._speech_id = self._speech_id or self._new_id("item"), None
        self._activity.reset()
        pcm = bytes(self._buffer)
        self._drop_before(self._position)
        self._commit_sound(item_id, pcm, now)

    def _commit_sound(self, item_id: str, pcm: bytes, now: float) -> None:
        audio_ms = len(pcm) // BYTES_PER_MS
        self._enter_user_item(Item(item_id, "user", [Part("input_audio", None, audio_ms, pcm)]))
        heard = self._heard[item_id] = _Heard(self._is_transcribing, audio_ms)
        if audio_ms > MOST_UNDERSTOOD_MS:
            self._settle(item_id, heard, None, now)
        else:
            self._out.append(Understand(item_id, pcm))

    def _settle(self, item_id: str, heard: _Heard, text: str | None, now: float) -> None:
        heard.is_known, heard.text = True, text
        if heard.is_transcribed:
            self._plan_transcript(item_id, now)
        for reply in list(self._replies.values()):
            if reply.prompt_id == item_id and reply.line is None:
                self._decide_line(reply, now)

    def _enter_user_item(self, item: Item) -> None:
        previous = self._conversation.last_id
        self._send("input_audio_buffer.committed", item_id=item.id, previous_item_id=previous)
        self._conversation.put(item, None)
        self._conversation.forget_old_sound(SOUND_KEPT_BYTES)
        for name in ("conversation.item.added", "conversation.item.done"):
            self._send(name, item=item.as_event(), previous_item_id=previous)

    def _clear(self, event: Event, now: float) -> None:
        self._drop_before(self._position)
        self._activity.reset()
        self._speech_id = None
        self._send("input_audio_buffer.cleared")

    def _time_out(self, now: float) -> None:
        """Nobody spoke for `idle_timeout_ms`: the silence becomes an item, and is answered."""
        self._idle_at = None
        detection = self._turn_detection or {}
        end_ms = self._position // BYTES_PER_MS
        idle_ms = detection.get("idle_timeout_ms") or 0
        item_id = self._new_id("item")
        self._send(
            "input_audio_buffer.timeout_triggered",
            item_id=item_id,
            audio_start_ms=max(end_ms - idle_ms, 0),
            audio_end_ms=end_ms,
        )
        self._enter_user_item(Item(item_id, "user", [Part("input_audio", None, idle_ms)]))
        self._heard[item_id] = _Heard(False, idle_ms, is_known=True, text="")
        if self._active is None:
            self._respond({}, now)

    # ── Transcripts of the user ─────────────────────────────────────────────────────────────────

    @property
    def _is_transcribing(self) -> bool:
        return self.session["audio"]["input"]["transcription"] is not None

    def _plan_transcript(self, item_id: str, now: float) -> None:
        """Now, or late: after the answer, as happens with the provider."""
        self._transcripts += 1
        every = self._options.late_every
        is_late = bool(every) and self._transcripts % every == 0
        if self.troubles.late_transcripts:
            self.troubles.late_transcripts -= 1
            is_late = True
        if not is_late:
            self._transcribe(item_id)
        elif self._active is not None:
            self._late.append((None, item_id))
        else:
            self._late.append((now + _LATE_TRANSCRIPT_S, item_id))

    def _transcribe(self, item_id: str) -> None:
        heard = self._heard[item_id]
        item = self._conversation.find(item_id)
        if heard.text is None:
            self._send(
                "conversation.item.input_audio_transcription.failed",
                item_id=item_id,
                content_index=0,
                error={
                    "type": "transcription_error",
                    "code": "speech_not_recognised",
                    "message": "The simulator could not make out this speech. It knows only the "
                    "sentences that it suggests.",
                    "param": None,
                },
            )
            return
        if item is not None:
            item.parts[0].text = heard.text
        for word in script.words_of(heard.text):
            self._send(
                "conversation.item.input_audio_transcription.delta",
                item_id=item_id,
                content_index=0,
                delta=word,
            )
        self._send(
            "conversation.item.input_audio_transcription.completed",
            item_id=item_id,
            content_index=0,
            transcript=heard.text,
            usage=billing.transcription_usage(heard.audio_ms),
        )

    # ── Items ───────────────────────────────────────────────────────────────────────────────────

    def _create_item(self, event: Event, now: float) -> None:
        item = item_from_client(event.get("item"), self._new_id("item"))
        if self._conversation.find(item.id) is not None:
            raise Refused(
                "item_create_duplicate_item_id",
                f"Error adding item: an item with id '{item.id}' already exists.",
                "item.id",
            )
        previous = self._conversation.put(item, event.get("previous_item_id"))
        for name in ("conversation.item.added", "conversation.item.done"):
            self._send(name, item=item.as_event(), previous_item_id=previous)

    def _known_item(self, event: Event, verb: str) -> Item:
        if not isinstance(event.get("item_id"), str):
            raise missing("item_id")
        item = self._conversation.find(event["item_id"])
        if item is None:
            raise Refused(
                f"item_{verb}_invalid_item_id",
                f"Error: cannot {verb} item: the item does not exist in this conversation.",
                "item_id",
            )
        return item

    def _retrieve_item(self, event: Event, now: float) -> None:
        item = self._known_item(event, "retrieve")
        self._send("conversation.item.retrieved", item=item.as_event(with_audio=True))

    def _delete_item(self, event: Event, now: float) -> None:
        item = self._known_item(event, "delete")
        self._conversation.remove(item)
        self._send("conversation.item.deleted", item_id=item.id)

    def _truncate_item(self, event: Event, now: float) -> None:
        item = self._known_item(event, "truncate")
        index, end_ms = event.get("content_index"), event.get("audio_end_ms")
        if type(end_ms) is not int or end_ms < 0:
            raise missing("audio_end_ms") if end_ms is None else invalid("audio_end_ms", "ms >= 0")
        if type(index) is not int or not 0 <= index < len(item.parts):
            raise invalid("content_index", "the index of a content part")
        part = item.parts[index]
        if part.type != "output_audio":
            raise invalid("item_id", "an assistant message with audio")
        if end_ms > part.audio_ms:
            raise Refused(
                "invalid_value",
                f"Audio content of {part.audio_ms}ms is already shorter than {end_ms}ms",
                "audio_end_ms",
            )
        part.audio_ms = end_ms
        part.pcm = part.pcm[: end_ms * BYTES_PER_MS]
        part.text = None
        self._send(
            "conversation.item.truncated",
            item_id=item.id,
            content_index=index,
            audio_end_ms=end_ms,
        )

    # ── Responses ───────────────────────────────────────────────────────────────────────────────

    def _create_response(self, event: Event, now: float) -> None:
        params = event.get("response") or {}
        if not isinstance(params, dict):
            raise invalid("response", "an object")
        for name in params:
            if name not in RESPONSE_FIELDS:
                raise unknown(f"response.{name}")
        if params.get("output_modalities", ["audio"]) not in (["audio"], ["text"]):
            raise invalid("response.output_modalities", "['audio'] or ['text']")
        output = checked(params.get("audio", {}), {"output": ANYTHING}, "response.audio")
        checked(output.get("output", {}), OUTPUT, "response.audio.output")
        if not isinstance(params.get("input", []), list):
            raise invalid("response.input", "a list of items")
        self._respond(params, now)

    def _respond(self, params: Event, now: float) -> None:
        is_in_conversation = params.get("conversation") != "none"
        if is_in_conversation and self._active is not None:
            raise Refused(
                "conversation_already_has_active_response",
                f"Conversation already has an active response in progress: {self._active.id}. "
                "Wait until the response is finished before creating a new one.",
            )
        reply = _Reply(
            id=self._new_id("resp"),
            is_spoken=params.get("output_modalities", self.session["output_modalities"])
            == ["audio"],
            voice={**self.session["audio"]["output"], **params.get("audio", {}).get("output", {})}[
                "voice"
            ],
            is_in_conversation=is_in_conversation,
            metadata=params.get("metadata"),
            max_output_tokens=params.get("max_output_tokens", self.session["max_output_tokens"]),
        )
        instructions = params.get("instructions") or self.session["instructions"]
        reply.context = billing.of_text(instructions)
        if params.get("input") is not None:
            items = [item_from_client(given, self._new_id("item")) for given in params["input"]]
            reply.input_texts = tuple(
                part.text or "" for item in items if item.role == "user" for part in item.parts
            )
            reply.context += billing.total(item.tokens for item in items)
        else:
            reply.context += billing.total(item.tokens for item in self._conversation)
        reply.known = billing.cached(self._billed, reply.context)
        self._replies[reply.id] = reply
        if is_in_conversation:
            self._billed = reply.context
            self._active = reply
            self._idle_at = None
        self._send("response.created", response=self._response_event(reply, "in_progress"))
        if self.troubles.rate_limited_responses:
            self.troubles.rate_limited_responses -= 1
            error = ("invalid_request_error", "rate_limit_exceeded")
            self._finish(reply, now, "failed", error=error)
            return
        reply.prompt_id = self._unanswered_sound(reply)
        heard = self._heard.get(reply.prompt_id or "")
        if heard is None or heard.is_known:
            self._decide_line(reply, now)

    def _unanswered_sound(self, reply: _Reply) -> str | None:
        """The user's newest item, if it is sound that nobody has answered yet."""
        if reply.input_texts is not None:
            return None
        for item in reversed(list(self._conversation)):
            if item.role == "user":
                return item.id if item.id in self._heard else None
            if item.role == "assistant":
                return None
        return None

    def _prompt_of(self, reply: _Reply) -> str | None:
        """What the person said to this: text; "" for nothing; None for something not understood."""
        if reply.input_texts is not None:
            return reply.input_texts[-1] if reply.input_texts else ""
        if reply.prompt_id is not None:
            return self._heard[reply.prompt_id].text
        for item in reversed(list(self._conversation)):
            if item.role == "assistant":
                return ""
            if item.role == "user":
                return item.parts[-1].text
        return ""

    def _decide_line(self, reply: _Reply, now: float) -> None:
        user_texts = [
            (self._heard[item.id].text if item.id in self._heard else item.parts[-1].text) or ""
            for item in self._conversation
            if item.role == "user"
        ]
        transcription = self.session["audio"]["input"]["transcription"] or {}
        language = self._persona.language(
            [*user_texts, *(reply.input_texts or ())],
            transcription.get("language"),
            self.session["instructions"],
        )
        said = [item.said for item in self._conversation if item.said]
        reply.line = self._persona.answer(self._prompt_of(reply), said, language)
        if reply.is_spoken:
            line = reply.line
            self._out.append(Say(reply.id, line.reading, line.language, reply.voice))
        else:
            beat_s = _WRITTEN_BEAT_S if self._options.pace else 0.0
            self._begin(reply, now, script.written(reply.line.caption), beat_s)
            self._advance(reply, now)

    def _begin(self, reply: _Reply, now: float, beats: list[script.Beat], beat_s: float) -> None:
        """The first token is there: the item enters the response and the conversation."""
        reply.beats, reply.beat_s, reply.started_at = beats, beat_s, now
        reply.item = item = Item(self._new_id("item"), "assistant", status="in_progress")
        self._send(
            "response.output_item.added",
            response_id=reply.id,
            output_index=0,
            item=item.as_event(),
        )
        if reply.is_in_conversation:
            previous = self._conversation.put(item, None)
            self._send("conversation.item.added", item=item.as_event(), previous_item_id=previous)
        item.parts = [Part("output_audio" if reply.is_spoken else "output_text", "")]
        self._send(
            "response.content_part.added",
            **self._place(reply, item),
            part=_part_event(item.parts[0], ""),
        )
        self._was_heard_speaking = self._was_heard_speaking or reply.is_spoken

    @staticmethod
    def _place(reply: _Reply, item: Item) -> Event:
        return {
            "response_id": reply.id,
            "item_id": item.id,
            "output_index": 0,
            "content_index": 0,
        }

    def _advance(self, reply: _Reply, now: float) -> None:
        """Sends the beats that are due, and the end after the last."""
        while reply.item is not None and (due_at := reply.due_at) is not None and now >= due_at:
            if reply.next_beat == len(reply.beats):
                self._finish(reply, now, "completed")
                return
            self._send_beat(reply, reply.item, reply.beats[reply.next_beat])
            reply.next_beat += 1

    def _send_beat(self, reply: _Reply, item: Item, beat: script.Beat) -> None:
        part = item.parts[0]
        place = self._place(reply, item)
        item.said += beat.text
        if part.text is not None:
            part.text += beat.text
        if not reply.is_spoken:
            self._send("response.output_text.delta", **place, delta=beat.text)
            return
        if beat.text:
            self._send("response.output_audio_transcript.delta", **place, delta=beat.text)
        if beat.pcm:
            part.audio_ms += len(beat.pcm) // BYTES_PER_MS
            sound = base64.b64encode(beat.pcm).decode()
            self._send("response.output_audio.delta", **place, delta=sound)

    def _cancel_response(self, event: Event, now: float) -> None:
        wanted = event.get("response_id")
        if not isinstance(wanted, str | None):
            raise invalid("response_id", "a string")
        reply = self._active if wanted is None else self._replies.get(wanted)
        if reply is None:
            raise Refused(
                "response_cancel_not_active", "Cancellation failed: no active response found."
            )
        self._finish(reply, now, "cancelled", reason="client_cancelled")

    def _finish(
        self,
        reply: _Reply,
        now: float,
        status: str,
        *,
        reason: str | None = None,
        error: tuple[str, str] | None = None,
    ) -> None:
        """Ends a response in any way: closes what is open, bills, lets what waited go on."""
        del self._replies[reply.id]
        made = billing.Tokens()
        if reply.item is not None:
            sound = billing.Tokens(audio=reply.item.tokens.audio)
            made = billing.of_text(reply.item.said) + sound
            self._close_item(reply, reply.item, status)
        details: Event | None = {"type": status} if status != "completed" else None
        if details is not None and reason:
            details["reason"] = reason
        if details is not None and error:
            details["error"] = {"type": error[0], "code": error[1], "message": _MESSAGES[error[1]]}
        usage = None if error else billing.usage(reply.context, reply.known, made)
        self._send("response.done", response=self._response_event(reply, status, details, usage))
        self._spent_tokens += reply.context.total + made.total
        self._report_limits()
        if reply is self._active:
            self._active = None
            self._after_answer(reply, now)

    def _close_item(self, reply: _Reply, item: Item, status: str) -> None:
        item.status = "completed" if status == "completed" else "incomplete"
        part, place = item.parts[0], self._place(reply, item)
        sound = b"".join(beat.pcm for beat in reply.beats[: reply.next_beat])
        part.pcm = sound[: part.audio_ms * BYTES_PER_MS]
        if reply.is_spoken:
            self._send("response.output_audio.done", **place)
            self._send("response.output_audio_transcript.done", **place, transcript=item.said)
        else:
            self._send("response.output_text.done", **place, text=item.said)
        self._send("response.content_part.done", **place, part=_part_event(part, item.said))
        self._send(
            "response.output_item.done",
            response_id=reply.id,
            output_index=0,
            item=item.as_event(),
        )
        if reply.is_in_conversation and self._conversation.find(item.id) is item:
            before = list(self._conversation)
            place_of = before.index(item)
            self._send(
                "conversation.item.done",
                item=item.as_event(),
                previous_item_id=before[place_of - 1].id if place_of else None,
            )
        self._conversation.forget_old_sound(SOUND_KEPT_BYTES)

    def _after_answer(self, reply: _Reply, now: float) -> None:
        waiting = [item_id for due_at, item_id in self._late if due_at is None]
        self._late = [each for each in self._late if each[0] is not None]
        for item_id in waiting:
            self._transcribe(item_id)
        if self._owes_answer:
            self._owes_answer = False
            self._respond({}, now)
            return
        idle_ms = (self._turn_detection or {}).get("idle_timeout_ms")
        if idle_ms and not self._activity.is_speech:
            sound_ms = reply.item.parts[0].audio_ms if reply.item is not None else 0
            self._idle_at = max(now, reply.started_at + sound_ms / 1000) + idle_ms / 1000

    def _report_limits(self) -> None:
        limit = self._options.tokens_a_minute
        spent = self._spent_tokens % limit
        self._send(
            "rate_limits.updated",
            rate_limits=[
                {
                    "name": "tokens",
                    "limit": limit,
                    "remaining": limit - spent,
                    "reset_seconds": round(spent * 60 / limit, 3),
                }
            ],
        )

    def _response_event(
        self, reply: _Reply, status: str, details: Event | None = None, usage: Event | None = None
    ) -> Event:
        return {
            "object": "realtime.response",
            "id": reply.id,
            "status": status,
            "status_details": details,
            "output": [reply.item.as_event()] if reply.item is not None else [],
            "conversation_id": self._conversation_id if reply.is_in_conversation else None,
            "output_modalities": ["audio"] if reply.is_spoken else ["text"],
            "max_output_tokens": reply.max_output_tokens,
            "audio": {
                "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": reply.voice}
            },
            "usage": usage,
            "metadata": reply.metadata,
        }


def _known_event(event: object) -> Event:
    """The event, if its type and its fields are known. Raises Refused."""
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise Refused("invalid_event", "The event is not a JSON object with a 'type'.", "type")
    if event["type"] not in HANDLERS:
        known = ", ".join(f"'{name}'" for name in HANDLERS)
        raise Refused(
            "invalid_value",
            f"Invalid value: '{event['type'][:64]}'. Supported values are: {known}.",
            "type",
        )
    fields = HANDLERS[event["type"]][1]
    for name in event:
        if name not in fields and name not in ("type", "event_id"):
            raise unknown(name)
    return event


def _part_event(part: Part, text: str) -> Event:
    """A content part as the `content_part` events name it: `audio` and `text`, not `output_…`."""
    if part.type == "output_audio":
        return {"type": "audio", "transcript": text}
    return {"type": "text", "text": text}


_MESSAGES = {
    "rate_limit_exceeded": "Rate limit reached for the model on tokens per min (TPM). Please try "
    "again in 1.2s.",
    "speech_synthesis_failed": "The server had an error while processing your request.",
}

Handler = Callable[[Engine, Event, float], None]

HANDLERS: dict[str, tuple[Handler, tuple[str, ...]]] = {
    "session.update": (Engine._update_session, ("session",)),
    "input_audio_buffer.append": (Engine._append, ("audio",)),
    "input_audio_buffer.commit": (Engine._commit, ()),
    "input_audio_buffer.clear": (Engine._clear, ()),
    "conversation.item.create": (Engine._create_item, ("item", "previous_item_id")),
    "conversation.item.retrieve": (Engine._retrieve_item, ("item_id",)),
    "conversation.item.delete": (Engine._delete_item, ("item_id",)),
    "conversation.item.truncate": (
        Engine._truncate_item,
        ("item_id", "content_index", "audio_end_ms"),
    ),
    "response.create": (Engine._create_response, ("response",)),
    "response.cancel": (Engine._cancel_response, ("response_id",)),
}

RESPONSE_FIELDS = frozenset(
    {
        "audio",
        "conversation",
        "input",
        "instructions",
        "max_output_tokens",
        "metadata",
        "output_modalities",
        "parallel_tool_calls",
        "prompt",
        "reasoning",
        "tool_choice",
        "tools",
    }
)
