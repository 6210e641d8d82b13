"""Every request stays in one thread on its way to its view and back."""

from collections.abc import Callable
from inspect import iscoroutinefunction

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.test import AsyncClient, override_settings
from django.utils.decorators import sync_and_async_middleware

given: list[bool] = []


@sync_and_async_middleware
def note(get_response: Callable[[HttpRequest], HttpResponseBase]) -> object:
    """Notes what it was given, and changes nothing."""
    given.append(iscoroutinefunction(get_response))
    return get_response


async def test_what_is_around_a_view_is_synchronous_under_asgi() -> None:
    given.clear()
    below = settings.MIDDLEWARE.index("whitenoise.middleware.WhiteNoiseMiddleware") + 1
    middleware = [*settings.MIDDLEWARE]
    middleware.insert(below, f"{__name__}.{note.__name__}")
    with override_settings(MIDDLEWARE=middleware):
        response = await AsyncClient().get("/healthz")
    assert (response.status_code, given) == (200, [False])
