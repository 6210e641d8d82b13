"""Estimates what a response or a transcription cost whose usage has not come. PURE.

The provider sends the usage last, in `response.done` or with the transcript. A client that leaves
just before, a lost connection and a lost event must not make it free. So the meter of a connection
counts what was produced, and knows about how long the conversation is that each response read.

What a response read is, most closely, what the latest usage of the connection says, plus what was
said since: an item's text by `token_estimate`, speech at 10 tokens a second. Before the first usage
it is the instructions and the history that was replayed. The provider bills the part that the
response before has read as cached, if that has at least 1,024 tokens (OpenAI's guide to prompt
caching). What it produced is its audio, at 20 tokens a second, and the words that came.

Nothing is estimated for a response that failed, or that ended without having produced anything.
Usages are estimates (`Usage.is_estimated`): one that the provider sends later replaces them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Any

import msgspec

from backend.protocol.events import ServerEvent
from backend.protocol.frames import UpstreamFrame
from backend.protocol.reading import int_at, mapping_at, mappings_at, text_at
from backend.protocol.usage import (
    AUDIO_IN_TOKENS_PER_S,
    AUDIO_OUT_TOKENS_PER_S,
    TextUsage,
    Usage,
    usage_of,
)
from backend.relay.token_estimate import message_tokens, text_tokens

CACHED_FROM_TOKENS = 1024
"""The shortest input of which the provider caches the beginning."""
_MAX_AUDIO_MS = 24 * 3600 * 1000
_COMPLETE_TEXTS = ("text", "transcript", "arguments")
"""The fields with which the `.done` events of a response's parts repeat their whole text."""

_Part = tuple[str, int, str]
"""An item's id, a content index and the stem of the event's type."""


class _Tokens(msgspec.Struct, frozen=True, gc=False):
    """Tokens of text and of audio."""

    text: int = 0
    audio: int = 0

    def __add__(self, other: "_Tokens") -> "_Tokens":
        return _Tokens(self.text + other.text, self.audio + other.audio)

    def __sub__(self, other: "_Tokens") -> "_Tokens":
        return _Tokens(max(0, self.text - other.text), max(0, self.audio - other.audio))


@dataclass(slots=True)
class _Response:
    """A response whose usage has not come: what it read, what it has produced, when it last did."""

    read: _Tokens
    heard_s: float
    audio_ms: float = 0.0
    texts: dict[_Part, int] = field(default_factory=dict)
    """The tokens of each part's text so far."""
    is_done: bool = False
    is_estimated: bool = False
    """Whether it was estimated after its end: then nothing of it changes any more."""
    is_out_of_band: bool = False

    def add_text(self, part: _Part, delta: str) -> None:
        """Count a delta of this part's text."""
        self.texts[part] = self.texts.get(part, 0) + text_tokens(delta)

    @property
    def item_id(self) -> str:
        """The last item of which words came; empty if none did."""
        return next((item_id for item_id, _, _ in reversed(self.texts)), "")

    @property
    def produced(self) -> _Tokens:
        audio = ceil(self.audio_ms / 1000 * AUDIO_OUT_TOKENS_PER_S)
        return _Tokens(sum(self.texts.values()), audio)


