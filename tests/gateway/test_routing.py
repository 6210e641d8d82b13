"""Which WebSocket address is answered by whom."""

import pytest
from channels.testing import WebsocketCommunicator

from backend.gateway.routing import websocket

ADDRESSES = [
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


@pytest.mark.parametrize("address", ADDRESSES)
async def test_other_addresses_are_refused_without_a_traceback(address: str) -> None:
    communicator = WebsocketCommunicator(websocket, address)
    connected, _ = await communicator.connect()
    assert not connected
    await communicator.wait()
