"""The connector against a scripted provider and against raw sockets."""

import asyncio
import datetime
import gc
import json
import logging
import socket
import ssl
import time
from pathlib import Path

import pytest
import websockets.asyncio.server as websockets_server
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from backend import __version__
from backend.protocol.errors import (
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from backend.relay.ports import UpstreamConnection
from backend.upstream import connector
from backend.upstream.connector import ConnectionLimits, ProviderSocket, connect
from backend.upstream.target import Target
from tests.upstream.equipment import (
    CREATED,
    KEY,
    OPENAI,
    answering,
    provider,
    raw_server,
    refusal,
    target_at,
)

pytestmark = pytest.mark.slow

QUICK = ConnectionLimits(ping_interval_s=0.1, ping_timeout_s=0.1, close_timeout_s=0.2)


async def open_connection(
    target: Target, *, within_s: float = 5.0, limits: ConnectionLimits = QUICK
) -> ProviderSocket:
    return await connect(OPENAI, target, open_timeout_s=within_s, limits=limits, chance=lambda: 0.0)


async def accept(connection: websockets_server.ServerConnection) -> None:
    await connection.send(CREATED)
    await connection.wait_closed()


async def refused(target: Target, *, within_s: float = 5.0) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await open_connection(target, within_s=within_s)
    return caught.value


async def test_it_opens_at_session_created_and_carries_frames_both_ways() -> None:
    async def script(connection: websockets_server.ServerConnection) -> None:
        await connection.send('{"type": "conversation.created"}')
        await connection.send(CREATED)
        async for text in connection:
            await connection.send(f"heard {len(text)}")

    async with provider(script) as server:
        connection: UpstreamConnection = await open_connection(server.target)
        assert connection.created_text == CREATED
        await connection.send("x" * 3_000_000)
        assert await connection.receive() == "heard 3000000"
        await connection.close()


async def test_the_upgrade_carries_key_user_and_agent_but_no_beta_and_no_compression() -> None:
    async with provider(accept) as server:
        await (await open_connection(server.target)).close()
    request = server.requests[0]
    assert request.path == "/v1/realtime?model=gpt-realtime"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["OpenAI-Safety-Identifier"] == "a1b2c3"
    assert request.headers["User-Agent"] == f"kaiwa/{__version__}"
    assert "OpenAI-Beta" not in request.headers
    assert "Sec-WebSocket-Extensions" not in request.headers


async def test_the_key_is_not_kept_after_the_handshake() -> None:
    async with provider(accept) as server:
        connection = await open_connection(server.target)
        handshake = (connection.direct.request, connection.direct.response)
        assert [message is not None and len(message.headers) for message in handshake] == [0, 0]
        await connection.close()


async def test_a_frame_of_several_megabytes_is_received() -> None:
    async def script(connection: websockets_server.ServerConnection) -> None:
        await connection.send(CREATED)
        await connection.send("y" * 8_000_000)
        await connection.wait_closed()

    async with provider(script) as server:
        connection = await open_connection(server.target)
        assert len(await connection.receive()) == 8_000_000
        await connection.close()


@pytest.mark.parametrize(
    ("answer", "kind", "code", "retry_after_s"),
    [
        (refusal(401, b'{"error": {"message": "Incorrect key sk-test-0123"}}'), *(
            UpstreamRefused, "invalid_api_key", None)),
        (refusal(403), UpstreamRefused, "access_denied", None),
        (refusal(404), UpstreamRefused, "model_not_found", None),
        (refusal(429, b"", "Retry-After: 7"), UpstreamUnavailable, "rate_limit_exceeded", 7.0),
        (refusal(429, b'{"error": {"code": "insufficient_quota"}}'), *(
            UpstreamRefused, "insufficient_quota", None)),
        (refusal(500), UpstreamUnavailable, "server_error", None),
        (refusal(503, b"", "Retry-After: 30"), UpstreamUnavailable, "server_error", 30.0),
        (refusal(200, b"hello"), UpstreamFailed, "not_a_websocket", None),
        (b"220 smtp.example ESMTP\r\n", UpstreamFailed, "handshake_broken", None),
        (b"\x00\xff\r\n" * 40, UpstreamFailed, "handshake_broken", None),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         b"Sec-WebSocket-Accept: bm8=\r\n\r\n", UpstreamFailed, "handshake_broken", None),
        (b"", UpstreamUnavailable, "unreachable", None),
    ],
)  # fmt: skip
async def test_a_provider_that_does_not_upgrade(
    answer: bytes, kind: type[UpstreamError], code: str, retry_after_s: float | None
) -> None:
    async with raw_server(answering(answer)) as port:
        error = await refused(target_at(port))
    assert (type(error), error.code, error.retry_after_s) == (kind, code, retry_after_s)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("is_same_host", [True, False])
