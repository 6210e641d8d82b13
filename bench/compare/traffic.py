"""What is said in the calls of the bench: the events of one exchange, and when each is sent. PURE.

Sizes and rates are those of real calls: a microphone's 40 ms of PCM16 are 2.6 KB of JSON, 25 times
a second; a model's answer comes as audio deltas of 4 to 13 KB and as transcript deltas, 20 of each
a second. An exchange is what the user says and the whole answer, with all events around it, so that
every relay that keeps turns and usage has rows to write.

Times travel in the events: `event_id` ends with a mark and the sender's monotonic clock in ns,
16 digits, which all processes of a machine share.
"""

import base64
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from bench.compare.websocket import frame

DIGITS = 16
_MOST_NS: int = 10**DIGITS
_EVENT_ID = b'"event_id"'
_MARK_PREFIX = b'"event_'


class Mark(IntEnum):
    """What kind of event a time belongs to: the letter before it."""

    PROBE = ord("P")
    FIRST_SOUND = ord("F")
    AUDIO = ord("A")
    TEXT = ord("T")
    ECHO = ord("E")


@dataclass(frozen=True, slots=True)
class Traffic:
    """The pace of each call."""

    appends_per_s: float = 25.0
    probes_per_s: float = 10.0
    deltas_per_s: float = 20.0
    """Of audio; as many of the transcript."""
    deltas: int = 60
    """The audio deltas of one answer; as many of its transcript."""
    waits_for_reader: bool = False
    """The far end sends no more while the relay does not read. False: it keeps its pace."""

    @property
    def exchange_s(self) -> float:
        """How long an exchange takes; then the next one begins."""
        return self.deltas / self.deltas_per_s


def append_payload(size: int = 1920) -> bytes:
    """Return a microphone's event with this many bytes of sound."""
    audio = base64.b64encode(random.Random(1).randbytes(size)).decode()
    return f'{{"type":"input_audio_buffer.append","audio":"{audio}"}}'.encode()


APPEND_FRAME = frame(append_payload(), is_masked=True)
SESSION_UPDATE = frame(b'{"type":"session.update","session":{"type":"realtime"}}', is_masked=True)

PROBE_HEAD = b'{"type":"input_audio_buffer.append","audio":"PING'
_PROBE_TAIL = b'"}'
_PROBE_SIZE = len(PROBE_HEAD) + DIGITS + len(_PROBE_TAIL)
LONGEST_SMALL_EVENT = 2000
"""The far end reads no longer event: it is an append."""


def digits_of(now_ns: int) -> bytes:
    """Return the time as it travels."""
    return b"%016d" % (now_ns % _MOST_NS)


def probe_frame(now_ns: int) -> bytes:
    """Return a client's event that is answered at once: an append with the time as its sound."""
    return frame(PROBE_HEAD + digits_of(now_ns) + _PROBE_TAIL, is_masked=True)


def answer_to_probe(payload: bytes) -> bytes | None:
    """Return the frame that answers this event with the same time; None if it is no probe."""
    if not payload.startswith(PROBE_HEAD):
        return None
    sent = payload[len(PROBE_HEAD) : len(PROBE_HEAD) + DIGITS]
    return frame(
        b'{"type":"rate_limits.updated","event_id":"event_%c%b","rate_limits":'
        b'[{"name":"requests","limit":1000,"remaining":999,"reset_seconds":60}]}'
        % (Mark.PROBE, sent),
        is_masked=False,
    )


def mark_at(data: bytes, start: int, size: int) -> tuple[int, int]:
    """Return the Mark and the time in ns of a received event; (0, 0) if it has none."""
    end = start + min(size, 120)
    at = data.find(_EVENT_ID, start, end)
    at = data.find(_MARK_PREFIX, at + len(_EVENT_ID), end) if at >= 0 else at
    if at < 0:
        return 0, 0
    at += len(_MARK_PREFIX)
    digits = data[at + 1 : at + 1 + DIGITS]
    return (int(data[at]), int(digits)) if digits.isdigit() else (0, 0)


