"""The Daphne server as a process: the drain and the flush."""

import signal

import pytest

from tests.serving.equipment import client_in_mid_reply, server_process, wait_until

pytestmark = pytest.mark.slow


async def test_daphne_serves_drains_and_flushes() -> None:
    async with server_process("--server", "daphne", "--drain-s", "5") as server:
        await server.printed("started")
        client, other = await client_in_mid_reply(server), await client_in_mid_reply(server)
        await other.close()
        await server.printed("ended")
        server.send_signal(signal.SIGTERM)
        assert await client.recv() == "draining"
        await wait_until(lambda: not server.is_listening(), 1)
        await client.send("done")
        await server.printed("flushed")
        assert await server.exit_code() == 0
