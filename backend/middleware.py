"""What stands between the server and every view."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_only_middleware

GetResponse = Callable[[HttpRequest], HttpResponseBase]


@sync_only_middleware
def in_one_thread(get_response: GetResponse) -> GetResponse:
    """Nothing but synchronous, and the innermost, so that Django runs what is around it so too.

    Under ASGI a middleware that can be either is asynchronous if the next one is, and then sends
    each of its hooks to a thread by itself. In one thread an API request takes about half of the
    processor time; `make bench-requests` prints it.
    """
    return get_response
