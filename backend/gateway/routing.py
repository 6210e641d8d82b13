"""Which WebSocket address is answered by whom."""

from collections.abc import Callable
from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from backend.gateway.consumer import RealtimeConsumer
from backend.gateway.refusals import NoSuchPlace
from backend.wiring import House, house


def router(house: Callable[[], House]) -> URLRouter:
    """Calls at their address, and nothing anywhere else."""
    # Django's `path` is typed for views; Channels routes ASGI applications with it.
    calls: Any = RealtimeConsumer.as_asgi(house=house)
    nothing: Any = NoSuchPlace()
    routes: list[Any] = [
        path("ws/realtime/<uuid:session_id>/", calls),
        re_path("", nothing),
    ]
    return URLRouter(routes)


websocket = router(house)
