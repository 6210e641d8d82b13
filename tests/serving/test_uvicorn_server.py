"""The uvicorn server as a process: the write timeout, the drain, signals and exit codes."""

import asyncio
import contextlib
import signal
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from backend.serving.listener import listen
from backend.serving.websocket_protocol import MAX_MESSAGE_BYTES
from tests.serving.equipment import (
    client_in_mid_reply,
    close_code_and_reason,
    open_stuck_reader,
    send_like_a_microphone,
    server_process,
    wait_until,
)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("is_sending", [False, True])
async def test_a_client_that_never_reads_is_aborted_and_costs_no_memory(is_sending: bool) -> None:
    async with server_process("--write-timeout-s", "1") as server:
        before = server.rss_bytes
        stuck = await open_stuck_reader(server.port, "/flood")
        sending = asyncio.create_task(send_like_a_microphone(stuck)) if is_sending else None
        _, _, seconds = await server.printed("aborted")
        assert 0.9 < float(seconds) < 2.0
        assert server.rss_bytes - before < 4_000_000
        if sending:
            sending.cancel()
        stuck.close()


async def test_twenty_clients_that_never_read_do_not_slow_another_call() -> None:
    async with server_process("--write-timeout-s", "3") as server:
        before = server.rss_bytes
        stuck = [await open_stuck_reader(server.port, "/flood") for _ in range(20)]
        await asyncio.sleep(0.5)
        async with server.connect("/reply") as client:
            worst = 0.0
            for _ in range(20):
                began = time.monotonic()
                await client.send("ping")
                assert await client.recv() == "ping"
                worst = max(worst, time.monotonic() - began)
        assert worst < 0.2
        assert server.rss_bytes - before < 16_000_000
        for _ in stuck:
            await server.printed("aborted", 8)
        for one in stuck:
            one.close()


async def test_a_client_stuck_below_the_high_water_mark_is_aborted_after_its_call() -> None:
    async with server_process("--write-timeout-s", "0.5") as server:
        stuck = await open_stuck_reader(server.port, "/fill")
        await server.printed("filled")
        await wait_until(lambda: server.open_socket_count() == 1, 3)
        stuck.close()


async def test_a_slow_client_that_goes_on_reading_is_not_aborted() -> None:
    async with (
        server_process("--write-timeout-s", "0.4") as server,
        server.connect("/flood") as client,
    ):
        for _ in range(12):
            for _ in range(40):
                await client.recv()
            await asyncio.sleep(0.1)
        client.transport.abort()


async def test_sigterm_lets_replies_finish_and_then_closes_with_1012() -> None:
    async with server_process() as server:
        clients = [await client_in_mid_reply(server) for _ in range(20)]
        signalled = server.send_signal(signal.SIGTERM)
        await wait_until(lambda: not server.is_listening(), 1)
        assert time.monotonic() - signalled < 0.1
        assert await clients[0].recv() == "draining"
        await asyncio.sleep(0.5)
        for client in clients:
            await client.send("done")
        assert [await close_code_and_reason(client) for client in clients] == [
            (1012, "draining")
        ] * 20
        assert (await server.printed("drain"))[1] == "30.0"
        await server.printed("flushed")
        assert await server.exit_code() == 0
        assert time.monotonic() - signalled < 3
        listen("127.0.0.1", server.port).close()


async def test_a_kept_connection_is_answered_in_the_drain() -> None:
    """A proxy that keeps its connections so reads from `/readyz` that the server drains."""
    request = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
    async with server_process() as server:
        client = await client_in_mid_reply(server)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request)
        await reader.readuntil(b"0\r\n\r\n")
        server.send_signal(signal.SIGTERM)
        await server.printed("drain")
        writer.write(request)
        assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 5)
        await client.send("done")
        assert await server.exit_code() == 0
        writer.close()


async def test_the_date_of_answers_goes_on() -> None:
    async with server_process() as server:

        async def date() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            writer.close()
            return next(line for line in head.split(b"\r\n") if line.startswith(b"date:"))

        first = await date()
        async with asyncio.timeout(5):
            while await date() == first:  # noqa: ASYNC110 - it changes in another process
                await asyncio.sleep(0.1)


async def test_the_loop_beats_while_it_serves() -> None:
    async with server_process("--reports-beats") as server:
        await server.printed("beat")
        await server.printed("beat")


