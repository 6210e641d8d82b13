"""`logout`: at the server first, then here."""

from pathlib import Path

import pytest

from backend.cli.failures import ExitCode, Failure
from backend.cli.login_file import LoginFile, login_path
from backend.cli.logout import log_out
from tests.cli.http_server import Answers, answering
from tests.cli.test_call_options import logged_in

PATH = ("POST", "/api/auth/logout/")


def logged_out(tmp_path: Path, answers: Answers, *, is_local: bool = False) -> tuple[int, bool]:
    """Log out. Returns how many requests there were, and whether the login is gone."""
    with answering(answers) as server:
        environ = logged_in(tmp_path, server)
        try:
            log_out(server.url, "en", is_local=is_local, say=lambda _: None, environ=environ)
        except Failure as failure:
            assert failure.exit_code is ExitCode.UNREACHABLE
        is_gone = LoginFile(login_path(environ)).login(server.url) is None
    return len(server.requests), is_gone


def test_the_token_is_revoked_and_removed(tmp_path: Path) -> None:
    assert logged_out(tmp_path, {PATH: (204, b"")}) == (1, True)


def test_a_token_that_is_not_valid_any_more_is_removed_too(tmp_path: Path) -> None:
    assert logged_out(tmp_path, {PATH: (401, {"error": {"message": "Sign in."}})}) == (1, True)


def test_a_token_that_is_still_valid_at_the_server_is_kept(tmp_path: Path) -> None:
    assert logged_out(tmp_path, {PATH: (502, b"")}) == (1, False)


def test_only_here(tmp_path: Path) -> None:
    assert logged_out(tmp_path, {}, is_local=True) == (0, True)


def test_without_a_login_there_is_nothing_to_log_out(tmp_path: Path) -> None:
    with pytest.raises(Failure) as refused:
        log_out(
            "http://127.0.0.1:9", "en", is_local=False, say=lambda _: None,
            environ={"XDG_CONFIG_HOME": str(tmp_path)},
        )  # fmt: skip
    assert refused.value.sentence == "not_logged_in"
