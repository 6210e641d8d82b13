"""The sideband of a WebRTC call: it joins, comes back after a loss, and hangs the call up."""

import asyncio

import pytest

from backend.protocol.errors import (
    UpstreamCode,
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from backend.upstream.sideband import Connection, Sideband, SidebandLimits, join_within
from tests.relay.doubles import Provider, settle

FAST = SidebandLimits(join_within_s=0.2, rejoin_within_s=0.2, pauses_s=(0.001,))
LOST = UpstreamFailed("connection_lost")
UNKNOWN = UpstreamRefused("request_refused", status=404)


class Joins:
    """Joins one after another: each is a connection, or the error that it raises."""

    def __init__(self, *results: Provider | UpstreamError) -> None:
        self.results = list(results)
        self.count = 0

    async def __call__(self) -> Connection:
        self.count += 1
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, UpstreamError):
            raise result
        return result


class Watch:
    """A sideband on `first`, and what it has reported."""

    def __init__(self, first: Provider, *later: Provider | UpstreamError) -> None:
        self.reported: list[str] = []
        self.joins = Joins(*(later or (LOST,)))
        self.sideband = Sideband(
            first,
            self.joins,
            hang_up=self._hang_up,
            on_over=lambda: self.reported.append("over"),
            on_rejoined=lambda: self.reported.append("rejoined"),
            limits=FAST,
            chance=lambda: 0.5,
        )

    async def _hang_up(self) -> None:
        self.reported.append("hung_up")


async def test_frames_pass_both_ways() -> None:
    first = Provider()
    watch = Watch(first)
    first.send_frame("one")
    assert await watch.sideband.receive() == "one"
    await watch.sideband.send("two")
    assert first.received == ["two"]
    assert watch.sideband.created_text == first.created_text


async def test_a_lost_connection_is_opened_again_and_the_old_one_closed() -> None:
    first, second = Provider(), Provider()
    watch = Watch(first, LOST, UpstreamUnavailable("unreachable"), second)
    first.fail(LOST)
    assert await watch.sideband.receive() == second.created_text
    assert (watch.reported, watch.joins.count, first.was_closed) == (["rejoined"], 3, True)
    second.send_frame("three")
    assert await watch.sideband.receive() == "three"


async def test_what_is_sent_during_a_loss_goes_out_on_the_next_connection() -> None:
    class Broken(Provider):
        async def send(self, text: str) -> None:
            raise LOST

    first, second = Broken(), Provider()
    watch = Watch(first, second)
    sending = asyncio.create_task(watch.sideband.send("important"))
    await settle()
    first.fail(LOST)
    await watch.sideband.receive()
    await sending
    assert second.received == ["important"]


async def test_a_call_that_the_provider_no_longer_knows_is_over() -> None:
    first = Provider()
    watch = Watch(first, UNKNOWN)
    first.fail(UpstreamUnavailable("connection_ended", status=1000))
    waiting = asyncio.create_task(watch.sideband.receive())
    await settle()
    assert watch.reported == ["over"]
    assert not waiting.done(), "the call ends by its client, and not by a lost connection"
    waiting.cancel()
    await watch.sideband.send("too late")
    with pytest.raises(UpstreamUnavailable):
        await watch.sideband.receive()


@pytest.mark.parametrize(
    ("code", "raised", "joins"),
    [("session_expired", "session_expired", 0), ("connection_ended", "invalid_api_key", 1)],
)
async def test_what_cannot_come_back_is_not_waited_for(
    code: UpstreamCode, raised: str, joins: int
) -> None:
    first = Provider()
    watch = Watch(first, UpstreamRefused("invalid_api_key", status=401))
    first.fail(UpstreamUnavailable(code, status=1001))
    with pytest.raises(UpstreamError) as error:
        await watch.sideband.receive()
    assert (error.value.code, watch.joins.count) == (raised, joins)


async def test_a_connection_that_does_not_come_back_ends_the_call() -> None:
    first = Provider()
    watch = Watch(first, UpstreamUnavailable("unreachable"))
    first.fail(LOST)
    with pytest.raises(UpstreamUnavailable):
        await watch.sideband.receive()
    assert watch.joins.count > 3


async def test_closing_hangs_up() -> None:
    first = Provider()
    watch = Watch(first)
    await watch.sideband.close()
    assert (watch.reported, first.was_closed) == (["hung_up"], True)


async def test_a_new_call_may_not_be_known_at_once() -> None:
    connection = Provider()
    joins = Joins(UNKNOWN, UNKNOWN, connection)
    assert await join_within(joins, 1.0, FAST) is connection
    with pytest.raises(UpstreamRefused):
        await join_within(Joins(UNKNOWN, connection), 1.0, FAST, is_known=True)


async def test_joining_has_a_time_limit_and_a_wrong_key_is_not_tried_again() -> None:
    async def never() -> Connection:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(UpstreamTimeout):
        await join_within(never, 0.02, FAST)
    joins = Joins(UpstreamRefused("invalid_api_key", status=401))
    with pytest.raises(UpstreamRefused):
        await join_within(joins, 1.0, FAST)
    assert joins.count == 1