async def test_no_redirect_is_followed(status: int, is_same_host: bool) -> None:
    async with provider(accept) as elsewhere:
        here = 0

        def answer(_: Request) -> Response:
            port = here if is_same_host else elsewhere.port
            return Response(
                status,
                "Moved",
                headers_of(Location=f"ws://127.0.0.1:{port}/v1/realtime", Connection="close"),
            )

        async with provider(accept, answer=answer) as server:
            here = server.port
            error = await refused(server.target)
    assert (type(error), error.code, error.status) == (UpstreamRefused, "redirected", status)
    assert len(server.requests) == 1
    assert elsewhere.requests == []


def headers_of(**headers: str) -> Headers:
    return Headers(headers)


async def test_a_refusal_is_final_and_an_overload_is_retried_once() -> None:
    tried = {401: 0, 500: 0}

    async def count(status: int) -> None:
        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tried[status] += 1
            await answering(refusal(status))(reader, writer)

        async with raw_server(script) as port:
            await refused(target_at(port))

    await count(401)
    await count(500)
    assert tried == {401: 1, 500: 2}


async def test_an_overload_that_passes_raises_nothing() -> None:
    answers = iter([Response(503, "Busy", headers_of(**{"Content-Length": "0"})), None])
    async with provider(accept, answer=lambda _: next(answers)) as server:
        await (await open_connection(server.target)).close()
    assert len(server.requests) == 2


async def test_a_closed_port_is_unreachable() -> None:
    async with raw_server(answering(b"")) as port:
        pass
    error = await refused(target_at(port))
    assert (type(error), error.code) == (UpstreamUnavailable, "unreachable")


async def test_an_unknown_host_name_is_unavailable() -> None:
    error = await refused(Target("http://no-such-host.invalid/v1", KEY, "m", "a1"))
    assert (type(error), error.code) == (UpstreamUnavailable, "name_unknown")


async def test_a_missing_key_is_refused_without_a_connection() -> None:
    async with provider(accept) as server:
        error = await refused(Target(f"http://127.0.0.1:{server.port}/v1", "", "m", "a1"))
    assert (type(error), error.code) == (UpstreamRefused, "api_key_missing")
    assert server.requests == []


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass


async def half_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 401 No\r\nContent-Length: 1000\r\n\r\nhalf")
    await reader.read()


@pytest.mark.parametrize("script", [hang, half_an_answer])
async def test_a_provider_that_hangs_before_the_upgrade_is_timed_out(script: object) -> None:
    began = time.monotonic()
    async with raw_server(hang if script is hang else half_an_answer) as port:
        error = await refused(target_at(port), within_s=0.3)
        assert 0.25 < time.monotonic() - began < 1.3
    assert (type(error), error.code) == (UpstreamTimeout, "timed_out")


async def test_an_upgrade_without_session_created_is_timed_out_and_closed() -> None:
    was_closed = asyncio.Event()

    async def script(connection: websockets_server.ServerConnection) -> None:
        await connection.wait_closed()
        was_closed.set()

    async with provider(script) as server:
        error = await refused(server.target, within_s=0.3)
        await asyncio.wait_for(was_closed.wait(), 1)
    assert (type(error), error.code) == (UpstreamTimeout, "timed_out")


