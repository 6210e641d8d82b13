"""Which WebSocket address is answered by whom."""

from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from backend.gateway.consumer import RealtimeConsumer
from backend.gateway.refusals import NoSuchPlace

# Django's `path` is typed for views; Channels routes ASGI applications with it.
_calls: Any = RealtimeConsumer.as_asgi()
_nothing: Any = NoSuchPlace()
_routes: list[Any] = [
    path("ws/realtime/<uuid:session_id>/", _calls),
    re_path("", _nothing),
]

websocket = URLRouter(_routes)
