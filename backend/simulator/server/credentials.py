"""The key of a request or of a WebSocket: a standard key, or an ephemeral one that is valid now.

It comes as a bearer token, or in the header `api-key`, as Azure has it. Any key is a standard key,
except those that begin with `ek_`: the simulator must have made it, and it must not have expired.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from backend.simulator.engine.client_secrets import SECRET_PREFIX, ClientSecret, ClientSecrets
from backend.simulator.server.http_errors import incorrect_key, key_of

SUBPROTOCOL: Final = "realtime"
_KEY_SUBPROTOCOL: Final = "openai-insecure-api-key."
"""A browser cannot set headers on a WebSocket: it offers its key as a subprotocol."""
_SECRET_HEADERS: Final = frozenset({"api-key", "authorization", "sec-websocket-protocol"})


@dataclass(frozen=True, slots=True)
class Credential:
    """Who asks. `secret`: None for a standard key."""

    secret: ClientSecret | None = None


class Authenticator:
    """Checks keys. `now` is the simulator's clock, in Unix seconds."""

    def __init__(self, secrets: ClientSecrets, now: Callable[[], float]) -> None:
        self._secrets = secrets
        self._now = now

    def credential(self, headers: Mapping[str, str]) -> Credential:
        """The credential in these headers (names in lower case).

        Raises HttpError (401) if there is no key, or an ephemeral one that is unknown or expired.
        """
        key = _key_of_subprotocols(headers.get("sec-websocket-protocol", ""))
        if key is None:
            key = key_of(headers)
        if not key.startswith(SECRET_PREFIX):
            return Credential()
        # Azure takes an ephemeral key as a bearer token only.
        secret = self._secrets.find(key, self._now())
        if secret is None or "api-key" in headers:
            raise incorrect_key(key, headers)
        return Credential(secret)

    def require_standard_key(self, headers: Mapping[str, str]) -> None:
        """Raise HttpError (401) unless the request has a standard key."""
        if self.credential(headers).secret is not None:
            raise incorrect_key(key_of(headers), headers)


def without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that a record keeps: without those that hold a key."""
    return {name: value for name, value in headers.items() if name not in _SECRET_HEADERS}


def subprotocols(header: str) -> list[str]:
    """The subprotocols that a client offers in `Sec-WebSocket-Protocol`."""
    return [each.strip() for each in header.split(",") if each.strip()]


def _key_of_subprotocols(header: str) -> str | None:
    keys = [
        each.removeprefix(_KEY_SUBPROTOCOL)
        for each in subprotocols(header)
        if each.startswith(_KEY_SUBPROTOCOL)
    ]
    return keys[0] if keys else None
