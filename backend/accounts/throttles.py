"""How often somebody may try: a guess at a password costs, a mistake does not. Rates are settings.

The address is the connection's own: whoever could write `X-Forwarded-For` could be somebody new
with every request (`NUM_PROXIES` is 0). Behind a proxy on the same machine uvicorn puts the real
address there; it believes `X-Forwarded-For` from 127.0.0.1 alone. Daphne believes nobody.
"""

import hashlib

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from backend.accounts.usernames import one_spelling


class AddressThrottle(SimpleRateThrottle):
    """Logins and registrations from one address, whoever they are for."""

    scope = "address"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """One count per address."""
        return _key(self.scope, self.get_ident(request))


class LoginThrottle(SimpleRateThrottle):
    """Logins of one user from one address: another address cannot lock the owner out."""

    scope = "login"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """One count per address and username."""
        given = request.data.get("username", "") if isinstance(request.data, dict) else ""
        return _key(self.scope, self.get_ident(request), one_spelling(str(given)).casefold())


def _key(scope: str | None, *parts: str) -> str:
    digest = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"throttle:{scope}:{digest}"
