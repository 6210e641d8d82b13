"""Fault × phase → expected end, each row against the real server process with shorter waits.

| the client … | checking the ticket | dialling | waiting for `session.created` | replaying | ready | speaking | rotating | mid-response |
|---|---|---|---|---|---|---|---|---|
| closes | nothing left | client_left | client_left | client_left | client_left | client_left | client_left | client_left, partial answer kept |
| resets (RST) | nothing left | client_left | client_left | client_left | client_left | client_left | client_left | client_left, partial answer kept |
| ends its side (FIN) | nothing left | client_left | client_left | client_left | client_left | client_left | client_left | client_left, partial answer kept |
| vanishes (half-open) | | | | | client_left | client_left | client_left | client_left, partial answer kept |

In every cell the provider's connection is closed and the row has ended within 2 s; of a client that
vanishes, after the pings have timed out (1 s here, 30 s in production). Before the upgrade, all of
these leave nothing; a client that vanishes then is closed by the time limit of requests
(`tests.serving.test_http_protocol`). At the end of all rows the process has as many descriptors
and tasks as at the start.

| the provider … | expected end | close code |
|---|---|---|
| refuses with 401, 403 or 404 | provider_refused | 4502 |
| refuses with 429 or, twice, with 500 or 503 | provider_unavailable | 4503 |
| hangs before the upgrade | provider_timeout | 4504 |
| sends nothing after the upgrade | provider_timeout | 4504 |
| loses an event before ready | provider_timeout | 4504 |
| sends an error about what the client asked | the call goes on | |

| the provider's connection is … | ready | speaking | mid-response |
|---|---|---|---|
| cut, closed (1000, 1011), expired or silent | replaced | replaced | replaced, partial answer kept |

| the server … | an idle call | a call in mid-response | its client resets meanwhile |
|---|---|---|---|
| stops (SIGTERM) | draining, 1012 | the response ends, then draining, 1012 | client_left |
"""  # noqa: E501

import asyncio
import contextlib
import signal
import socket
import sqlite3
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.person import LiveCall, Person
from tests.journeys.stack import Stack, free_port, http, running_stack
from tests.journeys.test_relay_journey import ended_session
from tests.journeys.usage import Usage, usage_of

pytestmark = pytest.mark.journey

CLOSED_WITHIN_S = 2.0
PINGS_S = 1.0
"""Two of `quick_server.PING_S`: how long a client that has vanished is believed to be there."""
SLACK_S = 1.5
"""Of a busy machine."""
MOST_DATABASE_FILES = 20
"""Three of each thread that keeps a connection (five), and those of requests at once."""


