"""The page `/openai-realtime`, on which a browser talks to the provider directly."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from backend.direct.page_policy import may_reach_provider
from backend.wording import sentence


@may_reach_provider
def direct_page(request: HttpRequest) -> HttpResponse:
    """Return the page; while `DIRECT_SESSIONS` is off, 403 and how to turn it on.

    The page needs no login to be loaded: it reads the token that the main page has stored.
    """
    if settings.DIRECT_SESSIONS:
        return render(request, "openai-realtime.html", {"release": settings.RELEASE})
    sentences = {language: sentence("direct_off", language) for language in ("en", "ja")}
    context = {"release": settings.RELEASE, "sentences": sentences}
    return render(request, "openai-realtime-off.html", context, status=403)