class UsageMeter:
    """The meter of one connection to the provider. `context_tokens`: of instructions and history.

    `add` and `add_audio` are given every event of the connection, as `CallRecord` is.
    """

    def __init__(self, context_tokens: int = 0) -> None:
        self._context = _Tokens(text=context_tokens)
        self._cached = _Tokens()
        self._items: set[str] = set()
        self._responses: dict[str, _Response] = {}
        """The responses whose usage has not come."""
        self._response_ids: set[str] = set()
        self._speech_ms: dict[str, float] = {}
        """How long the speech of each item was, as far as it is known."""
        self._untranscribed: set[str] = set()
        self._estimates: dict[tuple[str, str], Usage] = {}
        """The last estimate that was returned of each source, by id and kind."""

    def add(self, event: Mapping[str, Any], at_s: float) -> Usage | None:
        """Add one provider event other than an audio delta. Returns the usage in it."""
        event_type = text_at(event, "type") or ""
        if (read := _READERS.get(event_type)) is not None:
            return read(self, event, at_s)
        if event_type.startswith("response."):
            self._add_part(event_type, event, at_s)
        return None

    def add_audio(self, response_id: str | None, ms: float, at_s: float) -> None:
        """Add the audio of a response. Without an id it is that of the newest one."""
        if response := self._in_progress(response_id, at_s):
            response.audio_ms += ms

    def add_delta(self, delta: UpstreamFrame, at_s: float) -> None:
        """Add a delta of a response's text, as `add` does, without its event."""
        if response := self._in_progress(delta.response_id, at_s):
            stem = delta.type.removesuffix(".delta")
            response.add_text((delta.item_id or "", delta.content_index, stem), delta.delta)

    @property
    def is_at_rest(self) -> bool:
        """Whether no usage is waited for that could become overdue."""
        return all(response.is_done for response in self._responses.values())

    def overdue(self, latest_s: float) -> list[Usage]:
        """Estimate the responses that ended without a usage, and those in progress of which nothing
        has come since `latest_s`. Returns the estimates that are new or have changed.
        """
        return self._estimated(latest_s)

    def rest(self) -> list[Usage]:
        """Estimate everything whose usage has not come: no more of it is waited for."""
        usages = self._estimated(inf)
        for item_id in self._untranscribed:
            seconds = self._speech_ms.get(item_id, 0.0) / 1000
            if seconds > 0:  # A late event could move the start behind the end.
                usage = Usage(item_id, "transcription", seconds=seconds, is_estimated=True)
                usages += self._new(usage)
        return usages

    def _estimated(self, latest_s: float) -> list[Usage]:
        usages: list[Usage] = []
        for response_id, response in self._responses.items():
            if response.is_estimated or not (response.is_done or response.heard_s <= latest_s):
                continue
            response.is_estimated = response.is_done
            if response.is_done and response.produced == _Tokens():
                continue
            if response.read + response.produced == _Tokens():
                continue
            usages += self._new(self._estimate(response_id, response))
        return usages

    def _estimate(self, response_id: str, response: _Response) -> Usage:
        read, produced = response.read, response.produced
        is_cached = self._cached.text + self._cached.audio >= CACHED_FROM_TOKENS
        cached = self._cached if is_cached else _Tokens()
        return Usage(
            response_id,
            "response",
            text_in=read.text,
            text_in_cached=min(cached.text, read.text),
            audio_in=read.audio,
            audio_in_cached=min(cached.audio, read.audio),
            text_out=produced.text,
            audio_out=produced.audio,
            is_estimated=True,
            item_id=response.item_id,
        )

    def _new(self, usage: Usage) -> list[Usage]:
        key = (usage.source_id, usage.kind)
        if self._estimates.get(key) == usage:
            return []
        self._estimates[key] = usage
        return [usage]

    def _newest(self) -> _Response | None:
        return next(reversed(self._responses.values()), None)

    # Responses

    def _response_created(self, event: Mapping[str, Any], at_s: float) -> None:
        given = mapping_at(event, "response")
        response_id = text_at(given, "id")
        if not response_id or response_id in self._response_ids:
            return
        self._response_ids.add(response_id)
        self._responses[response_id] = _Response(
            self._context,
            at_s,
            is_out_of_band=given.get("conversation_id", response_id) is None,
        )

    def _response_done(self, event: Mapping[str, Any], at_s: float) -> Usage | None:
        self._response_created(event, at_s)
        usage, given = usage_of(event), mapping_at(event, "response")
        response_id = text_at(given, "id") or ""
        response = self._responses.get(response_id)
        if response is None:
            return usage
        if usage is None and text_at(given, "status") != "failed":
            if not response.is_done:
                response.is_done = True
                self._add_output(response, response.read + response.produced)
            return None
        del self._responses[response_id]
        if usage is not None and not response.is_out_of_band:
            read = _Tokens(usage.text_in, usage.audio_in)
            self._add_output(response, read + _Tokens(usage.text_out, usage.audio_out))
            self._cached = read
        return usage

    def _add_output(self, response: _Response, whole: _Tokens) -> None:
        """The conversation is `whole` with this response, and what came while it was generated."""
        if not response.is_out_of_band:
            self._context = whole + (self._context - response.read)

    def _add_part(self, event_type: str, event: Mapping[str, Any], at_s: float) -> None:
        """Add the text of a part: a delta of it, or all of it."""
        response = self._in_progress(text_at(event, "response_id"), at_s)
        if response is None:
            return
        if event_type.endswith(".delta"):
            part = _part_of(event, event_type.removesuffix(".delta"))
            response.add_text(part, text_at(event, "delta") or "")
        elif event_type.endswith(".done"):
            for name in _COMPLETE_TEXTS:
                if whole := text_at(event, name):
                    part = _part_of(event, event_type.removesuffix(".done"))
                    response.texts[part] = text_tokens(whole)
                    return

    def _in_progress(self, response_id: str | None, at_s: float) -> _Response | None:
        """The response of this id, of which something comes now; without an id the newest one."""
        response = self._responses.get(response_id or "")
        if response is None:
            response = self._newest()
        if response is None or response.is_done:
            return None
        response.heard_s = at_s
        return response

    # The conversation

    def _item(self, event: Mapping[str, Any], at_s: float) -> None:
        item = mapping_at(event, "item")
        item_id = text_at(item, "id")
        # An answer's item is counted with its response.
        if not item_id or item_id in self._items or item.get("role") == "assistant":
            return
        texts = [text_at(content, "text") or "" for content in mappings_at(item, "content")]
        if text := "".join(texts):
            self._items.add(item_id)
            self._context += _Tokens(text=message_tokens(text))

    def _speech_started(self, event: Mapping[str, Any], at_s: float) -> None:
        self._note_speech(event, "audio_start_ms", -1)

    def _speech_stopped(self, event: Mapping[str, Any], at_s: float) -> None:
        self._note_speech(event, "audio_end_ms", 1)

    def _note_speech(self, event: Mapping[str, Any], name: str, sign: int) -> None:
        """The speech of an item lasts from its `audio_start_ms` to its `audio_end_ms`."""
        item_id, ms = text_at(event, "item_id"), event.get(name)
        if item_id and isinstance(ms, int | float) and abs(ms) <= _MAX_AUDIO_MS:
            self._speech_ms[item_id] = self._speech_ms.get(item_id, 0.0) + sign * ms

    def _committed(self, event: Mapping[str, Any], at_s: float) -> None:
        item_id = text_at(event, "item_id")
        if not item_id or item_id in self._items:
            return
        self._items.add(item_id)
        self._untranscribed.add(item_id)
        self._speech_ms[item_id] = max(0.0, self._speech_ms.get(item_id, 0.0))
        self._add_speech(self._speech_ms[item_id] / 1000)

    def _transcribed(self, event: Mapping[str, Any], at_s: float) -> Usage | None:
        item_id, usage = text_at(event, "item_id") or "", usage_of(event)
        if usage is None:
            return None
        self._untranscribed.discard(item_id)
        if not self._speech_ms.get(item_id) and item_id in self._items:
            # Speech that the client committed: only its transcription says how long it was.
            self._speech_ms[item_id] = usage.seconds * 1000
            self._add_speech(usage.seconds, usage.audio_in)
        return usage

    def _not_transcribed(self, event: Mapping[str, Any], at_s: float) -> None:
        self._untranscribed.discard(text_at(event, "item_id") or "")

    def _add_speech(self, seconds: float, tokens: int = 0) -> None:
        self._context += _Tokens(audio=ceil(seconds * AUDIO_IN_TOKENS_PER_S) + tokens)


