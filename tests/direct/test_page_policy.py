"""The Content-Security-Policy of a page that connects to the provider."""

from django.http import HttpRequest, HttpResponse
from pytest_django.fixtures import Settings

from backend.direct.page_policy import may_reach_provider


@may_reach_provider
def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("A page.")


def test_the_provider_is_allowed_while_direct_sessions_are_on(settings: Settings) -> None:
    settings.DIRECT_SESSIONS, settings.OPENAI_BASE_URL = True, "https://api.openai.com/v1"
    allowed = getattr(page(HttpRequest()), "_csp_update", None)
    assert allowed == {"connect-src": ["https://api.openai.com", "wss://api.openai.com"]}


def test_the_provider_is_not_allowed_while_they_are_off(settings: Settings) -> None:
    settings.DIRECT_SESSIONS = False
    assert not hasattr(page(HttpRequest()), "_csp_update")