async def test_a_cancelled_connect_leaves_no_socket_open() -> None:
    was_closed = asyncio.Event()
    connected = asyncio.Event()

    async def script(connection: websockets_server.ServerConnection) -> None:
        connected.set()
        await connection.wait_closed()
        was_closed.set()

    async with provider(script) as server:
        connecting = asyncio.create_task(open_connection(server.target))
        await connected.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await asyncio.wait_for(was_closed.wait(), 1)


@pytest.mark.parametrize(
    ("first", "kind", "code"),
    [
        ({"type": "error", "error": {"type": "invalid_request_error", "code": "invalid_api_key"}},
         UpstreamRefused, "invalid_api_key"),
        ({"type": "error", "error": {"code": "rate_limit_exceeded"}},
         UpstreamUnavailable, "rate_limit_exceeded"),
        ({"type": "error"}, UpstreamFailed, "error_event"),
        ({"type": "session.updated"}, UpstreamFailed, "first_event_unexpected"),
        ({"type": ["session.created"]}, UpstreamFailed, "first_event_unexpected"),
        ({}, UpstreamFailed, "first_event_unexpected"),
        ([1], UpstreamFailed, "first_event_unexpected"),
        ("[" * 100_000, UpstreamFailed, "first_event_unexpected"),
        ("not json", UpstreamFailed, "first_event_unexpected"),
        (b"\x00\x01", UpstreamFailed, "frame_binary"),
    ],
)  # fmt: skip
async def test_a_first_event_that_is_not_session_created(
    first: object, kind: type[UpstreamError], code: str
) -> None:
    async def script(connection: websockets_server.ServerConnection) -> None:
        await connection.send(first if isinstance(first, str | bytes) else json.dumps(first))
        await connection.wait_closed()

    async with provider(script) as server:
        error = await refused(server.target)
    assert (type(error), error.code) == (kind, code)


async def test_a_wrong_key_that_upgrades_and_is_closed_is_refused() -> None:
    async def script(connection: websockets_server.ServerConnection) -> None:
        await connection.close(3000, "invalid_request_error.invalid_api_key")

    async with provider(script) as server:
        error = await refused(server.target)
    assert (type(error), error.code, error.status) == (UpstreamRefused, "invalid_api_key", 3000)


@pytest.mark.parametrize(
    ("close_code", "reason", "kind", "code"),
    [
        (1000, "", UpstreamUnavailable, "connection_ended"),
        (1001, "Your session hit the maximum duration of 60 minutes.",
         UpstreamUnavailable, "session_expired"),
        (1011, "", UpstreamFailed, "server_error"),
        (1012, "", UpstreamUnavailable, "connection_ended"),
        (4000, "invalid_request_error.beta_api_shape_disabled",
         UpstreamRefused, "beta_api_shape_disabled"),
    ],
)  # fmt: skip
async def test_every_close_raises_its_error_on_each_further_use(
    close_code: int, reason: str, kind: type[UpstreamError], code: str
) -> None:
    async def script(connection: websockets_server.ServerConnection) -> None:
        await connection.send(CREATED)
        await connection.send("last words")
        await connection.close(close_code, reason)

    async with provider(script) as server:
        connection = await open_connection(server.target)
        assert await connection.receive() == "last words"
        for attempt in (connection.receive(), connection.send("x"), connection.receive()):
            with pytest.raises(UpstreamError) as caught:
                await attempt
            error = caught.value
            assert (type(error), error.code, error.status) == (kind, code, close_code)
        await connection.close()


async def test_a_close_without_a_code_is_an_end_of_the_connection() -> None:
    async def script(connection: websockets_server.ServerConnection) -> None:
        await connection.send(CREATED)
        connection.transport.write(b"\x88\x00")
        await connection.wait_closed()

    async with provider(script) as server:
        connection = await open_connection(server.target)
        with pytest.raises(UpstreamUnavailable) as caught:
            await connection.receive()
        assert caught.value.status == 1005


