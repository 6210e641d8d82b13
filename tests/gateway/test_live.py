"""The gateway on real sockets: uvicorn, a provider, clients that leave, stall or reconnect."""

import asyncio
import base64
import json
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from backend.accounts import tickets, tokens
from backend.conversations.database_executor import DatabaseExecutor
from backend.conversations.models import Call, Session, Turn
from backend.gateway.routing import router
from backend.relay.limits import Limits
from backend.runtime import Runtime
from backend.serving.listener import listen
from backend.serving.websocket_protocol import BoundedWebSocketProtocol
from backend.simulator.engine.mishaps import Kind, Mishap
from backend.simulator.server.server import Running, Simulator, SimulatorOptions
from tests.upstream.equipment import CREATED, provider

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


class QuickWriteTimeoutProtocol(BoundedWebSocketProtocol):
    """Aborts a second after the call has ended with `too_slow`."""

    write_timeout_s = 2.5


class ServedGateway:
    """A gateway served by uvicorn, with access to its database."""

    def __init__(self, runtime: Runtime, port: int, session: Session) -> None:
        self.runtime = runtime
        self.port = port
        self.session = session
        self.database = DatabaseExecutor(threads=1)

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[ClientConnection]:
        issued = await self.database.run(tickets.issue, self.session.user_id, self.session.pk)
        offers: Any = ["realtime", f"relay.ticket.{issued.ticket}"]
        url = f"ws://127.0.0.1:{self.port}/ws/realtime/{self.session.pk}/"
        async with connect(url, subprotocols=offers, compression=None, **options) as socket:
            yield socket

    async def wait_until_no_call(self, seconds: float) -> float:
        """Wait until no call is running. Returns the seconds it took."""
        began = time.monotonic()
        async with asyncio.timeout(seconds):
            while self.runtime.live.count:  # noqa: ASYNC110 (the server's tasks end them)
                await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def endings(self) -> list[str]:
        def query() -> list[str]:
            calls = Call.objects.filter(session=self.session).order_by("first_position")
            return list(calls.values_list("ending", flat=True))

        return await self.database.run(query)


@asynccontextmanager
async def served(session: Session, limits: Limits) -> AsyncIterator[ServedGateway]:
    runtime = Runtime(limits=limits)
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        router(lambda: runtime),
        ws=QuickWriteTimeoutProtocol,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    server = uvicorn.Server(config)
    gateway = ServedGateway(runtime, listener.getsockname()[1], session)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield gateway
    finally:
        await runtime.drain(0)
        server.should_exit = True
        await serving
        await runtime.stop(2)
        gateway.database.close()
        assert not relay_tasks()


def relay_tasks() -> list[str]:
    """Names of the calls' tasks that still run."""
    coroutines = (task.get_coro() for task in asyncio.all_tasks() if not task.done())
    names = [getattr(coroutine, "__qualname__", "") for coroutine in coroutines]
    return [name for name in names if name.startswith(("Call.", "_Outbox.", "Runtime."))]


@pytest.fixture
def session(transactional_db: None, settings: Settings) -> Session:
    settings.OPENAI_API_KEY = "sk-live-test"
    user = User.objects.create_user("owner")
    tokens.key_for(user)
    return Session.objects.create(user=user, language="en")


@dataclass
class GatewayWithSimulator:
    """A served gateway whose provider is the simulator."""

    gateway: ServedGateway
    simulator: Running

    async def wait_until_upstream_closed(self, seconds: float) -> None:
        """Wait until the simulator has no open connection."""
        async with asyncio.timeout(seconds):
            while any(  # noqa: ASYNC110 (the simulator's tasks close them)
                record["closed_at"] is None for record in self.records()
            ):
                await asyncio.sleep(0.01)

    def records(self) -> list[dict[str, Any]]:
        return [record.as_json() for record in self.simulator.records]


@pytest.fixture
async def setup(session: Session, settings: Settings) -> AsyncIterator[GatewayWithSimulator]:
    options = SimulatorOptions(pace=1.0, is_cheap=True)
    async with Simulator(options).serve() as running:
        settings.OPENAI_BASE_URL = running.base_url
        async with served(session, Limits()) as gateway:
            yield GatewayWithSimulator(gateway, running)


