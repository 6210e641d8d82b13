"""The Content-Security-Policy of a page that connects to the provider."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from csp.decorators import csp_update
from django.conf import settings
from django.http.response import HttpResponseBase

from backend.direct.provider_urls import provider_urls

View = Callable[..., HttpResponseBase]


def may_reach_provider(view: View) -> View:
    """Allow the view's page to connect to the provider, over HTTP and WebSocket, while
    `DIRECT_SESSIONS` is on. Every other page may connect to this server only.
    """

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.DIRECT_SESSIONS:
            return view(*args, **kwargs)
        origins = provider_urls(settings.OPENAI_BASE_URL).origins
        response: HttpResponseBase = csp_update({"connect-src": list(origins)})(view)(
            *args, **kwargs
        )
        return response

    return wrapped
