"""Which session a call goes to, and with which credential."""

import io
from pathlib import Path

import pytest

from backend.cli.call_options import CallOptions, destination, view_of, warn_if_readable
from backend.cli.failures import ExitCode, Failure
from backend.cli.live_view import LiveView
from backend.cli.login_file import LoginFile, login_path
from backend.cli.routes import MODEL, PROVIDER_URL, DirectRoute, ServerRoute
from backend.cli.server_api import Login
from backend.cli.views import JsonView, PlainView
from tests.cli.http_server import FakeServer, answering

OLD = "0b0c0d0e-0000-4000-8000-000000000001"
NEW = "0b0c0d0e-0000-4000-8000-000000000002"
ANSWERS = {
    ("POST", "/api/sessions/"): (201, {"id": NEW}),
    ("GET", f"/api/sessions/{OLD}/"): (200, {"status": "open", "cost": "0.01"}),
    ("GET", "/api/config/"): (
        200,
        {"direct": {"websocket_url": "wss://provider/v1/realtime", "model": "of-the-server"}},
    ),
    ("POST", "/api/openai/realtime/session"): (200, {"success": True, "token": "ek_1"}),
}


def environ_of(folder: Path, **more: str) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(folder), **more}


def logged_in(folder: Path, server: FakeServer, last: str = "") -> dict[str, str]:
    """An environment with a login, and `last` as the last conversation."""
    environ = environ_of(folder)
    file = LoginFile(login_path(environ))
    file.save(server.url, Login("anna", "t0ken"))
    file.save_session(server.url, last)
    return environ


@pytest.mark.parametrize(
    ("last", "fields", "session_id"),
    [
        ("", {"resumes_last": True}, NEW),
        (OLD, {"resumes_last": True}, OLD),
        (OLD, {"resumes_last": True, "is_new": True}, NEW),
        (OLD, {}, NEW),
        (NEW, {"resumes_last": True}, NEW),
        (NEW, {"session": OLD.upper()}, OLD),
    ],
)
def test_the_session(tmp_path: Path, last: str, fields: dict[str, object], session_id: str) -> None:
    with answering(ANSWERS) as server:
        environ = logged_in(tmp_path, server, last)
        options = CallOptions("en", server.url, **fields)  # type: ignore[arg-type]
        found = destination(options, environ)
        assert isinstance(found.route, ServerRoute)
        assert found.route.session_id == session_id and session_id in found.sentence
        if session_id == OLD:
            assert found.read_cost is not None and found.read_cost().usd == "0.01"
    # A script's conversation is not the last one of the terminal.
    kept = session_id if "resumes_last" in fields else last
    assert LoginFile(login_path(environ)).last_session(server.url) == kept


@pytest.mark.parametrize(
    ("session", "exit_code", "sentence"),
    [
        ("no-uuid", ExitCode.USAGE, "session_id_malformed"),
        (NEW, ExitCode.REFUSED, "session_unknown"),
    ],
)
def test_a_session_that_cannot_be_resumed_is_refused(
    tmp_path: Path, session: str, exit_code: ExitCode, sentence: str
) -> None:
    with answering(ANSWERS) as server, pytest.raises(Failure) as refused:
        destination(CallOptions("en", server.url, session=session), logged_in(tmp_path, server))
    assert (refused.value.exit_code, refused.value.sentence) == (exit_code, sentence)


def test_without_a_login_nothing_is_sent(tmp_path: Path) -> None:
    with answering(ANSWERS) as server, pytest.raises(Failure) as refused:
        destination(CallOptions("en", server.url), environ_of(tmp_path))
    assert refused.value.sentence == "not_logged_in" and server.requests == []


def test_a_script_can_have_its_token_in_the_environment(tmp_path: Path) -> None:
    with answering(ANSWERS) as server:
        environ = environ_of(tmp_path, KAIWA_TOKEN="from-environment")
        destination(CallOptions("en", server.url), environ)
    assert server.requests[0].headers["Authorization"] == "Token from-environment"
    assert not login_path(environ).exists()


def test_a_direct_call_takes_its_key_from_the_environment(tmp_path: Path) -> None:
    options = CallOptions("en", "http://127.0.0.1:9", is_direct=True)
    route = destination(options, environ_of(tmp_path, OPENAI_API_KEY="sk-1")).route
    assert isinstance(route, DirectRoute)
    assert (route.url, route.model, route.take_key()) == (PROVIDER_URL, MODEL, "sk-1")


def test_a_direct_call_takes_an_ephemeral_key_from_the_server(tmp_path: Path) -> None:
    with answering(ANSWERS) as server:
        environ = logged_in(tmp_path, server)
        options = CallOptions("en", server.url, is_direct=True)
        route = destination(options, environ).route
        assert isinstance(route, DirectRoute) and route.take_key() == "ek_1"
        assert (route.url, route.model) == ("wss://provider/v1/realtime", "of-the-server")
        assert server.requests[-1].body == {}
        options = CallOptions(
            "en", server.url, is_direct=True, provider_url="wss://p", voice="verse", model="m"
        )
        route = destination(options, environ).route
        assert isinstance(route, DirectRoute) and route.take_key() == "ek_1"
        assert (route.url, route.model) == ("wss://p", "m")
    assert server.requests[-1].body == {"model": "m", "voice": "verse"}
    assert "ek_1" not in repr(route)


def test_a_direct_call_without_a_key_or_with_a_session_is_refused(tmp_path: Path) -> None:
    options = CallOptions("en", "http://127.0.0.1:9", is_direct=True)
    with pytest.raises(Failure) as refused:
        destination(options, environ_of(tmp_path))
    assert refused.value.sentence == "key_missing"
    options = CallOptions("en", "http://127.0.0.1:9", is_direct=True, is_new=True)
    with pytest.raises(Failure) as refused:
        destination(options, environ_of(tmp_path))
    assert refused.value.sentence == "direct_has_no_session"


def test_an_unencrypted_server_elsewhere_is_warned_of() -> None:
    warned: list[str] = []
    for server in ("http://127.0.0.1:8000", "https://kaiwa.example.org", "http://192.0.2.1"):
        warn_if_readable(server, "en", warned.append)
    assert len(warned) == 1 and "192.0.2.1" in warned[0]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_view_follows_the_options_and_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def kind(*, is_json: bool = False) -> type:
        options = CallOptions("en", "http://127.0.0.1:9", is_json=is_json)
        with view_of(options) as view:
            return type(view)

    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr("sys.stdin", Terminal())
    assert kind() is LiveView
    assert kind(is_json=True) is JsonView
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert kind() is PlainView
