"""A client that keeps typing and writes down what it saw: answers, endings, refusals, silence.

It behaves as the page does: what was not answered when the provider's connection was lost is sent
again over the next one (docs/api.md), and when its call ends or nothing comes for `SILENCE_S`, it
takes a new ticket and calls again.
"""

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.journeys.person import LiveCall, Person

SILENCE_S = 8.0
CONNECT_S = 6.0
PAUSE_S = 1.0
"""Between an answer and the next message."""
RETRIES_S = (0.25, 0.5, 1.0, 2.0)


class CallEnded(Exception):
    """The call has ended, and what the client saw of it is noted."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The text of a turn, and when the client had it, on the monotonic clock."""

    text: str
    at: float


@dataclass(slots=True)
class Talker:
    """One session's user. `confirmed` has what the client saw completed, by id."""

    person: Person
    session_id: str
    stopped: asyncio.Event
    confirmed: dict[str, Confirmed] = field(default_factory=dict)
    answered_at: list[float] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    asked_again: int = 0
    """How often an answer was asked for again, because the provider's connection was lost."""

    async def run(self) -> None:
        """Type until `stopped` is set and the present answer has come."""
        failures = 0
        while not self.stopped.is_set():
            before = len(self.answered_at)
            try:
                await self._one_call()
            except CallEnded:
                pass
            except (AssertionError, TimeoutError, OSError, WebSocketException) as error:
                self.seen[_name_of(error)] += 1
            if self.stopped.is_set():
                return
            failures = 0 if len(self.answered_at) > before else failures + 1
            await asyncio.sleep(RETRIES_S[min(failures, len(RETRIES_S) - 1)])

    async def _one_call(self) -> None:
        async with asyncio.timeout(CONNECT_S):
            body = {"session_id": self.session_id}
            answer = await self.person.api("POST", "realtime/tickets/", body)
        if answer.status != 201:
            self.seen[f"ticket: HTTP {answer.status}"] += 1
            return
        ticket = answer.json["ticket"]
        async with self.person.call(self.session_id, ticket=ticket, close_timeout_s=1) as live:
            try:
                await self._type_on(live)
            except (AssertionError, ConnectionClosed) as error:
                self._note_end(live)
                raise CallEnded from error

    async def _type_on(self, live: LiveCall) -> None:
        number = 0
        while not self.stopped.is_set():
            number += 1
            at = len(live.events)
            text = f"This is message {number}."
            await live.type(text, is_silent=True)
            done = await self._until_answered(live, text, at)
            self.answered_at.append(time.monotonic())
            self._confirm(live.events[at : done + 1])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_S):
                    await self.stopped.wait()

    async def _until_answered(self, live: LiveCall, text: str, at: int) -> int:
        """Wait for the end of the answer to this message; returns the index of its event."""
        since = at
        while True:
            found = await live.until(_is_answer_or_rotation, after=since, seconds=SILENCE_S)
            if live.events[found]["type"] == "response.done":
                return found
            so_far, since = live.events[at : found + 1], found + 1
            if not any(map(_is_loss, so_far)):
                # What was sent since then was held, and goes on by itself.
                continue
            self.asked_again += 1
            if any(_text_of(event) == text for event in so_far):
                await live.ask(is_silent=True)
            else:
                await live.type(text, is_silent=True)

    def _confirm(self, events: list[dict[str, Any]]) -> None:
        """Write down the message's and the answer's turn, once the answer is complete."""
        for event in events:
            if (text := _text_of(event)) is not None:
                self.confirmed[event["item"]["id"]] = Confirmed(text, self.answered_at[-1])

    def _note_end(self, live: LiveCall) -> None:
        closings = live.of_type("relay.closing")
        if closings:
            self.seen[f"`relay.closing` {closings[-1]['reason']}"] += 1
        else:
            self.seen[f"closed with {live.socket.close_code}"] += 1

    def longest_gap_s(self) -> float:
        """The longest time between two answers."""
        pairs = zip(self.answered_at, self.answered_at[1:], strict=False)
        return max((after - before for before, after in pairs), default=0.0)


def _is_answer_or_rotation(event: dict[str, Any]) -> bool:
    is_rotation = event["type"] == "relay.rotated" and bool(event["reason"] == "provider_lost")
    return is_rotation or bool(event["type"] == "response.done")


def _is_loss(event: dict[str, Any]) -> bool:
    return event["type"] == "relay.rotating" and bool(event["reason"] == "provider_lost")


def _text_of(event: dict[str, Any]) -> str | None:
    """The text of a message that is complete with this event; None for another event."""
    item = event.get("item", {})
    if event["type"] != "conversation.item.done" or item.get("type") != "message":
        return None
    text: str = item["content"][0].get("text", "")
    return text


def _name_of(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"handshake: HTTP {status}"
    if isinstance(error, AssertionError):
        return "closed before it was ready"
    if isinstance(error, TimeoutError):
        return "silence"
    return "no connection" if isinstance(error, OSError) else type(error).__name__
