"""The far end of the bench: a provider that sends frames made beforehand, at a model's pace.

It runs in a process of its own (`control.Remote`) and does as little as it can for each event.
"""

import asyncio
import itertools
import json
import time
from dataclasses import dataclass

from bench.compare.traffic import (
    LONGEST_SMALL_EVENT,
    Action,
    Exchange,
    Step,
    Traffic,
    answer_to_probe,
    audio_delta,
    echo_frame,
    exchange_of,
    steps_of,
    text_delta,
)
from bench.compare.websocket import ServerEndpoint, frame, listen, unmasked

_CREATED = frame(
    b'{"type":"session.created","event_id":"event_created","session":{"type":"realtime",'
    b'"id":"sess_1","model":"gpt-realtime"}}',
    is_masked=False,
)
_UPDATED = frame(
    b'{"type":"session.updated","event_id":"event_updated","session":{"type":"realtime"}}',
    is_masked=False,
)


READER_WAIT_S = 0.005


@dataclass(frozen=True, slots=True)
class FarEndCounts:
    """What the far end has sent and received since it began."""

    sent: int
    received: int


class FarEnd:
    """Accepts the relay's connections. `start` begins to speak on all that are open."""

    def __init__(self) -> None:
        self._speakers: set[Speaker] = set()
        self._numbers = itertools.count()
        self._sent = self._received = 0
        self.is_flood = False

    async def listen(self, port: int) -> None:
        """Listen on this port of 127.0.0.1."""
        await listen(lambda: Speaker(self, next(self._numbers)), port)

    def connections(self) -> int:
        """The number of open connections."""
        return len(self._speakers)

    def flood(self, is_flood: bool) -> None:
        """From now on, whether each append is answered at once with an audio delta."""
        self.is_flood = is_flood

    def start(self, traffic: Traffic) -> None:
        """Speak on every open connection, each a little after the one before.

        One that speaks already changes its pace with its next exchange.
        """
        steps, count = steps_of(traffic), len(self._speakers)
        for number, speaker in enumerate(self._speakers):
            speaker.start(steps, traffic, number / count * traffic.exchange_s)

    def stop(self) -> None:
        """Stop speaking, in whatever way."""
        self.is_flood = False
        for speaker in self._speakers:
            speaker.stop()

    def counts(self) -> FarEndCounts:
        """Return what was sent and received."""
        open_now = self._speakers
        return FarEndCounts(
            self._sent + sum(speaker.frames_sent for speaker in open_now),
            self._received + sum(speaker.frames_received for speaker in open_now),
        )

    def exchanges(self) -> int:
        """The number of exchanges that each open connection has had, at least."""
        return min((speaker.exchanges for speaker in self._speakers), default=0)

    def joined(self, speaker: "Speaker") -> None:
        """A connection has opened."""
        self._speakers.add(speaker)

    def left(self, speaker: "Speaker") -> None:
        """A connection has ended."""
        if speaker in self._speakers:
            self._speakers.remove(speaker)
            self._sent += speaker.frames_sent
            self._received += speaker.frames_received


class Speaker(ServerEndpoint):
    """One connection of the relay."""

    def __init__(self, far_end: FarEnd, number: int) -> None:
        super().__init__()
        self.frames_sent = 0
        self.exchanges = 0
        self._far_end = far_end
        self._number = number
        self._echo = echo_frame()
        self._steps = self._next_steps = steps_of(Traffic())
        self._traffic = self._next_traffic = Traffic()
        self._exchange: Exchange | None = None
        self._began_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def accepted(self) -> None:
        self._far_end.joined(self)
        self.write(_CREATED)
        self.frames_sent += 1

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.stop()
        self._far_end.left(self)

    def message_received(self, data: bytes, start: int, size: int, mask: bytes) -> None:
        if size > LONGEST_SMALL_EVENT:
            if self._far_end.is_flood:
                self.write(self._echo)
                self.frames_sent += 1
            return
        payload = unmasked(data[start : start + size], mask)
        answer = answer_to_probe(payload) or _answer_to(payload)
        if answer:
            self.write(answer)
            self.frames_sent += 1

    def start(self, steps: tuple[Step, ...], traffic: Traffic, wait_s: float) -> None:
        """Begin an exchange after this time, and then one after the other."""
        self._next_steps, self._next_traffic = steps, traffic
        if self._timer is not None:
            return
        self._steps, self._traffic = steps, traffic
        loop = asyncio.get_running_loop()
        self._began_s = loop.time() + wait_s
        self._timer = loop.call_at(self._began_s, self._do, 0)

    def stop(self) -> None:
        """Say no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _do(self, index: int) -> None:
        if self.is_paused and self._traffic.waits_for_reader:
            self._began_s += READER_WAIT_S
            later_s = asyncio.get_running_loop().time() + READER_WAIT_S
            self._timer = asyncio.get_running_loop().call_at(later_s, self._do, index)
            return
        step = self._steps[index]
        self._send(step)
        index += 1
        if index == len(self._steps):
            index = 0
            self._began_s += self._traffic.exchange_s
            self._steps, self._traffic = self._next_steps, self._next_traffic
        due_s = self._began_s + self._steps[index].at_s
        self._timer = asyncio.get_running_loop().call_at(due_s, self._do, index)

    def _send(self, step: Step) -> None:
        if step.action is Action.USER:
            self._exchange = exchange_of(self._number, self.exchanges, self._traffic.deltas)
            self.write(self._exchange.user)
            self.frames_sent += self._exchange.events
            return
        exchange = self._exchange
        assert exchange is not None
        if step.action is Action.AUDIO:
            if step.number == 0:
                self.write(exchange.begin)
            self.write(audio_delta(exchange, step.number, time.monotonic_ns()))
            self.frames_sent += 1
        elif step.action is Action.TEXT:
            self.write(text_delta(exchange, time.monotonic_ns()))
            self.frames_sent += 1
        else:
            self.write(exchange.end)
            self.exchanges += 1


def _answer_to(payload: bytes) -> bytes | None:
    """Return the frame that accepts a session's settings or an item of the past."""
    event = json.loads(payload)
    if event["type"] == "session.update":
        return _UPDATED
    if event["type"] == "conversation.item.create":
        added = {
            "type": "conversation.item.added",
            "event_id": "event_added",
            "item": event["item"],
        }
        return frame(json.dumps(added).encode(), is_masked=False)
    return None
