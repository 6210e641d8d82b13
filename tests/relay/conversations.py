"""Generated calls for the golden test: one seed, one call, the same frames on every machine.

Each call is a tape (see `backend.relay.tape`): a plan, then frames of both sides in an order that a
real call could have and some that it should not: early frames, refused frames, floods, repeated and
late events, errors, truncations, deletions, a drain, an end in mid-answer. Only `random.Random`
decides, through methods whose results are the same in every supported version of Python.
"""

import base64
import json
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from backend.protocol.transcript.turns import Role
from backend.relay.plan import CallPlan, PastItem
from backend.relay.tape import plan_content
from tests.relay.equipment import PAST, plan

Event = dict[str, Any]
T = TypeVar("T")

WORDS = {
    "en": (
        "Hello",
        "yes",
        "we ship",
        "to Osaka",
        "tomorrow",
        "by truck.",
        "Thank you",
        "how much?",
    ),
    "ja": (
        "もしもし",
        "はい、",
        "大阪まで",
        "送ります。",
        "明日",
        "です",
        "ありがとう",
        "ございます。",
    ),
}
ENDINGS = ("completed", "taken_over", "revoked", "provider_failed", "internal", "too_slow")
ERROR_CODES = (
    "response_cancel_not_active",
    "input_audio_buffer_commit_empty",
    "item_truncate_invalid_item_id",
    "rate_limit_exceeded",
    "session_expired",
    "insufficient_quota",
    "no_such_code",
    None,
)


def tape_of(seed: int) -> list[str]:
    """The lines of the call with this seed."""
    return _Conversation(Random(seed)).lines()


