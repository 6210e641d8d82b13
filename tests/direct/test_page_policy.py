"""The Content-Security-Policy of a page that connects to the provider."""

from django.http import HttpRequest, HttpResponse
from pytest_django.fixtures import Settings

from backend.direct.page_policy import may_reach_provider
from tests.azure import configure_azure


@may_reach_provider
def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("A page.")


def test_the_provider_is_allowed_while_direct_sessions_are_on(settings: Settings) -> None:
    settings.DIRECT_SESSIONS, settings.OPENAI_BASE_URL = True, "https://api.openai.com/v1"
    allowed = getattr(page(HttpRequest()), "_csp_update", None)
    assert allowed == {"connect-src": ["https://api.openai.com", "wss://api.openai.com"]}


def test_every_provider_that_can_be_chosen_is_allowed_once(settings: Settings) -> None:
    settings.DIRECT_SESSIONS, settings.OPENAI_BASE_URL = True, "https://api.openai.com/v1"
    configure_azure(settings)
    both = [
        "https://api.openai.com",
        "wss://api.openai.com",
        "https://azure.test",
        "wss://azure.test",
    ]
    assert getattr(page(HttpRequest()), "_csp_update", None) == {"connect-src": both}
    settings.OPENAI_BASE_URL = "https://azure.test/v1"
    assert getattr(page(HttpRequest()), "_csp_update", None) == {"connect-src": both[2:]}


def test_the_provider_is_not_allowed_while_they_are_off(settings: Settings) -> None:
    settings.DIRECT_SESSIONS = False
    configure_azure(settings)
    assert not hasattr(page(HttpRequest()), "_csp_update")