@dataclass(frozen=True, slots=True)
class Server:
    """The running server, one user, and a session of that user that has turns."""

    stack: Stack
    person: Person
    past_session_id: str

    def inject(self, **mishap: Any) -> None:
        """Let the next call have a mishap, or with `calls="running"` the present one."""
        answer = http("POST", f"{self.stack.simulator_url}/simulator/mishaps", mishap)
        assert answer.status < 300, answer.text

    def open_upstreams(self) -> int:
        """The number of TCP connections to the provider."""
        return sum(
            fields[2].endswith(f":{self.stack.simulator_port:04X}") and fields[3] == "01"
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
            if (fields := line.split())
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all rows. At the end it has no more descriptors and tasks than before."""
    folder = tmp_path_factory.mktemp("matrix")
    with running_stack(
        folder,
        simulator=("--cheap", "--pace", "6"),
        server_module="tests.journeys.quick_server",
    ) as stack:
        person = asyncio.run(Person.register(stack))
        # The first call opens what stays open, such as the database's threads.
        session_id = asyncio.run(one_exchange(person))
        before = asyncio.run(usage_of(stack))
        yield Server(stack, person, session_id)
        asyncio.run(until_released(stack, before))


async def until_released(stack: Stack, before: Usage) -> None:
    """Wait until the server holds no more than before. Raises TimeoutError."""
    async with asyncio.timeout(10):
        while True:
            now = await usage_of(stack)
            is_released = now.descriptors <= before.descriptors and now.tasks <= before.tasks
            if is_released and now.database_files <= MOST_DATABASE_FILES:
                return
            await asyncio.sleep(0.05)


@pytest.fixture(autouse=True)
def _no_mishap(server: Server) -> None:
    """Forget the mishap of a row that failed before its call."""
    http("DELETE", f"{server.stack.simulator_url}/simulator/mishaps")


async def one_exchange(person: Person) -> str:
    """Run a call with a message and its answer. Returns the session's id."""
    session_id = await person.new_session()
    async with person.call(session_id) as live:
        await live.type("Hello!", is_silent=True)
        await live.until_type("response.done")
    await ended_session(person, session_id)
    return session_id


async def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until the condition is true. Raises AssertionError."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        await asyncio.sleep(0.02)


# --- The client's faults ------------------------------------------------------------------------


async def close(live: LiveCall) -> None:
    await live.socket.close()


async def reset(live: LiveCall) -> None:
    """Close with a RST."""
    connection = live.socket.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    live.socket.transport.abort()


async def end_side(live: LiveCall) -> None:
    """Send a FIN without a close frame."""
    live.socket.transport.write_eof()


async def vanish(live: LiveCall) -> None:
    """Read nothing and answer no ping any more; the connection stays open."""
    live.socket.transport.pause_reading()


Act = Callable[[LiveCall], Awaitable[None]]

CLIENT_FAULTS: dict[str, Act] = {
    "closes": close,
    "resets": reset,
    "ends its side": end_side,
    "vanishes": vanish,
}


async def dialling(server: Server, live: LiveCall) -> None:
    await until(lambda: server.open_upstreams() == 1, 5, "the provider is dialled")


async def upgraded(server: Server, live: LiveCall) -> None:
    def is_open() -> bool:
        calls = http("GET", f"{server.stack.simulator_url}/simulator/calls").json["calls"]
        return calls[-1]["closed_at"] is None and server.open_upstreams() == 1

    await until(is_open, 5, "the provider has accepted the call")


async def created(server: Server, live: LiveCall) -> None:
    await live.until_type("session.created")


async def ready(server: Server, live: LiveCall) -> None:
    await live.until_type("relay.ready")


async def speaking(server: Server, live: LiveCall) -> None:
    await ready(server, live)
    await live.say(bytes([0, 32]) * 12_000, pace=10)


async def answering(server: Server, live: LiveCall) -> None:
    await ready(server, live)
    await live.type("How much does it cost?")
    await live.until_type("response.output_audio.delta")


async def rotating(server: Server, live: LiveCall) -> None:
    """The provider's connection is lost, and the next one hangs."""
    await ready(server, live)
    server.inject(kind="hang")
    server.inject(calls="running", kind="drop")
    await live.until_type("relay.rotating")


Reach = Callable[[Server, LiveCall], Awaitable[None]]

PHASES: dict[str, tuple[str, Reach]] = {
    "dialling": ("hang", dialling),
    "waiting for session.created": ("silent", upgraded),
    "replaying": ("slow", created),
    "ready": ("", ready),
    "speaking": ("", speaking),
    "mid-response": ("", answering),
    "rotating": ("", rotating),
}
"""By name: the provider's mishap that makes the phase last, and how the client reaches it."""

CLIENT_ROWS = [
    (fault, phase)
    for phase in PHASES
    for fault in CLIENT_FAULTS
    # Its pings would have to time out before the provider's time is up.
    if fault != "vanishes" or not PHASES[phase][0]
]


@pytest.mark.parametrize(("fault", "phase"), CLIENT_ROWS)
async def test_a_client_that_leaves_leaves_nothing_behind(
    server: Server, fault: str, phase: str
) -> None:
    mishap, reach = PHASES[phase]
    session_id = server.past_session_id
    if phase != "replaying":
        session_id = await server.person.new_session()
    if mishap:
        server.inject(kind=mishap)
    async with server.person.call(session_id, ready=False, close_timeout_s=0.1) as live:
        await reach(server, live)
        await CLIENT_FAULTS[fault](live)
        wait_s = CLOSED_WITHIN_S + SLACK_S + (PINGS_S if fault == "vanishes" else 0)
        began = time.monotonic()
        await until(lambda: not server.open_upstreams(), wait_s, "the provider's is closed")
        session = await ended_session(server.person, session_id)
        assert time.monotonic() - began < wait_s
        assert session["calls"][-1]["ending"] == "client_left"
        live.socket.transport.abort()
    if phase == "mid-response":
        turns = await server.person.turns(session_id)
        assert [turn["status"] for turn in turns] == ["completed", "interrupted"]


@pytest.mark.parametrize("fault", [name for name in CLIENT_FAULTS if name != "vanishes"])
async def test_a_client_that_leaves_while_its_ticket_is_checked_leaves_nothing(
    server: Server, fault: str
) -> None:
    session_id = await server.person.new_session()
    ticket = await server.person.ticket(session_id)
    database = sqlite3.connect(server.stack.folder / "kaiwa.sqlite3", isolation_level=None)
    with contextlib.closing(database):
        database.execute("BEGIN IMMEDIATE")
        async with server.person.call(
            session_id, ready=False, ticket=ticket, close_timeout_s=0.1
        ) as live:
            await CLIENT_FAULTS[fault](live)
        assert not server.open_upstreams()
        database.execute("ROLLBACK")
    await until(lambda: is_idle(server), CLOSED_WITHIN_S + SLACK_S, "the server is idle")
    session = await ended_session(server.person, session_id)
    assert {call["ending"] for call in session["calls"]} <= {"client_left"}


def is_idle(server: Server) -> bool:
    """Whether no call runs, in any state, and no connection to the provider is open."""
    lines = http("GET", f"{server.stack.url}/metrics").text.splitlines()
    calls = [line.rpartition(" ")[2] for line in lines if line.startswith("kaiwa_calls{")]
    assert calls
    return not server.open_upstreams() and all(float(count) == 0 for count in calls)


@pytest.mark.parametrize("fault", ["closes", "resets", "ends its side"])
async def test_a_client_that_leaves_before_the_upgrade_leaves_nothing(
    server: Server, fault: str
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.stack.port)
    writer.write(b"GET /ws/realtime/x/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n")
    await writer.drain()
    if fault == "resets":
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    if fault == "ends its side":
        writer.write_eof()
    else:
        writer.close()
    # The descriptors are counted when all rows are done.
    await until(lambda: is_idle(server), CLOSED_WITHIN_S, "the server is idle")
    writer.close()


# --- The provider's faults ----------------------------------------------------------------------

PROVIDER_ROWS: list[tuple[dict[str, Any], str, int]] = [
    ({"kind": "refuse", "status": 401}, "provider_refused", 4502),
    ({"kind": "refuse", "status": 403}, "provider_refused", 4502),
    ({"kind": "refuse", "status": 404}, "provider_refused", 4502),
    ({"kind": "refuse", "status": 429, "retry_after_s": 7}, "provider_unavailable", 4503),
    ({"kind": "refuse", "status": 500, "times": 2}, "provider_unavailable", 4503),
    ({"kind": "refuse", "status": 503, "times": 2}, "provider_unavailable", 4503),
    ({"kind": "hang"}, "provider_timeout", 4504),
    ({"kind": "silent"}, "provider_timeout", 4504),
    ({"kind": "leave_out", "after": "session.updated"}, "provider_timeout", 4504),
]


@pytest.mark.parametrize(
    ("mishap", "ending", "code"),
    PROVIDER_ROWS,
    ids=[" ".join(map(str, row[0].values())) for row in PROVIDER_ROWS],
)
async def test_a_provider_that_does_not_let_us_in_ends_the_call_with_its_reason(
    server: Server, mishap: dict[str, Any], ending: str, code: int
) -> None:
    session_id = await server.person.new_session()
    server.inject(**mishap)
    async with server.person.call(session_id, ready=False) as live:
        assert await live.until_ended() == code
        assert [event["type"] for event in live.events[-2:]] == ["relay.error", "relay.closing"]
        assert live.events[-1]["reason"] == ending
    assert await ending_of(server, session_id) == ending
    await until(lambda: not server.open_upstreams(), CLOSED_WITHIN_S, "the provider's is closed")


async def ending_of(server: Server, session_id: str) -> str:
    """Wait until the session's last call has ended, and return how."""
    session = await ended_session(server.person, session_id)
    ending: str = session["calls"][-1]["ending"]
    return ending


LOSSES: dict[str, dict[str, Any]] = {
    "cut": {"kind": "drop"},
    "closed with 1000": {"kind": "close", "code": 1000},
    "closed with 1011": {"kind": "close", "code": 1011},
    "expired": {"kind": "expire"},
    "silent": {"kind": "stall", "no_pong": True},
}
LOSS_PHASES: dict[str, Reach] = {
    "ready": ready,
    "speaking": speaking,
    "mid-response": answering,
}


@pytest.mark.parametrize("phase", LOSS_PHASES)
@pytest.mark.parametrize("loss", LOSSES)
async def test_a_provider_that_is_lost_in_mid_call_is_replaced(
    server: Server, loss: str, phase: str
) -> None:
    session_id = await server.person.new_session()
    async with server.person.call(session_id) as live:
        await LOSS_PHASES[phase](server, live)
        server.inject(calls="running", **LOSSES[loss])
        await live.until_type("relay.rotated")
        assert live.of_type("relay.rotating")[0]["reason"] == "provider_lost"
        assert live.of_type("relay.rotated")[0]["result"] == "renewed"
        after = len(live.events)
        await live.type("Still there?", is_silent=True)
        await live.until_type("response.done", after=after)
        assert server.open_upstreams() == 1
    assert await ending_of(server, session_id) == "client_left"
    turns = await server.person.turns(session_id)
    typed = [turn for turn in turns if turn["text"] == "Still there?"]
    assert len(typed) == 1
    if phase == "mid-response":
        assert [turn["status"] for turn in turns][:2] == ["completed", "interrupted"]
    assert len({turn["item_id"] for turn in turns}) == len(turns)


HARMLESS: list[list[dict[str, Any]]] = [
    [{"type": "response.cancel"}],
    [{"type": "response.create"}, {"type": "response.create"}],
]


@pytest.mark.parametrize("sent", HARMLESS, ids=["nothing to cancel", "a response is active"])
async def test_an_error_about_a_request_ends_nothing(
    server: Server, sent: list[dict[str, Any]]
) -> None:
    session_id = await server.person.new_session()
    async with server.person.call(session_id) as live:
        for event in sent:
            await live.send(event)
        await live.until_type("error")
        after = len(live.events)
        await live.send({"type": "relay.ping"})
        await live.until_type("relay.pong", after=after)
        assert not live.ended
    assert await ending_of(server, session_id) == "client_left"


# --- The server's stop --------------------------------------------------------------------------


async def test_a_stop_lets_answers_end_and_tells_everybody(server: Server) -> None:
    other = replace(server.stack, port=free_port(), processes={})
    other.env = {**server.stack.env, "PORT": str(other.port)}
    await asyncio.to_thread(other.start_server)
    person = replace(server.person, stack=other)
    sessions = [await person.new_session() for _ in range(3)]
    async with (
        person.call(sessions[0]) as idle,
        person.call(sessions[1]) as answered,
        person.call(sessions[2]) as leaving,
    ):
        await asyncio.gather(answering(server, answered), answering(server, leaving))
        stopping = asyncio.create_task(asyncio.to_thread(other.stop, "server", signal.SIGTERM))
        await leaving.until_type("relay.draining")
        await reset(leaving)
        assert await idle.until_ended() == 1012
        assert await answered.until_ended() == 1012
        assert answered.of_type("response.done")
        assert await stopping == 0
    await until(lambda: not server.open_upstreams(), CLOSED_WITHIN_S, "the provider's is closed")
    endings = [await ending_of(server, session_id) for session_id in sessions]
    assert endings == ["draining", "draining", "client_left"]
