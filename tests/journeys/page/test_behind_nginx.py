"""Behind an nginx of one's own: the documented one works, and a fault of it is named."""

import dataclasses
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.page.visitor import register, visiting
from tests.journeys.stack import ROOT, Stack, free_port, wait_until_answers

pytestmark = pytest.mark.page

NGINX = "/usr/sbin/nginx"
UPGRADE = r"proxy_set_header (Upgrade|Connection) .*"
SUBPROTOCOL = 'proxy_read_timeout 75s; proxy_set_header Sec-WebSocket-Protocol "";'

FAULTS = {
    "origin_foreign": (r"\$http_host", "$host"),
    "upgrade_missing": (UPGRADE, ""),
    "subprotocol_missing": (r"proxy_read_timeout 75s;", SUBPROTOCOL),
}
"""What to replace in the documented configuration for each fault, and by what."""


def documented_server(stack: Stack, port: int, pattern: str, replacement: str) -> str:
    """Return the server of docs/deployment.md, without TLS, with one thing replaced."""
    text = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    server = re.sub(r"(?m)^ *(ssl_certificate|ssl_certificate_key|server_name) .*\n", "", block)
    server = server.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    server = server.replace("127.0.0.1:8000", f"127.0.0.1:{stack.port}")
    changed = re.sub(pattern, lambda _: replacement, server)
    assert not pattern or changed != server
    return changed


@contextmanager
def nginx(stack: Stack, folder: Path, pattern: str = "", replacement: str = "") -> Iterator[Stack]:
    """Run nginx in front of the stack, and give the stack as it is seen through it."""
    port = free_port()
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; events {{}}"
        f"http {{ access_log off; {temporary}"
        f"{documented_server(stack, port, pattern, replacement)} }}"
    )
    command = [NGINX, "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(command) as process:
        try:
            wait_until_answers(f"http://127.0.0.1:{port}/healthz", process)
            yield dataclasses.replace(stack, port=port)
        finally:
            process.terminate()


def test_the_documented_nginx_lets_a_call_through(
    browser: Browser, stack: Stack, tmp_path: Path
) -> None:
    with (
        nginx(stack, tmp_path) as seen,
        visiting(browser, seen, login=register(stack)) as visitor,
    ):
        visitor.open_muted_call()


@pytest.mark.parametrize("code", FAULTS)
def test_an_nginx_that_is_nearly_right_is_named_by_the_page_and_by_the_log(
    browser: Browser, stack: Stack, tmp_path: Path, code: str
) -> None:
    with (
        nginx(stack, tmp_path, *FAULTS[code]) as seen,
        visiting(browser, seen, login=register(stack)) as visitor,
    ):
        visitor.allow("WebSocket connection to", "status of 403", "status of 426")
        visitor.tap_microphone()
        card = visitor.help_card(code)
        advice = card.locator("details p")
        expect(advice).to_be_hidden()
        card.get_by_text("For the administrator").click()
        expect(advice).to_be_visible()
        if code == "origin_foreign":
            expect(card).to_contain_text(f"This page is at {seen.url}")
            expect(card).to_contain_text("with Host 127.0.0.1. ")
        assert visitor.live_tracks() == 0
        assert f"call.refused code={code} " in stack.log()
        # The other way into the conversation stays open.
        assert visitor.type_and_wait("How many people work on the orders?")
