"""The Content-Security-Policy of a page that connects to the providers."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from csp.decorators import csp_update
from django.conf import settings
from django.http.response import HttpResponseBase

from backend.configured_providers import configured_providers
from backend.direct.provider_urls import provider_urls

View = Callable[..., HttpResponseBase]


def may_reach_provider(view: View) -> View:
    """Allow the view's page to connect to the configured providers, over HTTP and WebSocket, while
    `DIRECT_SESSIONS` is on. Every other page may connect to this server only.
    """

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.DIRECT_SESSIONS:
            return view(*args, **kwargs)
        bases = [each.base_url for each in configured_providers().values()]
        # Two providers can have one host, such as the simulator's.
        origins = dict.fromkeys(origin for base in bases for origin in provider_urls(base).origins)
        response: HttpResponseBase = csp_update({"connect-src": list(origins)})(view)(
            *args, **kwargs
        )
        return response

    return wrapped
