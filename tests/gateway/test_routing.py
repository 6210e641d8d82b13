"""The WebSocket paths."""

import pytest
from channels.testing import WebsocketCommunicator

from backend.gateway.routing import websocket_application

PATHS = [
    "/ws/realtime/not-a-uuid/",
    "/ws/realtime/22222222-2222-4222-8222-222222222222",
    "/ws/realtime/22222222-2222-4222-8222-222222222222/more/",
    "/ws/realtime/",
    "/ws/",
    "/",
    "/api/sessions/",
    "/ws/realtime/%00/",
    "/ws/realtime/../realtime/22222222-2222-4222-8222-222222222222/",
]


@pytest.mark.parametrize("path", PATHS)
async def test_other_paths_are_refused_without_a_traceback(path: str) -> None:
    communicator = WebsocketCommunicator(websocket_application, path)
    connected, _ = await communicator.connect()
    assert not connected
    await communicator.wait()
