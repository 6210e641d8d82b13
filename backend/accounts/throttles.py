"""Rate limits of logins and registrations. The rates are in the settings.

The address is that of the connection (`NUM_PROXIES` is 0) and not `X-Forwarded-For`, in which a
client could send a new address with each request. Behind a proxy in `TRUSTED_PROXIES`,
`backend.trusted_proxies` has replaced the connection's address by the client's.
"""

import functools
import hashlib

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from backend.accounts.usernames import normalised_username
from backend.client_addresses import limit_key
from backend.redis_client import RedisAway, count_in_window, shared_redis


class SharedThrottle(SimpleRateThrottle):
    """A throttle that counts in Redis: exactly, and across all server processes.

    REST framework's own throttle reads a list from the cache and writes it back, so that concurrent
    requests can all pass. It is the fallback if Redis is not configured or not available: each
    process then counts by itself, and no request fails.
    """

    _wait_s: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count the request, and return whether it is allowed."""
        shared, key = shared_redis(), self.get_cache_key(request, view)
        limit, window_s = self.parse_rate(self.get_rate())
        if shared is None or key is None or limit is None or window_s is None:
            return super().allow_request(request, view)
        count = functools.partial(count_in_window, key=key, limit=limit, window_s=window_s)
        try:
            self._wait_s = shared.run(count)
        except RedisAway:
            return super().allow_request(request, view)
        return self._wait_s is None

    def wait(self) -> float | None:
        """Return the seconds until a refused request may be sent again."""
        return super().wait() if self._wait_s is None else self._wait_s


class AddressThrottle(SharedThrottle):
    """Limits all logins and registrations from one address."""

    scope = "address"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Return the key of the address."""
        return _key(self.scope, _address_of(self, request))


class LoginThrottle(SharedThrottle):
    """Limits logins of one user from one address, so that others cannot lock the user out."""

    scope = "login"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Return the key of the address and the username, normalised and without case."""
        given = request.data.get("username", "") if isinstance(request.data, dict) else ""
        username = normalised_username(str(given)).casefold()
        return _key(self.scope, _address_of(self, request), username)


def _address_of(throttle: SimpleRateThrottle, request: Request) -> str:
    """Return the key by which the client's address is counted: an IPv6 client by its /64."""
    address: str | None = throttle.get_ident(request)
    return limit_key(address or "")


def _key(scope: str | None, *parts: str) -> str:
    digest = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"throttle:{scope}:{digest}"
