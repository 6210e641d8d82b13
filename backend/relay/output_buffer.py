"""How much of an answer's audio was heard where it does not pass through the relay (WebRTC). PURE.

The provider plays the audio out itself, one response after another, and reports it with
`output_audio_buffer.started`, `.stopped` and `.cleared`, each with the id of a response. A response
is heard from `started` on, in real time, until it was `stopped` (all of it was heard) or `cleared`.
After a `cleared` the provider usually sends `conversation.item.truncated`, which is exact; the time
that has passed counts only where it does not.

It does not say how long a part's audio is, unless the audio deltas come as well. Where they do not,
the length is estimated from the words (`spoken_ms`).

Durations are milliseconds, times are seconds on a clock that never goes back.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from backend.protocol.events import ServerEvent
from backend.protocol.reading import int_at, mapping_at, text_at
from backend.protocol.transcript.heard import is_unspaced
from backend.relay.playback import PartKey

START_WAIT_S = 2.0
"""How long a complete answer counts as about to be heard: it may wait for its first packet."""
TRUNCATION_WAIT_S = 2.0
"""How long the provider's truncation of a cleared answer is waited for."""

UNSPACED_CHARS_PER_S = 7.0
CHARS_PER_S = 15.0
"""The pace of speech in text: about 150 words a minute in English, 420 characters in Japanese."""


def spoken_ms(text: str) -> float:
    """Estimate how long it takes to say this text."""
    unspaced = sum(map(is_unspaced, text))
    return 1000 * (unspaced / UNSPACED_CHARS_PER_S + (len(text) - unspaced) / CHARS_PER_S)


@dataclass(slots=True)
class _Output:
    """One response's audio. `ended_s` is when it was stopped or cleared, `generated_s` when its
    response was done.
    """

    parts: dict[PartKey, float] = field(default_factory=dict)
    """The spoken parts in order, each with the duration of its audio deltas."""
    started_s: float | None = None
    ended_s: float | None = None
    generated_s: float | None = None

    def is_playing(self, now_s: float) -> bool:
        """Whether it is being heard, or is about to be."""
        if self.ended_s is not None or self.started_s is not None:
            return self.ended_s is None
        return self.generated_s is not None and now_s - self.generated_s < START_WAIT_S

    def heard(self, now_s: float) -> dict[PartKey, int]:
        """How much of each part was heard: those of a known length one after another."""
        left_ms = 0.0
        if self.started_s is not None:
            left_ms = max(0.0, ((self.ended_s or now_s) - self.started_s) * 1000)
        heard: dict[PartKey, int] = {}
        for key, known_ms in self.parts.items():
            part_ms = min(known_ms or math.inf, left_ms)
            # A time in seconds is not exact.
            heard[key] = math.floor(part_ms + 0.01)
            left_ms -= part_ms
        return heard


