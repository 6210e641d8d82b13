"""Records of the calls, for tests to compare: event counts, a hash of all audio, the last minute.

One budget limits the audio of all calls. Each call keeps its last 60 s; when the budget is spent,
the oldest ended calls lose theirs first, and if none has any, new audio is only hashed.
"""

import hashlib
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Any

from backend.simulator.engine.mishaps import Api

RECENT_AUDIO_BYTES = 60 * 48_000
MAX_CALLS = 1_000


class CallRecord:
    """One call: its events, its audio and its end; `heard` are the recognised phrases.

    `api` says what it is: a call over WebSocket or WebRTC, a sideband, or a REST request; `request`
    is the body of the latter: the JSON, or the form with the file's name, type and size.
    """

    def __init__(
        self,
        number: int,
        model: str,
        headers: Mapping[str, str],
        at: float,
        api: Api = "realtime",
        request: Mapping[str, Any] | None = None,
    ) -> None:
        self.number = number
        self.api = api
        self.request = request
        self.model = model
        self.headers = dict(headers)
        self.opened_at = at
        self.closed_at: float | None = None
        self.close_code: int | None = None
        self.audio_bytes = 0
        self.recent_audio = bytearray()
        self.received: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.heard: list[str | None] = []
        self.session: dict[str, Any] = {}
        self.rtc_id: str | None = None
        """Of a WebRTC call, and of the sidebands to it: the provider's id of the call."""
        self.unwatched_s = 0.0
        """How long the WebRTC call was live without a sideband, up to the last change."""
        self.bill: dict[tuple[str, str], dict[str, Any]] = {}
        """What the call costs, by kind and source: with the model and its `usage`."""
        self._hash = hashlib.sha256()

    def charge(self, kind: str, source_id: str, model: str, usage: Mapping[str, Any]) -> None:
        """Bill a response or a transcription, once: also one whose usage was never sent."""
        line = {"kind": kind, "source_id": source_id, "model": model, "usage": dict(usage)}
        self.bill.setdefault((kind, source_id), line)

    def charge_answer(self, response: Any) -> None:
        """Bill an answer of the Responses API, if this `response` object has its usage."""
        match response:
            case {"id": str(source_id), "usage": dict(usage)}:
                self.charge("response", source_id, self.model, usage)

    def add_audio(self, pcm: bytes) -> None:
        """Count and hash audio, in order of arrival."""
        self.audio_bytes += len(pcm)
        self._hash.update(pcm)

    def as_json(self) -> dict[str, Any]:
        """The record in the JSON of `GET /simulator/calls`; times are in Unix seconds."""
        return {
            "number": self.number,
            "api": self.api,
            "model": self.model,
            "headers": self.headers,
            "opened_at": self.opened_at,
            "closed_at": self.closed_at,
            "close_code": self.close_code,
            "audio_bytes": self.audio_bytes,
            "audio_sha256": self._hash.hexdigest(),
            "audio_kept_bytes": min(len(self.recent_audio), RECENT_AUDIO_BYTES),
            "received": dict(self.received),
            "sent": dict(self.sent),
            "heard": self.heard,
            "session": self.session,
            "request": self.request,
            "rtc_id": self.rtc_id,
            "unwatched_s": self.unwatched_s,
            "bill": list(self.bill.values()),
        }


class CallRecords:
    """The last `MAX_CALLS` calls, oldest first; `budget_bytes` limits their audio in total."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._audio_bytes = 0
        self._count = 0
        self._records: deque[CallRecord] = deque()

    def __iter__(self) -> Iterator[CallRecord]:
        return iter(self._records)

    def open(
        self,
        model: str,
        headers: Mapping[str, str],
        at: float,
        api: Api = "realtime",
        request: Mapping[str, Any] | None = None,
    ) -> CallRecord:
        """Add a record for a new call or request; numbers start at 1."""
        self._count += 1
        record = CallRecord(self._count, model, headers, at, api, request)
        self._records.append(record)
        if len(self._records) > MAX_CALLS:
            self._drop_audio(self._records.popleft())
        return record

    def find(self, number: int) -> CallRecord | None:
        """The record of this number; None if there is none any more."""
        return next((record for record in self._records if record.number == number), None)

    def add_audio(self, record: CallRecord, pcm: bytes) -> None:
        """Add audio that the client sent."""
        record.add_audio(pcm)
        while self._audio_bytes + len(pcm) > self._budget_bytes:
            oldest = next(
                (each for each in self._records if each.closed_at and each.recent_audio), None
            )
            if oldest is None:
                return
            self._drop_audio(oldest)
        record.recent_audio += pcm
        self._audio_bytes += len(pcm)
        # Trim only at twice the length, so that not every append moves the whole minute.
        surplus = len(record.recent_audio) - RECENT_AUDIO_BYTES
        if surplus > RECENT_AUDIO_BYTES:
            del record.recent_audio[:surplus]
            self._audio_bytes -= surplus

    def _drop_audio(self, record: CallRecord) -> None:
        self._audio_bytes -= len(record.recent_audio)
        record.recent_audio = bytearray()