async def test_a_dropped_connection_is_a_failure() -> None:
    async def script(connection: websockets_server.ServerConnection) -> None:
        await connection.send(CREATED)
        connection.transport.abort()

    async with provider(script) as server:
        connection = await open_connection(server.target)
        with pytest.raises(UpstreamFailed) as caught:
            await connection.receive()
        assert (caught.value.code, caught.value.status) == ("connection_lost", 1006)


async def test_a_provider_that_answers_no_ping_has_stalled() -> None:
    async def script(connection: websockets_server.ServerConnection) -> None:
        await connection.send(CREATED)
        connection.transport.pause_reading()
        await asyncio.sleep(0.6)

    async with provider(script) as server:
        connection = await open_connection(server.target)
        with pytest.raises(UpstreamFailed) as caught:
            await asyncio.wait_for(connection.receive(), 2)
        assert caught.value.code == "stalled"
        await connection.close()


async def test_a_binary_frame_is_a_failure() -> None:
    async def script(connection: websockets_server.ServerConnection) -> None:
        await connection.send(CREATED)
        await connection.send(b"\x00")
        await connection.wait_closed()

    async with provider(script) as server:
        connection = await open_connection(server.target)
        with pytest.raises(UpstreamFailed) as caught:
            await connection.receive()
        assert caught.value.code == "frame_binary"
        await connection.close()


async def test_a_frame_over_the_limit_is_a_failure() -> None:
    async def script(connection: websockets_server.ServerConnection) -> None:
        await connection.send(CREATED)
        await connection.send("x" * 2000)
        await connection.wait_closed()

    async with provider(script) as server:
        connection = await open_connection(server.target, limits=ConnectionLimits(frame_bytes=1000))
        with pytest.raises(UpstreamFailed) as caught:
            await connection.receive()
        assert caught.value.code == "frame_too_large"


async def test_what_is_taken_from_the_provider_and_not_read_is_bounded() -> None:
    """While nothing reads: the kernel's buffer, a few frames, and what one read brings."""
    taken_bytes = 0
    is_stalled = asyncio.Event()

    async def script(connection: websockets_server.ServerConnection) -> None:
        nonlocal taken_bytes
        raw = connection.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
        await connection.send(CREATED)
        while not is_stalled.is_set():
            try:
                async with asyncio.timeout(0.2):
                    await connection.send("x" * 65_536)
                taken_bytes += 65_536
            except TimeoutError:
                is_stalled.set()

    async with provider(script) as server:
        connection = await open_connection(server.target, limits=ConnectionLimits())
        await is_stalled.wait()
        await connection.close()
    assert taken_bytes < 1_500_000


async def test_sending_waits_while_the_provider_does_not_read() -> None:
    async def script(connection: websockets_server.ServerConnection) -> None:
        await connection.send(CREATED)
        connection.transport.pause_reading()
        await connection.wait_closed()

    async with provider(script) as server:
        connection = await open_connection(
            server.target, limits=ConnectionLimits(close_timeout_s=0.1)
        )
        frame, sent = "x" * 500_000, 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                while sent < 200:
                    await connection.send(frame)
                    sent += 1
        assert 0 < sent < 100
        await connection.close()


async def test_the_receive_queue_is_bounded_while_nothing_reads() -> None:
    sent = 0

    async def script(connection: websockets_server.ServerConnection) -> None:
        nonlocal sent
        await connection.send(CREATED)
        while True:
            await connection.send("x" * 500_000)
            sent += 1

    async with provider(script) as server:
        connection = await open_connection(
            server.target, limits=ConnectionLimits(close_timeout_s=0.1)
        )
        await asyncio.sleep(0.5)
        assert sent < 100
        await connection.close()


@pytest.mark.parametrize("is_reading", [True, False])
async def test_close_takes_no_longer_than_its_limit(is_reading: bool) -> None:
    gone = asyncio.Event()

    async def script(connection: websockets_server.ServerConnection) -> None:
        await connection.send(CREATED)
        if not is_reading:
            connection.transport.pause_reading()
            await asyncio.sleep(0.5)
            connection.transport.resume_reading()
        await connection.wait_closed()
        gone.set()

    async with provider(script) as server:
        connection = await open_connection(
            server.target, limits=ConnectionLimits(close_timeout_s=0.2)
        )
        began = time.monotonic()
        await connection.close()
        await connection.close()
        assert time.monotonic() - began < (0.1 if is_reading else 0.4)
        await asyncio.wait_for(gone.wait(), 2)


