"""Behind a TLS proxy on the same machine: the admin's login form, and the WebSocket URL."""

import http.client
import json
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from tests.journeys.conftest import SERVERS
from tests.journeys.stack import Answer, Stack, running_stack

pytestmark = pytest.mark.journey

HOST = "voice.example.com"
ORIGIN = f"https://{HOST}"
TRUSTED = ("127.0.0.1", f"wss://{HOST}/ws/")
UNTRUSTED = ("192.0.2.0/24", f"ws://{HOST}/ws/")
"""`TRUSTED_PROXIES`, and the beginning of a ticket's URL with it."""


@dataclass
class Browser:
    """Sends what a browser on https sends, as the proxy forwards it; keeps cookies by hand."""

    stack: Stack
    cookies: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, body: str = "", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.stack.port, timeout=20)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        forwarded: Mapping[str, str] = {
            "Host": HOST,
            "Origin": ORIGIN,
            "Referer": f"{ORIGIN}{path}",
            "Cookie": cookies,
            "X-Forwarded-For": "192.0.2.7",
            "X-Forwarded-Proto": "https",
        }
        connection.request(method, path, body, {**forwarded, **headers})
        response = connection.getresponse()
        for header in response.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                assert morsel["secure"]
                self.cookies[name] = morsel.value
        text = response.read().decode()
        connection.close()
        return Answer(response.status, dict(response.headers), text)


@pytest.mark.parametrize(
    ("server", "proxies", "ticket_url"),
    [*((server, *TRUSTED) for server in SERVERS), ("uvicorn", *UNTRUSTED)],
)
def test_the_admin_login_form_works_and_a_ticket_has_the_servers_url(
    tmp_path: Path, server: str, proxies: str, ticket_url: str
) -> None:
    hosts = f"127.0.0.1,{HOST}"
    with running_stack(
        tmp_path, server=server, ALLOWED_HOSTS=hosts, ALLOWED_ORIGINS=ORIGIN,
        TRUSTED_PROXIES=proxies,
    ) as stack:  # fmt: skip
        browser = Browser(stack)
        form = browser.send("GET", "/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
        assert token
        filled = {"username": "x", "password": "x", "csrfmiddlewaretoken": token[1]}
        refused = browser.send(
            "POST", "/admin/login/", urllib.parse.urlencode(filled),
            **{"Content-Type": "application/x-www-form-urlencoded"},
        )  # fmt: skip
        assert refused.status == 200
        assert "Please enter the correct username and password" in refused.text

        json_type = {"Content-Type": "application/json"}
        login = json.dumps({"username": "aoi", "password": "kawara-soba-8"})
        answer = browser.send("POST", "/api/auth/register/", login, **json_type)
        headers = {**json_type, "Authorization": f"Token {answer.json['token']}"}
        session = browser.send("POST", "/api/sessions/", "{}", **headers).json
        body = json.dumps({"session_id": session["id"]})
        ticket = browser.send("POST", "/api/realtime/tickets/", body, **headers).json
        assert ticket["url"].startswith(ticket_url)