def _part_of(event: Mapping[str, Any], stem: str) -> _Part:
    return text_at(event, "item_id") or "", int_at(event, "content_index") or 0, stem


_READERS: Mapping[str, Callable[[UsageMeter, Mapping[str, Any], float], Usage | None]] = {
    ServerEvent.RESPONSE_CREATED: UsageMeter._response_created,
    ServerEvent.RESPONSE_DONE: UsageMeter._response_done,
    ServerEvent.CONVERSATION_ITEM_ADDED: UsageMeter._item,
    ServerEvent.CONVERSATION_ITEM_CREATED: UsageMeter._item,
    ServerEvent.CONVERSATION_ITEM_DONE: UsageMeter._item,
    ServerEvent.INPUT_AUDIO_BUFFER_SPEECH_STARTED: UsageMeter._speech_started,
    ServerEvent.INPUT_AUDIO_BUFFER_SPEECH_STOPPED: UsageMeter._speech_stopped,
    ServerEvent.INPUT_AUDIO_BUFFER_COMMITTED: UsageMeter._committed,
    ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_COMPLETED: UsageMeter._transcribed,
    ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_FAILED: UsageMeter._not_transcribed,
}

READ_TYPES = frozenset(_READERS)
"""The types of the events that change something here; so do all that begin with `response.`."""


def estimated_text_usage(source_id: str, request: Mapping[str, Any], answer: str) -> TextUsage:
    """Estimate an answer of the Responses API by its request's body and the text that came."""
    given = request.get("input")
    items = [{"content": given}] if isinstance(given, str) else mappings_at(request, "input")
    texts = [text_at(item, "content") or "" for item in items]
    instructions = text_at(request, "instructions") or ""
    return TextUsage(
        source_id,
        "response",
        text_in=text_tokens(instructions) + sum(map(message_tokens, texts)),
        text_out=text_tokens(answer),
        is_estimated=True,
    )