async def test_a_cancelled_close_still_closes() -> None:
    gone = asyncio.Event()

    async def script(connection: websockets_server.ServerConnection) -> None:
        await connection.send(CREATED)
        connection.transport.pause_reading()
        await asyncio.sleep(0.4)
        connection.transport.resume_reading()
        await connection.wait_closed()
        gone.set()

    async with provider(script) as server:
        connection = await open_connection(
            server.target, limits=ConnectionLimits(close_timeout_s=0.2)
        )
        closing = asyncio.create_task(connection.close())
        await asyncio.sleep(0.05)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await asyncio.wait_for(gone.wait(), 2)


async def test_a_proxy_is_used_only_when_the_target_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(refusal(502))
        await writer.drain()

    async with raw_server(proxy) as proxy_port, provider(accept) as server:
        url = f"http://127.0.0.1:{proxy_port}"
        for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"):
            monkeypatch.setenv(name, url)
            monkeypatch.setenv(name.upper(), url)
        monkeypatch.setenv("no_proxy", "")
        await (await open_connection(server.target)).close()
        assert asked == []
        error = await refused(target_at(server.port, proxy=url))
    assert (type(error), error.code) == (UpstreamUnavailable, "proxy_failed")
    assert len(asked) == 1
    assert KEY.encode() not in asked[0]


def self_signed(folder: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


async def test_an_untrusted_certificate_stops_the_connection_before_the_key_is_sent(
    tmp_path: Path,
) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(self_signed(tmp_path))
    heard = b""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        heard += await reader.read()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=served)
    async with server:
        error = await refused(target_at(server.sockets[0].getsockname()[1], scheme="https"))
    assert (type(error), error.code) == (UpstreamUnavailable, "tls_failed")
    assert heard == b""


async def test_plain_text_instead_of_tls_is_a_tls_failure() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with raw_server(script) as port:
        error = await refused(target_at(port, scheme="https"))
    assert (type(error), error.code) == (UpstreamUnavailable, "tls_failed")


async def test_neither_logs_nor_errors_quote_the_provider_or_the_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "backend.upstream")
    quoting = f'{{"error": {{"message": "Incorrect API key provided: {KEY}"}}}}'.encode()
    async with raw_server(answering(refusal(401, quoting))) as port:
        error = await refused(target_at(port))
    said = caplog.text + repr(error) + str(error) + repr(error.__cause__)
    assert "upstream.refused" in said
    assert KEY not in said
    assert "Incorrect" not in said


async def test_the_log_names_the_host_and_why_it_is_unreachable(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        error = await refused(target_at(port))
    (fields,) = [record.fields for record in caplog.records if record.msg == "upstream.refused"]  # type: ignore[attr-defined]
    assert (fields["host"], fields["port"]) == ("127.0.0.1", port)
    assert fields["error"] == error.reason == "Connection refused"


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (OSError(113, "No route to host"), "No route to host"),
        (
            OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 101] Connect"),
            "Connection refused, Network is unreachable",
        ),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (OSError("unknown"), None),
        (EOFError("secret"), None),
    ],
)
def test_the_reason_is_the_systems_words(failure: Exception, reason: str | None) -> None:
    assert connector._error_of_failure(failure).reason == reason


async def test_a_hundred_connections_leave_no_task_behind() -> None:
    async with provider(accept) as server:
        before = len(asyncio.all_tasks())
        for _ in range(50):
            await (await open_connection(server.target)).close()
        connections = await asyncio.gather(*(open_connection(server.target) for _ in range(50)))
        await asyncio.gather(*(connection.close() for connection in connections))
        await asyncio.sleep(0.05)
        gc.collect()
        assert len(asyncio.all_tasks()) <= before + 1