async def wait_for_type(socket: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            event: dict[str, Any] = json.loads(await socket.recv())
            if event["type"] == kind:
                return event


def typed(text: str) -> str:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return json.dumps({"type": "conversation.item.create", "item": item})


async def wait_for_ready(socket: ClientConnection) -> None:
    await wait_for_type(socket, "relay.ready")


async def wait_for_audio(socket: ClientConnection) -> None:
    await wait_for_type(socket, "relay.ready")
    await socket.send(typed("How much does it cost?"))
    await socket.send('{"type":"response.create"}')
    await wait_for_type(socket, "response.output_audio.delta")


async def test_a_connection_lost_in_mid_reply_reaches_the_client_within_a_second(
    setup: GatewayWithSimulator,
) -> None:
    setup.simulator.inject(Mishap(Kind.DROP))
    async with setup.gateway.client() as socket:
        await wait_for_audio(socket)
        began, told_after_s = time.monotonic(), None
        events: list[dict[str, Any]] = []
        while not events or events[-1]["type"] != "relay.rotated":
            events.append(json.loads(await asyncio.wait_for(socket.recv(), 10)))
            if not events[-1]["type"].startswith("relay."):
                began = time.monotonic()
            elif events[-1]["type"] == "relay.rotating":
                told_after_s = time.monotonic() - began
    assert told_after_s is not None
    assert told_after_s < 1
    assert [event["type"] for event in events[-2:]] == ["relay.rotating", "relay.rotated"]
    assert events[-1]["reason"] == "provider_lost"

    def query() -> list[tuple[str, str]]:
        turns = Turn.objects.filter(session=setup.gateway.session).order_by("position")
        return list(turns.values_list("role", "status"))

    await setup.gateway.wait_until_no_call(2)
    assert await setup.gateway.database.run(query) == [
        ("user", "completed"),
        ("assistant", "interrupted"),
    ]


async def test_a_newer_call_ends_the_older_with_taken_over(setup: GatewayWithSimulator) -> None:
    async with setup.gateway.client() as older:
        await wait_for_audio(older)
        async with setup.gateway.client() as newer:
            await wait_for_ready(newer)
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    last = json.loads(await asyncio.wait_for(older.recv(), 5))
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == last["code"] == 4409
            await newer.send(typed("Still there?"))
            await newer.send('{"type":"response.create"}')
            await wait_for_type(newer, "response.done")
    await setup.gateway.wait_until_no_call(2)
    assert await setup.gateway.endings() == ["taken_over", "client_left"]
    assert setup.records()[0]["closed_at"] is not None


async def test_a_drain_closes_with_1012_and_its_reason(setup: GatewayWithSimulator) -> None:
    async with setup.gateway.client() as socket:
        await wait_for_ready(socket)
        await setup.gateway.runtime.drain(1)
        assert (await wait_for_type(socket, "relay.closing"))["code"] == 1012
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (1012, "draining")


@pytest.mark.parametrize("variant", ["silent", "sending"])
async def test_a_client_that_stops_reading_costs_no_memory_and_ends(
    session: Session, settings: Settings, variant: str
) -> None:
    delta = base64.b64encode(bytes(48_000)).decode()
    sent_bytes = 0
    ended = asyncio.Event()

    async def flood(connection: ServerConnection) -> None:
        nonlocal sent_bytes
        await connection.send(CREATED)
        await connection.recv()
        await connection.send('{"type":"session.updated","session":{}}')
        delta_event = {"type": "response.output_audio.delta", "item_id": "item_a", "delta": delta}
        text = json.dumps(delta_event)
        try:
            while sent_bytes < 400_000_000:
                await connection.send(text)
                sent_bytes += len(text)
        except ConnectionClosed:
            ended.set()

    async with provider(flood) as running:
        settings.OPENAI_BASE_URL = f"http://127.0.0.1:{running.port}/v1"
        async with served(
            session, Limits(stuck_send_s=1.0, last_frames_s=0.2, close_s=0.3)
        ) as gateway:
            async with gateway.client(max_queue=1, close_timeout=0.1, ping_interval=None) as socket:
                before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                sending = asyncio.create_task(send_microphone(socket, variant == "sending"))
                async with asyncio.timeout(10):
                    await ended.wait()
                grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
                await gateway.wait_until_no_call(5)
                sending.cancel()
                socket.transport.abort()
            assert await gateway.endings() == ["too_slow"]
    # The kernel's buffers of four sockets account for this; the process itself holds little.
    assert sent_bytes < 12_000_000
    assert grown_kb < 32_000


async def send_microphone(socket: ClientConnection, is_sending: bool) -> None:
    """Send audio as a microphone does, and read nothing."""
    audio = base64.b64encode(bytes(1920)).decode()
    append = json.dumps({"type": "input_audio_buffer.append", "audio": audio})
    while is_sending:
        await socket.send(append)
        await asyncio.sleep(0.04)