class OutputBuffer:
    """The provider's playback of one call. Has the methods of `Playback` that a record needs."""

    def __init__(self) -> None:
        self._outputs: dict[str, _Output] = {}
        self._responses: dict[PartKey, str] = {}
        self._is_reported = False
        """Whether the provider reports its playback at all."""
        self._cuts: dict[str, float] = {}
        """When each response was cleared whose truncation has not come."""

    def add_event(self, event: Mapping[str, Any], now_s: float) -> PartKey | None:
        """Add one provider event. Returns the part whose sound begins now, if one does."""
        event_type = text_at(event, "type") or ""
        if event_type == ServerEvent.OUTPUT_AUDIO_BUFFER_STARTED:
            return self._start(text_at(event, "response_id") or "", now_s)
        if (read := _READERS.get(event_type)) is not None:
            read(self, event, now_s)
        return None

    def speaks(self, response_id: str) -> bool:
        """Whether this response is heard, now or later."""
        return response_id in self._outputs

    def add(self, key: PartKey, ms: float, response_id: str | None) -> None:
        """Add the duration of an audio delta."""
        response_id = self._responses.get(key) or response_id
        if response_id:
            output = self._output(response_id, key)
            output.parts[key] += ms

    def response_of(self, key: PartKey) -> str | None:
        """The id of the response that this part is of."""
        return self._responses.get(key)

    def known_ms(self, key: PartKey) -> float:
        """The duration of this part's audio deltas; 0 where none come."""
        output = self._outputs.get(self._responses.get(key, ""))
        return 0.0 if output is None else output.parts[key]

    def is_playing(self, now_s: float) -> bool:
        """Whether a response is being heard, or is about to be."""
        return any(output.is_playing(now_s) for output in self._outputs.values())

    def overdue_cuts(self, now_s: float) -> dict[PartKey, int]:
        """The parts that were cleared and whose truncation has not come in time, with how much was
        heard. Each is returned once.
        """
        late = [each for each, at_s in self._cuts.items() if now_s - at_s > TRUNCATION_WAIT_S]
        cuts: dict[PartKey, int] = {}
        for response_id in late:
            del self._cuts[response_id]
            cuts |= self._outputs[response_id].heard(now_s)
        return cuts

    def unfinished(self, now_s: float) -> dict[PartKey, int]:
        """The parts that were not heard to their end, with the milliseconds that were heard.

        Without a report of any playback everything counts as heard.
        """
        if not self._is_reported:
            return {}
        return {
            key: heard_ms
            for response_id, output in self._outputs.items()
            if output.ended_s is None or response_id in self._cuts
            for key, heard_ms in output.heard(now_s).items()
            if not 0 < output.parts[key] <= heard_ms
        }

    def _start(self, response_id: str, now_s: float) -> PartKey | None:
        if not response_id:
            return None
        self._is_reported = True
        output = self._outputs.setdefault(response_id, _Output())
        if output.started_s is not None:
            return None
        # They play one after another: the end of those before was lost.
        for other_id, other in self._outputs.items():
            if other_id != response_id and other.started_s is not None:
                self._stop(other_id, now_s)
        output.started_s = now_s
        return next(iter(output.parts), None)

    def _stop(self, response_id: str, now_s: float) -> None:
        output = self._outputs.get(response_id)
        if output is not None and output.ended_s is None:
            output.ended_s = now_s

    def _part_added(self, event: Mapping[str, Any], now_s: float) -> None:
        if text_at(mapping_at(event, "part"), "type") in ("audio", "output_audio"):
            self._add_part(event, now_s)

    def _add_part(self, event: Mapping[str, Any], now_s: float) -> None:
        response_id, item_id = text_at(event, "response_id"), text_at(event, "item_id")
        if response_id and item_id:
            self._output(response_id, (item_id, int_at(event, "content_index") or 0))

    def _stopped(self, event: Mapping[str, Any], now_s: float) -> None:
        self._stop(text_at(event, "response_id") or "", now_s)

    def _cleared(self, event: Mapping[str, Any], now_s: float) -> None:
        response_id = text_at(event, "response_id") or ""
        output = self._outputs.get(response_id)
        if output is not None and output.ended_s is None:
            output.ended_s = now_s
            self._cuts[response_id] = now_s

    def _truncated(self, event: Mapping[str, Any], now_s: float) -> None:
        key = (text_at(event, "item_id") or "", int_at(event, "content_index") or 0)
        response_id = self._responses.get(key, "")
        self._cuts.pop(response_id, None)
        output = self._outputs.get(response_id)
        if output is not None and output.started_s is None:
            # Cleared before its first sound, of which there is no event.
            self._stop(response_id, now_s)

    def _done(self, event: Mapping[str, Any], now_s: float) -> None:
        output = self._outputs.get(text_at(mapping_at(event, "response"), "id") or "")
        if output is not None:
            output.generated_s = now_s

    def _output(self, response_id: str, key: PartKey) -> _Output:
        output = self._outputs.setdefault(response_id, _Output())
        output.parts.setdefault(key, 0.0)
        self._responses[key] = response_id
        return output


_READERS: Mapping[str, Callable[[OutputBuffer, Mapping[str, Any], float], None]] = {
    ServerEvent.RESPONSE_CONTENT_PART_ADDED: OutputBuffer._part_added,
    ServerEvent.RESPONSE_OUTPUT_AUDIO_TRANSCRIPT_DELTA: OutputBuffer._add_part,
    ServerEvent.RESPONSE_OUTPUT_AUDIO_TRANSCRIPT_DONE: OutputBuffer._add_part,
    ServerEvent.RESPONSE_DONE: OutputBuffer._done,
    ServerEvent.OUTPUT_AUDIO_BUFFER_STOPPED: OutputBuffer._stopped,
    ServerEvent.OUTPUT_AUDIO_BUFFER_CLEARED: OutputBuffer._cleared,
    ServerEvent.CONVERSATION_ITEM_TRUNCATED: OutputBuffer._truncated,
}
