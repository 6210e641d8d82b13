"""`login`: from a terminal and from a pipe; the password is never an argument."""

import io
from pathlib import Path

import pytest

from backend.cli.failures import ExitCode, Failure
from backend.cli.login import log_in
from backend.cli.login_file import LoginFile, login_path
from backend.cli.server_api import Login
from tests.cli.http_server import answering
from tests.cli.test_call_options import Terminal

ANSWERS = {("POST", "/api/auth/login/"): (200, {"token": "t0ken", "user": {"username": "anna"}})}


def test_a_password_from_a_pipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("pass word\nmore"))
    environ, said = {"XDG_CONFIG_HOME": str(tmp_path)}, list[str]()
    with answering(ANSWERS) as server:
        log_in(server.url, "anna", "en", say=said.append, environ=environ)
    assert server.requests[0].body == {"username": "anna", "password": "pass word"}
    assert LoginFile(login_path(environ)).login(server.url) == Login("anna", "t0ken")
    assert said == [f"Logged in at {server.url} as anna."]


def test_a_terminal_is_asked_without_echo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("builtins.input", lambda _: " anna ")
    monkeypatch.setattr("getpass.getpass", lambda _: "secret")
    with answering(ANSWERS) as server:
        environ = {"XDG_CONFIG_HOME": str(tmp_path)}
        log_in(server.url, "", "ja", say=lambda _: None, environ=environ)
    assert server.requests[0].body == {"username": "anna", "password": "secret"}


@pytest.mark.parametrize(
    ("piped", "username", "sentence"),
    [("", "anna", "password_empty"), ("secret\n", "", "username_missing")],
)
def test_what_a_pipe_lacks_is_named(
    monkeypatch: pytest.MonkeyPatch, piped: str, username: str, sentence: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(piped))
    with pytest.raises(Failure) as refused:
        log_in("http://127.0.0.1:9", username, "en", say=lambda _: None, environ={})
    assert (refused.value.exit_code, refused.value.sentence) == (ExitCode.USAGE, sentence)
