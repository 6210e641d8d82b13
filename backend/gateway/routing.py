"""Which WebSocket address is answered by whom."""

from collections.abc import Callable
from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from backend.gateway.consumer import RealtimeConsumer
from backend.gateway.rejections import UnknownPath
from backend.runtime import Runtime, runtime


def router(runtime: Callable[[], Runtime]) -> URLRouter:
    """Calls at their address, and nothing anywhere else."""
    # Django's `path` is typed for views; Channels routes ASGI applications with it.
    calls: Any = RealtimeConsumer.as_asgi(runtime=runtime)
    nothing: Any = UnknownPath()
    routes: list[Any] = [
        path("ws/realtime/<uuid:session_id>/", calls),
        re_path("", nothing),
    ]
    return URLRouter(routes)


websocket = router(runtime)
