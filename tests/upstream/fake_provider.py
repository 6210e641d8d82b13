"""A second provider, as different from OpenAI as the seam allows, and the server it connects to.

Other URL, other headers, other first event, other session configuration, other close codes. After
its first event it speaks GA Realtime, as every provider has to behind `upstream`.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import websockets.asyncio.server as websockets_server
from websockets.http11 import Request

from backend.protocol.errors import UpstreamError, UpstreamFailed, UpstreamRefused
from backend.upstream import failures
from backend.upstream.providers.interface import SessionSettings
from backend.upstream.target import Target

GREETING = {"type": "live.hello", "protocol": 3}
OUT_OF_CREDIT = 4900


class FakeProvider:
    """The fake's side of `upstream.providers.Provider`."""

    name = "fake"
    audio_rate_hz = 16_000

    def websocket_url(self, target: Target) -> str:
        """The model is part of the path."""
        return f"{target.websocket_base_url}/models/{target.model}/live"

    def credential_headers(self, api_key: str) -> dict[str, str]:
        """The key has a header of its own."""
        return {"X-Fake-Key": api_key}

    def user_headers(self, safety_identifier: str) -> dict[str, str]:
        """The user too."""
        return {"X-Fake-User": safety_identifier}

    def headers(self, target: Target) -> dict[str, str]:
        """Both."""
        return {
            **self.credential_headers(target.api_key),
            **self.user_headers(target.safety_identifier),
        }

    def accepts(self, event: Mapping[str, Any]) -> bool:
        """True for `live.hello`; the queue's progress may come before it."""
        if event.get("type") not in ("live.hello", "live.queued"):
            raise UpstreamFailed("first_event_unexpected")
        return event.get("type") == "live.hello"

    def session(self, settings: SessionSettings) -> dict[str, Any]:
        """Flat, with a prompt instead of instructions."""
        return {
            "prompt": settings.instructions,
            "speaker": settings.voice,
            "captions": settings.transcription_model,
            "pause_s": settings.turn_detection.silence_ms / 1000,
            "rate": self.audio_rate_hz,
        }

    def webrtc_session(self, settings: SessionSettings, model: str) -> dict[str, Any]:
        """With the model beside it."""
        return self.session(settings) | {"parrot": model}

    def sideband_session(self, settings: SessionSettings) -> dict[str, Any]:
        """All of it can be sent again."""
        return self.session(settings)

    def error_of_status(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """By the status alone: a 402 has no body."""
        if status == 402:
            return UpstreamRefused("insufficient_quota", status=status)
        kind, code = failures.of_status(status)
        return kind(code, status=status, retry_after_s=failures.seconds_of(retry_after))

    def error_of_close(self, code: int, reason: str) -> UpstreamError:
        """By the code alone: the reason is prose."""
        if code == OUT_OF_CREDIT:
            return UpstreamRefused("insufficient_quota", status=code)
        kind, word = failures.of_close(code)
        return kind(word, status=code)


class FakeServer:
    """Accepts, takes its configuration and answers each typed message with `Echo: …`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.sessions: list[dict[str, Any]] = []
        self.refused_status: int | None = None
        self.port = 0

    @property
    def target(self) -> Target:
        return Target(f"http://127.0.0.1:{self.port}/api", "fake-key", "parrot", "user-hash")

    async def _serve(self, connection: websockets_server.ServerConnection) -> None:
        async def send(event_type: str, **fields: Any) -> None:
            await connection.send(json.dumps({"type": event_type, **fields}))

        await send("live.queued", place=1)
        await connection.send(json.dumps(GREETING))
        async for text in connection:
            event = json.loads(text)
            match event["type"]:
                case "session.update":
                    self.sessions.append(event["session"])
                    await send("session.updated", session=event["session"])
                case "conversation.item.create":
                    item = {**event["item"], "status": "completed"}
                    said = item["content"][0]["text"]
                    await send("conversation.item.added", item=item, previous_item_id=None)
                    if said == "spend everything":
                        await connection.close(OUT_OF_CREDIT, "no credit left for fake-key")
                        return
                    answer = {
                        "id": "answer",
                        "type": "message",
                        "role": "assistant",
                        "status": "completed",
                        "content": [{"type": "output_audio", "transcript": f"Echo: {said}"}],
                    }
                    await send("conversation.item.done", item=answer, previous_item_id=item["id"])

    def _look(self, connection: websockets_server.ServerConnection, request: Request) -> Any:
        self.requests.append(request)
        if self.refused_status is not None:
            return connection.respond(self.refused_status, "")
        return None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["FakeServer"]:
        """Listens on a port of its own."""
        async with websockets_server.serve(
            self._serve, "127.0.0.1", 0, process_request=self._look, close_timeout=0.2
        ) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            yield self
