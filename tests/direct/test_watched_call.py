"""One WebRTC call as the relay's client, and how it is made, joined and hung up."""

import asyncio

import pytest

from backend.direct.watched_call import Answer, WatchedCall
from backend.protocol.errors import UpstreamError, UpstreamFailed, UpstreamUnavailable
from backend.relay.ports import ClientGone
from backend.upstream.sideband import Connection, SidebandLimits
from backend.upstream.webrtc_calls import MadeCall
from tests.relay.doubles import Provider, settle

FAST = SidebandLimits(join_within_s=0.05, rejoin_within_s=0.05, pauses_s=(0.001,))
READY = '{"type":"relay.ready","event_id":"relay_1"}'


class Api:
    """The provider's API; `made` and `joined` are errors, or what it answers."""

    def __init__(self) -> None:
        self.made: MadeCall | Exception = MadeCall("v=0", "rtc_1")
        self.joined: Provider | UpstreamError = Provider()
        self.hung_up: list[str] = []
        self.may_make = asyncio.Event()
        self.may_make.set()

    async def make(self) -> MadeCall:
        await self.may_make.wait()
        if isinstance(self.made, Exception):
            raise self.made
        return self.made

    async def join(self, provider_call_id: str) -> Connection:
        assert provider_call_id == "rtc_1"
        if isinstance(self.joined, UpstreamError):
            raise self.joined
        return self.joined

    async def hang_up(self, provider_call_id: str) -> None:
        self.hung_up.append(provider_call_id)


async def call() -> WatchedCall:
    made = WatchedCall(FAST)
    made.call_id = "11111111-1111-4111-8111-111111111111"
    return made


async def test_the_browser_is_answered_once_the_model_has_the_history() -> None:
    watched, api = await call(), Api()
    await watched.connect(api)
    await settle()
    assert not watched.answer.done()
    await watched.send(READY)
    assert await watched.answer == Answer("v=0", watched.call_id)


async def test_closing_the_sideband_hangs_up_once() -> None:
    watched, api = await call(), Api()
    upstream = await watched.connect(api)
    await watched.send(READY)
    await watched.answer
    await upstream.close()
    await upstream.close()
    assert api.hung_up == ["rtc_1"]


async def test_a_call_that_is_not_made_is_the_browsers_error() -> None:
    watched, api = await call(), Api()
    api.made = UpstreamUnavailable("unreachable")
    with pytest.raises(UpstreamUnavailable):
        await watched.connect(api)
    with pytest.raises(UpstreamUnavailable):
        await watched.answer
    assert api.hung_up == []


async def test_a_call_that_is_not_joined_is_hung_up() -> None:
    watched, api = await call(), Api()
    api.joined = UpstreamFailed("first_event_unexpected")
    with pytest.raises(UpstreamFailed):
        await watched.connect(api)
    assert isinstance(watched.answer.exception(), UpstreamFailed)
    assert api.hung_up == ["rtc_1"]


async def test_a_call_that_is_cancelled_while_it_is_made_is_hung_up() -> None:
    watched, api = await call(), Api()
    api.may_make.clear()
    connecting = asyncio.create_task(watched.connect(api))
    await settle()
    connecting.cancel()
    await settle()
    api.may_make.set()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert api.hung_up == ["rtc_1"]


async def test_it_notes_what_the_relay_says_and_nothing_of_the_provider() -> None:
    watched = await call()
    await watched.send('{"type":"response.done"}')
    await watched.send('{"type":"relay.draining","event_id":"relay_2"}')
    await watched.send('{"type":"relay.budget","event_id":"relay_3","kind":"money","level":"ok"}')
    await watched.send('{"type":"relay.closing","event_id":"relay_4","reason":"idle"}')
    assert watched.is_draining
    assert watched.budgets == {"money": {"kind": "money", "level": "ok"}}


async def test_it_has_no_frames_and_leaves_when_the_browser_does() -> None:
    watched = await call()
    receiving = asyncio.create_task(watched.receive())
    await settle()
    assert not receiving.done()
    assert not await watched.has_left()
    watched.leave()
    with pytest.raises(ClientGone):
        await receiving
    assert await watched.has_left()
    await watched.close(1000, "client_left")
