"""A provider of WebRTC calls in memory: its REST API, and sidebands that the test drives."""

import asyncio
import json
from typing import Any

import httpx2

from backend.protocol.errors import UpstreamError, UpstreamRefused
from backend.upstream.providers.interface import Provider
from backend.upstream.target import Target
from tests.relay import doubles
from tests.relay.equipment import frame

OFFER = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n"
ANSWER = "v=0\r\no=- 3 4 IN IP4 127.0.0.1\r\n"


class SidebandSocket(doubles.Provider):
    """One sideband connection. It accepts every `session.update` and every past item."""

    async def send(self, text: str) -> None:
        await super().send(text)
        event = json.loads(text)
        if event["type"] == "session.update":
            self.send_frame(frame(type="session.updated", session=event["session"]))
        elif event["type"] == "conversation.item.create":
            self.send_frame(frame(type="conversation.item.added", item=event["item"]))

    def say(self, *texts: str) -> None:
        for text in texts:
            self.send_frame(text)


class FarEnd:
    """The provider. `live` are the calls that it has made and that were not hung up.

    `refusal` is its next answer to an offer, `join_error` to every sideband.
    """

    def __init__(self) -> None:
        self.offers: list[httpx2.Request] = []
        self.live: set[str] = set()
        self.hung_up: list[str] = []
        self.sidebands: list[SidebandSocket] = []
        self.targets: list[Target] = []
        self.refusal: httpx2.Response | Exception | None = None
        self.join_error: UpstreamError | None = None
        self.hang_up_status = 200
        self.may_accept = asyncio.Event()
        self.may_accept.set()

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self._answer)

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/hangup"):
            provider_call_id = request.url.path.split("/")[-2]
            if self.hang_up_status == 200:
                self.hung_up.append(provider_call_id)
                self.live.discard(provider_call_id)
            return httpx2.Response(self.hang_up_status)
        await self.may_accept.wait()
        self.offers.append(request)
        if isinstance(self.refusal, Exception):
            raise self.refusal
        if self.refusal is not None:
            return self.refusal
        provider_call_id = f"rtc_{len(self.offers)}"
        self.live.add(provider_call_id)
        location = f"/v1/realtime/calls/{provider_call_id}"
        return httpx2.Response(201, text=ANSWER, headers={"Location": location})

    async def join(self, _: Provider, target: Target) -> SidebandSocket:
        self.targets.append(target)
        if self.join_error is not None:
            raise self.join_error
        if target.call_id not in self.live:
            raise UpstreamRefused("request_refused", status=404)
        sideband = SidebandSocket()
        self.sidebands.append(sideband)
        await sideband.connect()
        return sideband

    def end(self, provider_call_id: str) -> None:
        """The browser has left: the call is over, and its sidebands are closed."""
        self.live.discard(provider_call_id)
        for sideband in self.sidebands:
            sideband.fail()

    def session_of(self, number: int = 0) -> dict[str, Any]:
        """The session that was posted beside the offer."""
        body = self.offers[number].content.decode()
        part = body.split('name="session"')[1].split("\r\n\r\n", 1)[1]
        session: dict[str, Any] = json.loads(part.split("\r\n--", 1)[0])
        return session
