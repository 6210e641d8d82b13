"""The simulator over real sockets on the loopback."""

import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from backend.simulator.server import Simulator, SimulatorOptions

KEY = {"Authorization": "Bearer any"}


async def _until(socket: ClientConnection, type: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(await socket.recv())
        if event["type"] == type:
            return event


async def test_it_greets_and_answers_by_voice() -> None:
    async with Simulator(SimulatorOptions(pace=0)).serve() as running:
        url = running.base_url.replace("http", "ws") + "/realtime?model=gpt-realtime"
        async with connect(url, additional_headers=KEY, compression=None) as socket:
            created = await _until(socket, "session.created")
            assert created["session"]["model"] == "gpt-realtime"
            await socket.send('{"type": "response.create"}')
            done = await _until(socket, "response.done")
            assert done["response"]["status"] == "completed"