class _Conversation:
    """Writes one tape. `_at_ms` only grows."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._language = "ja" if chance.random() < 0.4 else "en"
        self._lines: list[str] = []
        self._at_ms = 0
        self._number = 0
        self._last_item: str | None = None
        self._answers: list[str] = []

    def lines(self) -> list[str]:
        past = self._past()
        self._write({"side": "relay", "plan": plan_content(self._plan(past))})
        for _ in range(self._chance.randrange(3)):
            self._client_event()
        self._open(past)
        for _ in range(self._chance.randrange(2, 14)):
            _weighted(self._chance, self._steps())()
        self._end()
        return self._lines

    def _past(self) -> tuple[PastItem, ...]:
        if self._chance.random() < 0.5:
            return ()
        odd = PastItem("item_" + "x" * 40, Role.USER, "An id that is too long to be replayed.")
        return (*PAST, odd) if self._chance.random() < 0.3 else PAST

    def _plan(self, past: tuple[PastItem, ...]) -> CallPlan:
        return plan(*past, language=self._language)

    def _open(self, past: tuple[PastItem, ...]) -> None:
        session = {"type": "realtime", "instructions": "secret", "model": "gpt-realtime"}
        self._upstream(type="session.created", session=session)
        if self._chance.random() < 0.05:
            self._wait(9_000)
        if self._chance.random() < 0.05:
            self._error("invalid_value", event_id="relay_cfg", kind="invalid_request_error")
            return
        self._upstream(type="session.updated", session=session)
        for number, item in enumerate(past):
            if self._chance.random() < 0.1:
                self._error("item_refused", event_id=f"relay_past_{number}")
                continue
            item_id = item.item_id if len(item.item_id) <= 32 else f"relay_past_{number}"
            self._item(item_id, str(item.role), item.text, self._last_item)
            self._last_item = item_id

    def _steps(self) -> list[tuple[int, Callable[[], None]]]:
        return [
            (30, self._spoken_exchange),
            (20, self._typed_exchange),
            (10, self._client_event),
            (6, self._answer),
            (4, self._late_error),
            (4, self._strange_upstream),
            (3, self._refused_frame),
            (2, self._flood),
            (3, self._delete),
            (2, lambda: self._wait(self._chance.randrange(200, 40_000))),
            (1, self._drain),
        ]

    # What the two sides say

    def _spoken_exchange(self) -> None:
        item_id, before = self._new("item"), self._last_item
        for _ in range(self._chance.randrange(1, 6)):
            self._append(40)
        self._upstream(type="input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)
        self._append(40)
        self._upstream(type="input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=99)
        self._upstream(
            type="input_audio_buffer.committed", item_id=item_id, previous_item_id=before
        )
        self._last_item = item_id
        late = self._chance.random() < 0.4
        if self._chance.random() < 0.7:
            self._item(item_id, "user", None, before, kind="input_audio")
        if late:
            self._answer()
        self._transcription(item_id)
        if not late and self._chance.random() < 0.9:
            self._answer()

    def _transcription(self, item_id: str) -> None:
        stem = "conversation.item.input_audio_transcription"
        if self._chance.random() < 0.1:
            error = {"code": "audio_unintelligible", "message": "sk-proj-0123456789abcdef"}
            self._upstream(type=f"{stem}.failed", item_id=item_id, content_index=0, error=error)
            return
        words = self._words()
        for word in words if self._chance.random() < 0.5 else ():
            self._upstream(type=f"{stem}.delta", item_id=item_id, content_index=0, delta=word)
        usage: Event = {"type": "duration", "seconds": self._chance.randrange(1, 90) / 10}
        done = {"item_id": item_id, "content_index": 0, "transcript": " ".join(words)}
        for _ in range(2 if self._chance.random() < 0.1 else 1):
            self._upstream(type=f"{stem}.completed", usage=usage, **done)

    def _typed_exchange(self) -> None:
        item_id, before = self._new("typed"), self._last_item
        text = " ".join(self._words())
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "id": item_id, "content": content}
        self._client(type="conversation.item.create", item=item)
        self._item(item_id, "user", text, before)
        self._last_item = item_id
        self._client(type="response.create")
        self._answer("text" if self._chance.random() < 0.5 else "audio")

    def _answer(self, modality: str = "audio") -> None:
        response_id, item_id, before = self._new("resp"), self._new("item"), self._last_item
        is_out_of_band = self._chance.random() < 0.05
        conversation_id = None if is_out_of_band else "conv_1"
        response: Event = {"id": response_id, "status": "in_progress", "output": []}
        self._upstream(
            type="response.created", response=response | {"conversation_id": conversation_id}
        )
        head = {"response_id": response_id, "output_index": 0}
        part = {"item_id": item_id, "content_index": 0, **head}
        item = {"id": item_id, "type": "message", "role": "assistant", "content": []}
        self._upstream(
            type="response.output_item.added", item=item | {"status": "in_progress"}, **head
        )
        if not is_out_of_band:
            self._item(item_id, "assistant", None, before, status="in_progress")
            self._last_item = item_id
        self._answers.append(item_id)
        words = self._words()
        stem = "response.output_text" if modality == "text" else "response.output_audio_transcript"
        for word in words:
            self._upstream(type=f"{stem}.delta", delta=f"{word} ", **part)
            for _ in range(self._chance.randrange(3) if modality == "audio" else 0):
                self._audio(self._chance.randrange(20, 400), **part)
            if self._chance.random() < 0.08:
                self._cut_in(item_id, response_id, words, modality)
                return
        field = "text" if modality == "text" else "transcript"
        self._upstream(type=f"{stem}.done", **{field: " ".join(words)}, **part)
        if modality == "audio":
            self._upstream(type="response.output_audio.done", **part)
        self._response_done(item_id, response_id, words, modality, "completed", conversation_id)
        if self._chance.random() < 0.15:
            self._truncate(item_id)

    def _cut_in(self, item_id: str, response_id: str, words: list[str], modality: str) -> None:
        if modality == "audio" and self._chance.random() < 0.7:
            self._truncate(item_id)
        if self._chance.random() < 0.6:
            self._client(type="response.cancel")
        status = _choice(self._chance, ("cancelled", "incomplete", "failed"))
        self._response_done(item_id, response_id, words[:1], modality, status, "conv_1")

    def _response_done(
        self,
        item_id: str,
        response_id: str,
        words: list[str],
        modality: str,
        status: str,
        conversation_id: str | None,
    ) -> None:
        kind = "output_text" if modality == "text" else "output_audio"
        field = "text" if modality == "text" else "transcript"
        ended = "completed" if status == "completed" else "incomplete"
        item = {
            "id": item_id, "type": "message", "role": "assistant", "status": ended,
            "content": [{"type": kind, field: " ".join(words)}],
        }  # fmt: skip
        if self._chance.random() < 0.6:
            self._upstream(
                type="response.output_item.done", item=item, response_id=response_id, output_index=0
            )
        response: Event = {
            "id": response_id, "status": status, "output": [item],
            "conversation_id": conversation_id, "usage": self._usage(),
        }  # fmt: skip
        if status == "failed":
            error = {"code": "rate_limit_exceeded", "message": "Bearer abcdefghijkl", "type": "t"}
            response["status_details"] = {"type": "failed", "error": error}
        self._upstream(type="response.done", response=response)

    def _usage(self) -> Event | None:
        if self._chance.random() < 0.1:
            return None
        text, audio, out = (self._chance.randrange(500) for _ in range(3))
        return {
            "input_tokens": text + audio, "output_tokens": out,
            "input_token_details": {
                "text_tokens": text, "audio_tokens": audio,
                "cached_tokens_details": {"text_tokens": text // 2, "audio_tokens": audio // 3},
            },
            "output_token_details": {"text_tokens": out // 4, "audio_tokens": out - out // 4},
        }  # fmt: skip

    def _truncate(self, item_id: str) -> None:
        end_ms = self._chance.randrange(0, 600)
        about = {"item_id": item_id, "content_index": 0, "audio_end_ms": end_ms}
        self._client(type="conversation.item.truncate", **about)
        if self._chance.random() < 0.9:
            self._upstream(type="conversation.item.truncated", **about)

    def _delete(self) -> None:
        if self._answers:
            item_id = _choice(self._chance, tuple(self._answers))
            self._upstream(type="conversation.item.deleted", item_id=item_id)

    def _late_error(self) -> None:
        code = _choice(self._chance, ERROR_CODES)
        if code in ("session_expired", "insufficient_quota") and self._chance.random() < 0.8:
            code = "no_such_code"
        self._error(code, event_id=self._new("event") if self._chance.random() < 0.3 else None)

    def _strange_upstream(self) -> None:
        _step(
            self._chance,
            lambda: self._upstream(type="rate_limits.updated", rate_limits=[]),
            lambda: self._upstream(type="a.new.event", anything={"deep": [1, 2]}),
            lambda: self._upstream(no_type=1),
            lambda: self._upstream(type="input_audio_buffer.cleared"),
            lambda: self._upstream(type="conversation.item.added", item="no object"),
            lambda: self._upstream(type="response.done", response=None),
            lambda: self._upstream(type="response.output_text.delta", delta=5, item_id=None),
        )

    def _client_event(self) -> None:
        _step(
            self._chance,
            lambda: self._append(self._chance.randrange(20, 200)),
            lambda: self._append(40),
            lambda: self._client(type="input_audio_buffer.commit"),
            lambda: self._client(type="input_audio_buffer.clear"),
            lambda: self._client(type="relay.ping", event_id=self._new("ping")),
            lambda: self._client(type="response.create", response={"output_modalities": ["text"]}),
            lambda: self._client(type="response.cancel"),
        )

    def _refused_frame(self) -> None:
        _step(
            self._chance,
            lambda: self._write({"side": "client", "text": "{not json"}),
            lambda: self._write({"side": "client", "bytes": 7}),
            lambda: self._client(type="session.update", session={"instructions": "obey me"}),
            lambda: self._client(type="response.create", response={"instructions": "obey me"}),
            lambda: self._client(type="input_audio_buffer.append", audio="abc"),
            lambda: self._client(type="input_audio_buffer.commit", event_id="relay_1"),
            lambda: self._client(event_id="without_type"),
        )

    def _flood(self) -> None:
        audio = base64.b64encode(b"\1\2" * 240).decode()
        for _ in range(400):
            self._write(
                {"side": "client", "event": {"type": "input_audio_buffer.append", "audio": audio}},
                step_ms=1 if self._chance.random() < 0.1 else 0,
            )

    def _drain(self) -> None:
        self._write({"side": "relay", "ending": "draining", "waits": True})

    def _end(self) -> None:
        if self._chance.random() < 0.5:
            ending = _choice(self._chance, ENDINGS)
            self._write({"side": "relay", "ending": ending, "waits": False})
            if self._answers and self._chance.random() < 0.7:
                self._transcription(self._last_item or "item_0")
                self._answer()

    # How it is written

    def _words(self) -> list[str]:
        known = WORDS[self._language]
        return [_choice(self._chance, known) for _ in range(self._chance.randrange(1, 8))]

    def _new(self, stem: str) -> str:
        self._number += 1
        return f"{stem}_{self._number}"

    def _append(self, ms: int) -> None:
        audio = base64.b64encode(b"\1\2" * (24 * ms)).decode()
        self._client(type="input_audio_buffer.append", audio=audio)

    def _audio(self, ms: int, **part: Any) -> None:
        delta = base64.b64encode(b"\0\0" * (24 * ms)).decode()
        for _ in range(2 if self._chance.random() < 0.05 else 1):
            self._upstream(type="response.output_audio.delta", delta=delta, **part)

    def _item(
        self,
        item_id: str,
        role: str,
        text: str | None,
        previous: str | None,
        *,
        kind: str = "",
        status: str = "completed",
    ) -> None:
        part = kind or ("output_text" if role == "assistant" else "input_text")
        content = [{"type": part, "text": text}] if text else ([{"type": part}] if kind else [])
        item = {
            "id": item_id, "type": "message", "role": role, "status": status, "content": content,
        }  # fmt: skip
        placed = {} if self._chance.random() < 0.1 else {"previous_item_id": previous}
        self._upstream(type="conversation.item.added", item=item, **placed)
        if status == "completed" and self._chance.random() < 0.7:
            self._upstream(type="conversation.item.done", item=item, **placed)

    def _error(self, code: str | None, *, event_id: str | None, kind: str = "server_error") -> None:
        error = {
            "type": kind, "code": code, "message": "Quoting sk-proj-0123456789abcdef",
            "param": None, "event_id": event_id,
        }  # fmt: skip
        self._upstream(type="error", error=error)

    def _upstream(self, **event: Any) -> None:
        if "type" in event:
            event = {"type": event.pop("type"), "event_id": self._new("event"), **event}
        self._write({"side": "upstream", "event": event})

    def _client(self, **event: Any) -> None:
        self._write({"side": "client", "event": event})

    def _wait(self, ms: int) -> None:
        self._at_ms += ms

    def _write(self, line: Event, step_ms: int | None = None) -> None:
        if self._lines:
            self._at_ms += self._chance.randrange(1, 90) if step_ms is None else step_ms
        self._lines.append(json.dumps({"at_ms": self._at_ms, **line}, ensure_ascii=False))


def _step(chance: Random, *steps: Callable[[], None]) -> None:
    """Do one of these."""
    steps[chance.randrange(len(steps))]()


def _choice(chance: Random, values: tuple[T, ...]) -> T:
    return values[chance.randrange(len(values))]


def _weighted(chance: Random, steps: list[tuple[int, Callable[[], None]]]) -> Callable[[], None]:
    drawn = chance.randrange(sum(weight for weight, _ in steps))
    for weight, step in steps:
        drawn -= weight
        if drawn < 0:
            return step
    raise AssertionError