def elapsed_ns(sent: int, now_ns: int) -> int:
    """Return the time since `sent`, which is a time that travelled."""
    return (now_ns - sent) % _MOST_NS


# The exchange


@dataclass(frozen=True, slots=True)
class Exchange:
    """The frames of one exchange of one call, without those with a time in them."""

    user: bytes
    """Speech begins, ends, is committed and transcribed."""
    begin: bytes
    """The answer begins; its first audio delta follows at once."""
    end: bytes
    """The answer is done, with its usage."""
    audio_tail: bytes
    """What follows the id in an audio delta, up to the audio itself."""
    text: bytes
    """A transcript delta after its mark and time."""
    events: int
    """In `user`, `begin` and `end`."""


SAMPLE_BYTES = (3072, 4608, 6144, 7680, 9720, 5376)
"""Of sound in an audio delta: 4.1 to 13 KB as base64."""
_SOUNDS = tuple(base64.b64encode(random.Random(size).randbytes(size)) for size in SAMPLE_BYTES)
_AUDIO_HEAD = b'{"type":"response.output_audio.delta","event_id":"event_'
_TEXT_HEAD = b'{"type":"response.output_audio_transcript.delta","event_id":"event_'
_WORD = "and the "
_USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}  # fmt: skip


def exchange_of(call: int, number: int, deltas: int) -> Exchange:
    """Return the exchange with this number in a call; ids are unique in the far end."""
    key = _key(call, number)
    user, begin, end = (
        [_encoded(event, f"{key}{part}{index}") for index, event in enumerate(events)]
        for part, events in zip("ube", events_of(call, number, deltas), strict=True)
    )
    place = f'"response_id":"resp_{key}","item_id":"item_a{key}","output_index":0,"content_index":0'
    return Exchange(
        user=b"".join(user),
        begin=b"".join(begin),
        end=b"".join(end),
        audio_tail=f'",{place},"delta":"'.encode(),
        text=f'",{place},"delta":"{_WORD}"}}'.encode(),
        events=len(user) + len(begin) + len(end),
    )


Events = list[dict[str, Any]]


def events_of(call: int, number: int, deltas: int) -> tuple[Events, Events, Events]:
    """The user's events, those at the beginning of the answer and those at its end."""
    # The spoken order is a chain: without it each question would be the first of the conversation.
    previous_id = f"item_a{_key(call, number - 1)}" if number else None
    return _events(_key(call, number), previous_id, deltas)


def audio_delta(exchange: Exchange, number: int, now_ns: int) -> bytes:
    """Return the frame of an answer's audio delta; number 0 is its first sound."""
    mark = Mark.AUDIO if number else Mark.FIRST_SOUND
    sound = _SOUNDS[number % len(_SOUNDS)]
    payload = b'%b%c%b%b%b"}' % (_AUDIO_HEAD, mark, digits_of(now_ns), exchange.audio_tail, sound)
    return frame(payload, is_masked=False)


def text_delta(exchange: Exchange, now_ns: int) -> bytes:
    """Return the frame of an answer's transcript delta."""
    payload = b"%b%c%b%b" % (_TEXT_HEAD, Mark.TEXT, digits_of(now_ns), exchange.text)
    return frame(payload, is_masked=False)


def echo_frame(sound_bytes: int = 6144) -> bytes:
    """Return an audio delta of 8.2 KB, the answer to each append of a flood."""
    sound = base64.b64encode(random.Random(2).randbytes(sound_bytes))
    place = b'","response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":0'
    payload = b'%b%c%b%b,"delta":"%b"}' % (_AUDIO_HEAD, Mark.ECHO, digits_of(0), place, sound)
    return frame(payload, is_masked=False)


def _encoded(event: Mapping[str, Any], event_id: str) -> bytes:
    typed = {"type": event["type"], "event_id": f"event_{event_id}", **event}
    return frame(json.dumps(typed, separators=(",", ":")).encode(), is_masked=False)


def _key(call: int, number: int) -> str:
    return f"{call:06d}x{number:06d}"


