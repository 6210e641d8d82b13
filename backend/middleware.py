"""What stands between the server and every view."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_only_middleware

GetResponse = Callable[[HttpRequest], HttpResponseBase]
Event = Mapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


@sync_only_middleware
def in_one_thread(get_response: GetResponse) -> GetResponse:
    """Nothing but synchronous, and the innermost, so that Django runs what is around it so too.

    Under ASGI a middleware that can be either is asynchronous if the next one is, and then sends
    each of its hooks to a thread by itself. In one thread an API request takes about half of the
    processor time; `make bench-requests` prints it.
    """
    return get_response


def with_bounded_body(app: Application, most_bytes: int) -> Application:
    """Hand on one byte more than the bound at most, for the view to refuse, and drop the rest.

    Django writes a body to the disk before any view or limit of its own sees it: two requests of
    400 MB by nobody in particular took 800 MB.
    """

    async def bounded(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        room = most_bytes + 1

        async def receive_some() -> Event:
            nonlocal room
            while True:
                event = await receive()
                if event["type"] != "http.request":
                    return event
                if room > 0:
                    body = event.get("body", b"")[:room]
                    room -= len(body)
                    is_more = event.get("more_body", False) and room > 0
                    return {**event, "body": body, "more_body": is_more}

        await app(scope, receive_some, send)

    return bounded
