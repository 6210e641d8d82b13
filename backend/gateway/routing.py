"""The WebSocket paths."""

from collections.abc import Callable
from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from backend.gateway.consumer import RealtimeConsumer
from backend.gateway.handshake_refusals import NotFound
from backend.runtime import Runtime, runtime


def router(runtime: Callable[[], Runtime]) -> URLRouter:
    """Route `/ws/realtime/{session_id}/` to the consumer and every other path to a 404."""
    # `Any`: Django's `path` is typed for views, and Channels routes ASGI applications with it.
    consumer: Any = RealtimeConsumer.as_asgi(runtime=runtime)
    not_found: Any = NotFound()
    routes: list[Any] = [
        path("ws/realtime/<uuid:session_id>/", consumer),
        re_path("", not_found),
    ]
    return URLRouter(routes)


websocket_application = router(runtime)
