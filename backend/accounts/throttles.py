"""Rate limits of logins and registrations. The rates are in the settings.

The address is that of the connection (`NUM_PROXIES` is 0): a client that could set
`X-Forwarded-For` would have a new address for each request. Behind a proxy that `TRUSTED_PROXIES`
names, `backend.trusted_proxies` has put the client's own address there.
"""

import hashlib

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from backend.accounts.usernames import normalised_username


class AddressThrottle(SimpleRateThrottle):
    """Limits all logins and registrations from one address."""

    scope = "address"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Return the key of the address."""
        return _key(self.scope, self.get_ident(request))


class LoginThrottle(SimpleRateThrottle):
    """Limits logins of one user from one address, so that others cannot lock the user out."""

    scope = "login"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Return the key of the address and the username, however that is spelt."""
        given = request.data.get("username", "") if isinstance(request.data, dict) else ""
        return _key(self.scope, self.get_ident(request), normalised_username(str(given)).casefold())


def _key(scope: str | None, *parts: str) -> str:
    digest = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"throttle:{scope}:{digest}"
