"""How a call is connected: a ticket for each connection, or a key of the provider's."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from backend.cli.failures import ExitCode, Failure
from backend.cli.routes import DirectRoute, ServerRoute
from backend.cli.server_api import ServerApi
from tests.cli.http_server import answering
from tests.journeys.stack import free_port


@contextlib.asynccontextmanager
async def websocket_server(refusal: tuple[int, bytes] | None = None) -> AsyncIterator[Server]:
    """A server that accepts every connection, or refuses it with this status and body."""

    async def handle(socket: ServerConnection) -> None:
        await socket.wait_closed()

    def process(socket: ServerConnection, request: Request) -> Response | None:
        if refusal is None:
            return None
        status, body = refusal
        return Response(status, "", Headers({"Content-Length": str(len(body))}), body)

    def select(socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return offered[0] if offered else None

    async with serve(
        handle, "127.0.0.1", 0, process_request=process, select_subprotocol=select
    ) as server:
        yield server


def address(server: Server) -> str:
    port: int = next(iter(server.sockets)).getsockname()[1]
    return f"127.0.0.1:{port}"


async def test_a_call_through_our_server_shows_its_ticket_only_in_a_subprotocol() -> None:
    with answering({("POST", "/api/realtime/tickets/"): (201, {"ticket": "once"})}) as server:
        async with websocket_server() as sockets:

            class Api(ServerApi):
                def websocket_url(self, session_id: str) -> str:
                    return f"ws://{address(sockets)}/ws/realtime/{session_id}/"

            route = ServerRoute(Api(server.url, "t0ken", "ja"), "session", "ja")
            socket = await route.open()
            request = socket.request
            await socket.close()
    assert request is not None
    assert request.headers["Sec-WebSocket-Protocol"] == "realtime, relay.ticket.once"
    assert request.headers["Accept-Language"] == "ja"
    assert "Authorization" not in request.headers and "once" not in request.path
    assert route.is_ready({"type": "relay.ready"}) and not route.is_ready({"type": "x"})
    assert route.can_reconnect


async def test_a_direct_call_configures_its_session_itself() -> None:
    async with websocket_server() as sockets:
        route = DirectRoute(
            lambda: "sk-1", f"ws://{address(sockets)}/v1/realtime", "a model", "ash"
        )
        socket = await route.open()
        request = socket.request
        await socket.close()
    assert request is not None
    assert request.path == "/v1/realtime?model=a%20model"
    assert request.headers["Authorization"] == "Bearer sk-1"
    update = route.reply({"type": "session.created"})
    assert update is not None and update["type"] == "session.update"
    assert update["session"]["audio"]["output"]["voice"] == "ash"
    # The voice and the instructions that an ephemeral key was made with stay.
    plain = DirectRoute(lambda: "ek_1").reply({"type": "session.created"})
    assert plain is not None and "voice" not in plain["session"]["audio"]["output"]
    assert "instructions" not in plain["session"]
    assert update["session"]["audio"]["input"]["transcription"]["model"]
    assert route.reply({"type": "session.updated"}) is None
    assert route.is_ready({"type": "session.updated"}) and not route.can_reconnect


async def test_a_key_is_not_sent_where_others_could_read_it() -> None:
    taken: list[str] = []

    def take_key() -> str:
        taken.append("taken")
        return "sk-1"

    with pytest.raises(Failure) as refused:
        await DirectRoute(take_key, "ws://provider.example.org/v1/realtime").open()
    assert refused.value.sentence == "provider_url_insecure" and not taken


@pytest.mark.parametrize(
    ("refusal", "exit_code", "message"),
    [
        ((401, b'{"error": {"message": "Wrong key."}}'), ExitCode.REFUSED, "Wrong key."),
        ((403, b"no"), ExitCode.REFUSED, ""),
        ((503, b"[]"), ExitCode.UNREACHABLE, ""),
    ],
)
async def test_a_refused_handshake_has_the_others_sentence(
    refusal: tuple[int, bytes], exit_code: ExitCode, message: str
) -> None:
    async with websocket_server(refusal) as sockets:
        with pytest.raises(Failure) as refused:
            await DirectRoute(lambda: "sk-1", f"ws://{address(sockets)}/v1/realtime").open()
    assert (refused.value.exit_code, refused.value.message) == (exit_code, message)
    assert "sk-1" not in repr(refused.value) + json.dumps(refused.value.values)


async def test_a_provider_that_is_not_there_is_unreachable() -> None:
    route = DirectRoute(lambda: "sk-1", f"ws://127.0.0.1:{free_port()}/v1/realtime")
    async with asyncio.timeout(10):
        with pytest.raises(Failure) as failed:
            await route.open()
    assert failed.value.exit_code is ExitCode.UNREACHABLE
