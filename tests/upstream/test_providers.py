"""The provider seam: what is registered, and a whole call with a provider that is not OpenAI."""

import asyncio
import functools
from dataclasses import replace

import pytest

from backend.protocol.audio import SAMPLE_RATE_HZ
from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamRefused
from backend.relay.call import Call
from backend.relay.limits import Limits
from backend.settings_table import PROVIDERS as CHOICES
from backend.upstream import providers
from backend.upstream.connector import connect
from backend.upstream.providers.interface import Provider, SessionSettings, TurnDetection
from tests.relay.doubles import Client, Record
from tests.relay.equipment import plan, typed
from tests.upstream.fake_provider import FakeProvider, FakeServer

FAKE: Provider = FakeProvider()
SESSION = FAKE.session(SessionSettings("Repeat.", "polly", "ear-1", TurnDetection()))


def test_the_choices_of_the_setting_are_the_registered_providers() -> None:
    assert set(CHOICES) == set(providers.PROVIDERS)
    for name in CHOICES:
        assert providers.PROVIDERS[name].name == name


def test_every_registered_provider_has_the_rate_that_page_and_relay_count_with() -> None:
    # Another rate needs resampling between the connector and the relay first.
    assert {each.audio_rate_hz for each in providers.PROVIDERS.values()} == {SAMPLE_RATE_HZ}


class LiveCall:
    """A call over a real socket to the fake provider's server."""

    def __init__(self, server: FakeServer) -> None:
        self.client = Client()
        self.record = Record()
        limits = Limits(drain_upstream_s=0.05, last_frames_s=0.5, close_s=0.5)
        call = Call(
            replace(plan(limits=limits), session=SESSION),
            self.client,
            functools.partial(connect, FAKE, server.target),
            self.record,
        )
        self.ending = asyncio.create_task(call.run())

    async def until_client_got(self, event_type: str, count: int = 1) -> None:
        async with asyncio.timeout(5):
            while self.client.types().count(event_type) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def ended(self) -> Ending:
        async with asyncio.timeout(5):
            return await self.ending


async def test_a_whole_call_with_another_provider_needs_no_change_in_relay_or_connector() -> None:
    async with FakeServer().running() as server:
        call = LiveCall(server)
        await call.until_client_got("relay.ready")
        call.client.send_frame(typed("Hello!", "typed-1"))
        await call.until_client_got("conversation.item.done")
        call.client.leave()
        assert await call.ended() is Ending.CLIENT_LEFT
    (request,) = server.requests
    assert request.path == "/api/models/parrot/live"
    assert request.headers["X-Fake-Key"] == "fake-key"
    assert request.headers["X-Fake-User"] == "user-hash"
    assert "Authorization" not in request.headers
    assert server.sessions == [SESSION]
    assert server.sessions[0]["prompt"] == "Repeat."
    newest = {turn.item_id: turn.text for turn in call.record.turns}
    assert newest == {"typed-1": "Hello!", "answer": "Echo: Hello!"}
    assert call.record.endings == [Ending.CLIENT_LEFT]


async def test_the_session_configuration_of_another_provider_is_not_shown_to_clients() -> None:
    async with FakeServer().running() as server:
        call = LiveCall(server)
        await call.until_client_got("relay.ready")
        call.client.leave()
        await call.ended()
    assert not any("Repeat." in text for text in call.client.received)


async def test_a_close_code_has_the_meaning_that_its_provider_gives_it() -> None:
    async with FakeServer().running() as server:
        call = LiveCall(server)
        await call.until_client_got("relay.ready")
        call.client.send_frame(typed("spend everything"))
        assert await call.ended() is Ending.PROVIDER_REFUSED
    assert not any("fake-key" in text for text in call.client.received)


async def test_a_status_has_the_meaning_that_its_provider_gives_it() -> None:
    server = FakeServer()
    server.refused_status = 402
    async with server.running():
        with pytest.raises(UpstreamRefused) as caught:
            await connect(FAKE, server.target)
        assert (caught.value.code, caught.value.status) == ("insufficient_quota", 402)
        assert await LiveCall(server).ended() is Ending.PROVIDER_REFUSED
