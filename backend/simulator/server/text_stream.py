"""One streamed reply: server-sent events as the official SDK parses them, and injected faults."""

import asyncio
from collections.abc import Sequence

import msgspec

from backend.simulator.engine import mishap_actions
from backend.simulator.engine.mishaps import Mishap
from backend.simulator.engine.text_response import DELTA_TYPE, TextResponse
from backend.simulator.server.call_records import CallRecord
from backend.simulator.server.http_messages import HttpExchange

_encode = msgspec.json.Encoder().encode


class TextStream:
    """Sends the events of a reply in chunks of the HTTP body."""

    def __init__(
        self, exchange: HttpExchange, record: CallRecord, mishaps: Sequence[Mishap]
    ) -> None:
        self._exchange = exchange
        self._record = record
        self._fault_injector = mishap_actions.FaultInjector(
            default_triggers=mishap_actions.TEXT_STREAM_TRIGGERS
        )
        for mishap in mishaps:
            self._fault_injector.add(mishap, is_open=False)
        self._is_stopped = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(
        self,
        response: TextResponse,
        word_interval_s: float,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Send the whole reply; after a stall, wait until the client has gone."""
        self._exchange.start_stream("text/event-stream; charset=utf-8", headers)
        await self._perform_all(self._fault_injector.actions_at_open())
        for event in response.events():
            type = event["type"]
            await asyncio.sleep(word_interval_s if type == DELTA_TYPE else 0)
            text = _encode(event).decode()
            self._record.charge_answer(event.get("response"))
            actions = self._fault_injector.actions_for(type, text)
            await self._perform_all(actions, text, type)
            if self._is_stopped:
                await asyncio.Event().wait()
            if actions:
                self._record.sent[type] += 1
        self._exchange.finish()

    def inject(self, mishap: Mishap) -> None:
        """Apply a mishap to the open stream."""
        actions = self._fault_injector.add(mishap, is_open=True)
        task = asyncio.create_task(self._perform_all(actions))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _perform_all(
        self,
        actions: Sequence[mishap_actions.ConnectionAction],
        event_text: str = "",
        event_type: str = "",
    ) -> None:
        for action in actions:
            if self._is_stopped:
                return
            match action:
                case mishap_actions.Transmit(message):
                    is_event = message == event_text
                    await self._send(message, event_type if is_event else None)
                case mishap_actions.Wait(seconds):
                    await asyncio.sleep(seconds)
                case mishap_actions.Stall():
                    self._is_stopped = True
                case mishap_actions.Drop():
                    self._is_stopped = True
                    self._exchange.abort()
                case mishap_actions.Close():
                    self._is_stopped = True
                    self._exchange.finish()

    async def _send(self, message: str | bytes, event_type: str | None) -> None:
        if isinstance(message, bytes):
            await self._exchange.send(message + b"\n\n")
            return
        name = "" if event_type is None else f"event: {event_type}\n"
        await self._exchange.send(f"{name}data: {message}\n\n".encode())
