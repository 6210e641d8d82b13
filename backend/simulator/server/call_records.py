"""What each call heard and said, for tests to compare: counts, a hash of all sound, a minute.

Sound is kept within one budget for all calls: the newest calls keep their last 60 s, the oldest
ended ones give theirs up first; where the budget is spent, only the hash goes on.
"""

import hashlib
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Any

EXCERPT_BYTES = 60 * 48_000
MOST_CALLS = 1_000


class Record:
    """One call as the simulator saw it."""

    def __init__(self, number: int, model: str, headers: Mapping[str, str], at: float) -> None:
        self.number = number
        self.model = model
        self.headers = dict(headers)
        self.opened_at = at
        self.closed_at: float | None = None
        self.close_code: int | None = None
        self.audio_bytes = 0
        self.excerpt = bytearray()
        self.received: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.heard: list[str | None] = []
        self.session: dict[str, Any] = {}
        self._hash = hashlib.sha256()

    def hear(self, pcm: bytes) -> None:
        """Counts and hashes sound, as it came."""
        self.audio_bytes += len(pcm)
        self._hash.update(pcm)

    def as_json(self) -> dict[str, Any]:
        """The record as `GET /simulator/calls` writes it; times in Unix seconds."""
        return {
            "number": self.number,
            "model": self.model,
            "headers": self.headers,
            "opened_at": self.opened_at,
            "closed_at": self.closed_at,
            "close_code": self.close_code,
            "audio_bytes": self.audio_bytes,
            "audio_sha256": self._hash.hexdigest(),
            "audio_kept_bytes": min(len(self.excerpt), EXCERPT_BYTES),
            "received": dict(self.received),
            "sent": dict(self.sent),
            "heard": self.heard,
            "session": self.session,
        }


class Records:
    """The calls, oldest first, at most `MOST_CALLS`; their sound within `budget_bytes`."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._kept_bytes = 0
        self._count = 0
        self._records: deque[Record] = deque()

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def open(self, model: str, headers: Mapping[str, str], at: float) -> Record:
        """A new call, numbered from 1."""
        self._count += 1
        record = Record(self._count, model, headers, at)
        self._records.append(record)
        if len(self._records) > MOST_CALLS:
            self._give_up(self._records.popleft())
        return record

    def find(self, number: int) -> Record | None:
        """The call with this number, if it is still kept."""
        return next((record for record in self._records if record.number == number), None)

    def hear(self, record: Record, pcm: bytes) -> None:
        """Sound came in on a call."""
        record.hear(pcm)
        while self._kept_bytes + len(pcm) > self._budget_bytes:
            oldest = next((each for each in self._records if each.closed_at and each.excerpt), None)
            if oldest is None:
                return
            self._give_up(oldest)
        record.excerpt += pcm
        self._kept_bytes += len(pcm)
        # Cut in one piece when twice the length is there, so that no append moves the whole minute.
        surplus = len(record.excerpt) - EXCERPT_BYTES
        if surplus > EXCERPT_BYTES:
            del record.excerpt[:surplus]
            self._kept_bytes -= surplus

    def _give_up(self, record: Record) -> None:
        self._kept_bytes -= len(record.excerpt)
        record.excerpt = bytearray()
