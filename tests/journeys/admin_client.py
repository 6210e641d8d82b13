"""A client of `/admin/`: signs in through the form and reads pages."""

import html
import re
import secrets
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Self

from tests.journeys.stack import Stack


def transcript_rows(page: str) -> list[tuple[str, str, str]]:
    """Who, how and which words of each turn that the admin's page of a session shows."""
    shown = re.findall(
        r'class="kaiwa-turn .*?<strong>(.*?)</strong>.*?<span>(.*?)</span>.*?'
        r'<p class="kaiwa-text"[^>]*>(.*?)</p>',
        page,
        re.DOTALL,
    )
    return [
        (who, how, html.unescape(re.sub("<[^>]*>", "", words)).strip()) for who, how, words in shown
    ]


class _NoRedirect(urllib.request.HTTPErrorProcessor):
    def http_response(self, request, response):  # type: ignore[no-untyped-def]
        return response

    https_response = http_response


@dataclass(slots=True)
class AdminClient:
    """A signed-in admin.

    Keeps cookies by hand: they are Secure, and the tests use plain HTTP on loopback.
    """

    stack: Stack
    cookies: dict[str, str] = field(default_factory=dict)

    @classmethod
    def sign_in(cls, stack: Stack) -> Self:
        username, password = f"admin-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
        stack.manage(
            "createsuperuser", "--no-input", "--username", username, "--email", "a@example.org",
            DJANGO_SUPERUSER_PASSWORD=password,
        )  # fmt: skip
        client = cls(stack)
        form = client.read("/admin/login/")
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        assert found, form
        client.read(
            "/admin/login/",
            {"username": username, "password": password, "csrfmiddlewaretoken": found[1]},
        )
        assert "sessionid" in client.cookies
        return client

    def read(self, path: str, form: dict[str, str] | None = None) -> str:
        """Return the page's HTML; with `form`, post it and return the response."""
        request = urllib.request.Request(f"{self.stack.url}{path}")
        if form is not None:
            request.data = urllib.parse.urlencode(form).encode()
        # Django wants one for a form over https.
        request.add_header("Referer", f"{self.stack.url}{path}")
        request.add_header("Cookie", "; ".join(f"{k}={v}" for k, v in self.cookies.items()))
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=20) as response:
            assert response.status in (200, 302), response.status
            for header in response.headers.get_all("Set-Cookie", []):
                for name, morsel in SimpleCookie(header).items():
                    self.cookies[name] = morsel.value
            page: str = response.read().decode()
            return page