async def test_the_drain_ends_even_if_replies_do_not() -> None:
    async with server_process("--drain-s", "1") as server:
        client = await client_in_mid_reply(server)
        signalled = server.send_signal(signal.SIGTERM)
        assert await close_code_and_reason(client) == (1012, "draining")
        assert await server.exit_code() == 0
        assert 0.9 < time.monotonic() - signalled < 3


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_shortens_the_drain_and_still_flushes(second: signal.Signals) -> None:
    async with server_process() as server:
        client = await client_in_mid_reply(server)
        server.send_signal(signal.SIGTERM)
        await server.printed("drain")
        signalled = server.send_signal(second)
        assert await close_code_and_reason(client) == (1012, "draining")
        await server.printed("flushed")
        assert await server.exit_code() == 0
        assert time.monotonic() - signalled < 1.5


async def test_sigint_drains_for_less_than_two_seconds() -> None:
    async with server_process() as server:
        client = await client_in_mid_reply(server)
        signalled = server.send_signal(signal.SIGINT)
        assert await close_code_and_reason(client) == (1012, "draining")
        await server.printed("flushed")
        assert await server.exit_code() == 0
        assert time.monotonic() - signalled < 2.5


async def test_a_client_that_never_reads_does_not_delay_the_exit() -> None:
    async with server_process("--drain-s", "0.5") as server:
        stuck = await open_stuck_reader(server.port, "/flood")
        await asyncio.sleep(0.5)
        signalled = server.send_signal(signal.SIGTERM)
        await server.printed("flushed")
        assert await server.exit_code() == 0
        assert time.monotonic() - signalled < 3
        stuck.close()


async def test_an_application_that_ignores_cancellation_does_not_delay_the_exit() -> None:
    async with server_process("--drain-s", "0.2") as server:
        client = await server.connect("/hang")
        signalled = server.send_signal(signal.SIGTERM)
        await server.printed("flushed")
        assert await server.exit_code() == 0
        assert time.monotonic() - signalled < 4
        client.transport.abort()


async def test_a_thread_that_hangs_does_not_delay_the_exit() -> None:
    async with server_process("--thread-hangs") as server:
        signalled = server.send_signal(signal.SIGTERM)
        assert await server.exit_code() == 0
        assert time.monotonic() - signalled < 2


async def test_the_runtime_starts_before_the_first_call() -> None:
    async with server_process() as server:
        await server.printed("started")


async def test_a_drain_that_raises_is_followed_by_the_flush() -> None:
    async with server_process("--drain-fails") as server:
        client = await client_in_mid_reply(server)
        server.send_signal(signal.SIGTERM)
        await server.printed("flushed")
        assert await server.exit_code() == 0
        client.transport.abort()


async def test_a_flush_that_overruns_its_timeout_exits_with_1() -> None:
    async with server_process(
        "--stop-takes-s", "30", "--flush-s", "0.1", "--flush-overrun-s", "0.1"
    ) as server:
        server.send_signal(signal.SIGTERM)
        assert await server.exit_code() == 1


async def test_a_flush_has_its_own_bound_and_reports_what_it_lost() -> None:
    async with server_process("--flush-s", "0.2", "--loses-turns") as server:
        server.send_signal(signal.SIGTERM)
        assert (await server.printed("flushed"))[1] == "0.2"
        assert await server.exit_code() == 1


async def test_a_message_over_the_limit_is_closed_with_1009_and_nothing_is_compressed() -> None:
    async with server_process() as server, server.connect("/reply") as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers
        assert "server" not in client.response.headers
        # The server may close while the rest is still being sent.
        with contextlib.suppress(ConnectionClosed):
            await client.send("x" * (MAX_MESSAGE_BYTES + 1))
        assert (await close_code_and_reason(client))[0] == 1009


@pytest.mark.parametrize(
    ("path", "is_error"), [("/refuse", False), ("/half-refuse", True), ("/silence", True)]
)
async def test_only_a_handshake_without_an_answer_is_an_error(path: str, is_error: bool) -> None:
    async with server_process() as server:
        with pytest.raises(InvalidHandshake) as refused:
            await server.connect(path)
        if isinstance(refused.value, InvalidStatus):
            assert refused.value.response.status_code == (500 if is_error else 403)
        server.send_signal(signal.SIGTERM)
        assert server.process.stdout is not None
        output = (await server.process.stdout.read()).decode()
    assert ("without completing handshake" in output) is is_error
    assert ("ERROR" in output) is is_error
