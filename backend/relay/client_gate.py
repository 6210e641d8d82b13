"""What one client may send: rate, size, policy, and what has happened so far. PURE.

Each frame is judged once, when it comes, in this order:

    1. rate              over it: one warning, then silence, then the end of the call
    2. size and JSON     `protocol.frames`; three bad frames in ten seconds end the call
    3. policy            `relay.client_policy`: types and fields
    4. what happened     no truncation beyond the sent audio; no past item's id for a new item

Frames that are accepted while the call is not READY are held here, in order. The policy and the
limits are values, so that each kind of client brings its own.
"""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from backend.protocol.audio import ms_of_base64, ms_of_bytes
from backend.protocol.endings import Ending
from backend.protocol.errors import BadFrame, ErrorCode, EventRefused
from backend.protocol.events import ClientEvent
from backend.protocol.frames import Frame, parse_from_client
from backend.protocol.reading import mapping_at
from backend.relay.client_policy import ClientPolicy, judge, plain_append_bytes
from backend.relay.limits import Limits
from backend.relay.playback import PartKey
from backend.relay.rate_limits import ClientRateLimiter, ErrorBudget

# Compared with every frame: a plain string is compared faster than the enum's member.
_APPEND = ClientEvent.INPUT_AUDIO_BUFFER_APPEND.value


class Accepted(msgspec.Struct, frozen=True):
    """A frame that may go to the provider, as `text`.

    `event` is None for microphone audio, which nobody needs to read; `audio_ms` is 0 for all else.
    """

    text: str
    event: Mapping[str, Any] | None
    audio_ms: float


class Refused(msgspec.Struct, frozen=True):
    """A frame that is dropped.

    The client gets a `relay.error` with `code`, unless that is None, about its event `event_id`
    and the field or type `where`. Then the call ends, if there is an `ending`.
    """

    code: ErrorCode | None
    event_id: str | None = None
    where: str | None = None
    is_retryable: bool = False
    retry_after_s: float | None = None
    ending: Ending | None = None


class ClientGate:
    """Judges one client's frames and holds the early ones.

    `past_item_ids` are the items that the relay replays, and in a call with several connections
    also those of the earlier ones: it may grow. `sent_ms` returns how many milliseconds of a
    part's audio were sent to the client.
    """

    def __init__(
        self,
        policy: ClientPolicy,
        limits: Limits,
        past_item_ids: Collection[str],
        sent_ms: Callable[[PartKey], float],
    ) -> None:
        self._policy = policy
        self._allows_plain_append = policy.allows_plain_append
        self._frame_bytes = limits.frame_bytes
        self._max_held_events = limits.held_events
        self._max_held_audio_ms = limits.held_audio_ms
        self._past_item_ids = past_item_ids
        self._sent_ms = sent_ms
        self._rate = ClientRateLimiter(limits)
        self._bad_frames = ErrorBudget(limits.bad_frames, limits.bad_frames_window_s)
        # A list, as it is nearly always empty: an empty deque has 760 bytes.
        self._held: list[Accepted] = []
        self._held_audio_ms = 0.0

    def judge(self, text: str | bytes, now_s: float) -> Accepted | Refused:
        """Judge one frame; `text` is bytes for a binary one."""
        # An ASCII text, as all audio is, need not be encoded to know its size in UTF-8.
        ascii_text = text if isinstance(text, str) and text.isascii() else None
        size = _size_bytes(text) if ascii_text is None else len(ascii_text)
        if not self._rate.admit(size, now_s):
            return self._over_rate(size, now_s)
        if ascii_text is not None and self._allows_plain_append and size <= self._frame_bytes:
            audio_bytes = plain_append_bytes(ascii_text)
            if audio_bytes:
                return Accepted(ascii_text, None, ms_of_bytes(audio_bytes))
        try:
            frame = parse_from_client(text, self._frame_bytes)
            judge(frame, self._policy)
            if frame.type == _APPEND:
                return Accepted(frame.text, None, ms_of_base64(frame.event["audio"]))
            self._check_what_happened(frame)
        except BadFrame as bad:
            is_last = self._bad_frames.record_error(now_s)
            return Refused(bad.code, bad.event_id, ending=Ending.BAD_FRAMES if is_last else None)
        except EventRefused as refused:
            return Refused(refused.code, refused.event_id, refused.where)
        return Accepted(frame.text, frame.event, 0.0)

    def _check_what_happened(self, frame: Frame) -> None:
        if frame.type == ClientEvent.CONVERSATION_ITEM_TRUNCATE:
            check_truncation(frame.event, self._sent_ms)
        elif frame.type == ClientEvent.CONVERSATION_ITEM_CREATE:
            check_new_item_id(frame.event, self._past_item_ids)

    def _over_rate(self, size_bytes: int, now_s: float) -> Refused:
        wait_s = self._rate.retry_after_s(size_bytes)
        if not self._rate.record_warning(now_s):
            return Refused("rate_limit", is_retryable=True, retry_after_s=wait_s)
        if self._rate.is_flooding:
            return Refused(None, retry_after_s=wait_s, ending=Ending.RATE_LIMIT)
        return Refused(None)

    def hold(self, frame: Accepted) -> Refused | None:
        """Hold an accepted frame. Returns a refusal if too many events are held.

        Of the audio the newest `held_audio_ms` are kept, so that it delays nothing else.
        """
        if not frame.audio_ms and self._held_events() >= self._max_held_events:
            return Refused("too_early", is_retryable=True)
        self._held.append(frame)
        self._held_audio_ms += frame.audio_ms
        while self._held_audio_ms > self._max_held_audio_ms:
            oldest = next(index for index, held in enumerate(self._held) if held.audio_ms)
            self._held_audio_ms -= self._held[oldest].audio_ms
            del self._held[oldest]
        return None

    def has_room_for(self, frame: Accepted) -> bool:
        """Whether `hold` would lose nothing: neither this frame nor an older one."""
        if not frame.audio_ms:
            return self._held_events() < self._max_held_events
        return self._held_audio_ms + frame.audio_ms <= self._max_held_audio_ms

    def holds(self, event_type: str) -> bool:
        """Whether an event of this type is held."""
        return any(
            held.event is not None and held.event["type"] == event_type for held in self._held
        )

    def release(self) -> list[Accepted]:
        """The held frames, in order; nothing is held any more."""
        released, self._held = self._held, []
        self._held_audio_ms = 0.0
        return released

    def _held_events(self) -> int:
        return sum(not held.audio_ms for held in self._held)


def check_truncation(event: Mapping[str, Any], sent_ms: Callable[[PartKey], float]) -> None:
    """Raise EventRefused if a `conversation.item.truncate` leaves more audio than was sent.

    Nobody can have heard more than that: a larger number would forge the record.
    """
    if event["audio_end_ms"] > math.ceil(sent_ms((event["item_id"], event["content_index"]))):
        raise EventRefused("field_invalid", "audio_end_ms", event.get("event_id"))


def check_new_item_id(event: Mapping[str, Any], past_item_ids: Collection[str]) -> None:
    """Raise EventRefused if a `conversation.item.create` has the id of a past item.

    The item would not be kept.
    """
    if mapping_at(event, "item").get("id") in past_item_ids:
        raise EventRefused("field_invalid", "item.id", event.get("event_id"))


def _size_bytes(text: str | bytes) -> int:
    return len(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
