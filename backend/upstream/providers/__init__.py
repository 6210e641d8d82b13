"""The seam between the relay and its providers: what differs between them, and which there are.

To add a provider: a file here with a class of these methods, a row in `PROVIDERS`, its name among
the choices of `REALTIME_PROVIDER` in `backend.env`, and a test file in `tests/upstream/providers`.
`tests/upstream/fake_provider.py` is the smallest example.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from backend.protocol.errors import UpstreamError
from backend.upstream.providers.openai import OpenAI
from backend.upstream.session_settings import SessionSettings
from backend.upstream.target import Target


class Provider(Protocol):
    """Everything that differs between providers. Stateless: one instance serves every call."""

    @property
    def name(self) -> str:
        """The value of `REALTIME_PROVIDER`."""
        ...

    @property
    def audio_rate_hz(self) -> int:
        """The sample rate of the PCM16 that the session is configured with, both ways."""
        ...

    def websocket_url(self, target: Target) -> str:
        """The URL to open, with the model in it if the provider wants it there."""
        ...

    def headers(self, target: Target) -> dict[str, str]:
        """The headers of the upgrade request: the key, and who the user is."""
        ...

    def accepts(self, event: Mapping[str, Any]) -> bool:
        """Whether this event proves that the provider accepted the connection.

        Called with each event until one does; False means to wait for the next one. Raises the
        UpstreamError of an `error` event, and UpstreamFailed for an event that may not come here.
        """
        ...

    def session(self, settings: SessionSettings) -> dict[str, Any]:
        """The `session` object of the `session.update` that the relay sends first."""
        ...

    def error_of_status(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """The error for an upgrade request that was answered with this HTTP status.

        `retry_after` is that header. The body can quote the key, so no text of it may be passed on.
        """
        ...

    def error_of_close(self, code: int, reason: str) -> UpstreamError:
        """The error for a connection that ended with this close code; 1005 without, 1006 if lost.

        The reason is the provider's text, so no text of it may be passed on.
        """
        ...


PROVIDERS: Mapping[str, Provider] = {provider.name: provider for provider in (OpenAI(),)}


def by_name(name: str) -> Provider:
    """The provider of this name. Raises KeyError; `backend.env` refuses unknown names."""
    return PROVIDERS[name]