def _events(key: str, previous_id: str | None, deltas: int) -> tuple[Events, Events, Events]:
    said = f"Where is the parcel with the number {key}, please?"
    answer = _WORD * deltas
    question_id, answer_id, response_id = f"item_q{key}", f"item_a{key}", f"resp_{key}"
    place = {
        "response_id": response_id, "item_id": answer_id, "output_index": 0, "content_index": 0,
    }  # fmt: skip
    question = {
        "id": question_id, "object": "realtime.item", "type": "message", "status": "completed",
        "role": "user", "content": [{"type": "input_audio", "transcript": None}],
    }  # fmt: skip
    item = {
        "id": answer_id, "object": "realtime.item", "type": "message", "role": "assistant",
    }  # fmt: skip
    spoken = {
        **item, "status": "completed",
        "content": [{"type": "output_audio", "transcript": answer}],
    }  # fmt: skip
    response = {
        "object": "realtime.response", "id": response_id, "conversation_id": f"conv_{key}",
        "output_modalities": ["audio"], "max_output_tokens": "inf", "metadata": None,
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"}},
    }  # fmt: skip
    follows = {"previous_item_id": previous_id}
    transcription = {"item_id": question_id, "content_index": 0}
    user: Events = [
        {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": question_id},
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, "item_id": question_id},
        {"type": "input_audio_buffer.committed", **follows, "item_id": question_id},
        {"type": "conversation.item.added", **follows, "item": question},
        {"type": "conversation.item.done", **follows, "item": question},
        {
            "type": "conversation.item.input_audio_transcription.delta",
            **transcription, "delta": said,
        },
        {
            "type": "conversation.item.input_audio_transcription.completed",
            **transcription, "transcript": said,
            "usage": {"type": "duration", "seconds": 1},
        },
    ]  # fmt: skip
    empty = {**item, "status": "in_progress", "content": []}
    begin: Events = [
        {
            "type": "response.created",
            "response": {**response, "status": "in_progress", "output": [], "usage": None},
        },
        {
            "type": "response.output_item.added",
            "response_id": response_id, "output_index": 0, "item": empty,
        },
        {"type": "conversation.item.added", "previous_item_id": question_id, "item": empty},
        {
            "type": "response.content_part.added",
            **place, "part": {"type": "audio", "transcript": ""},
        },
    ]  # fmt: skip
    end: Events = [
        {"type": "response.output_audio.done", **place},
        {"type": "response.output_audio_transcript.done", **place, "transcript": answer},
        {
            "type": "response.content_part.done",
            **place, "part": {"type": "audio", "transcript": answer},
        },
        {"type": "conversation.item.done", "previous_item_id": question_id, "item": spoken},
        {
            "type": "response.output_item.done",
            "response_id": response_id, "output_index": 0, "item": spoken,
        },
        {
            "type": "response.done",
            "response": {
                **response, "status": "completed", "status_details": None,
                "output": [spoken], "usage": _USAGE,
            },
        },
    ]  # fmt: skip
    return user, begin, end


# The pace


class Action(IntEnum):
    """What the far end sends."""

    USER = 0
    AUDIO = 1
    TEXT = 2
    END = 3


@dataclass(frozen=True, slots=True)
class Step:
    """What is sent when, counted from the start of the exchange. `number` counts the deltas."""

    at_s: float
    action: Action
    number: int = 0


def steps_of(traffic: Traffic) -> tuple[Step, ...]:
    """Return one exchange in time order.

    Each delta comes alone, halfway between its neighbours. The user's events come in the last gap,
    after the end of the answer before, so that deltas flow without a pause.
    """
    gap_s = 1 / traffic.deltas_per_s
    steps = [Step(0.0, Action.USER)]
    for number in range(traffic.deltas):
        steps.append(Step((number + 0.4) * gap_s, Action.AUDIO, number))
        steps.append(Step((number + 0.8) * gap_s, Action.TEXT, number))
    return (*steps, Step((traffic.deltas - 0.1) * gap_s, Action.END))
