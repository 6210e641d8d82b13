"""The command line: options, help in two languages, exit codes."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from backend.cli import commands
from backend.cli.call_options import CallOptions
from backend.cli.failures import ExitCode, Failure
from backend.cli.wording import Language

COMMANDS = ("talk", "say", "listen", "login", "logout")


def invoke(
    *arguments: str, language: Language = "en", environ: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run the command line. Returns the exit code and everything that was printed."""
    runner = CliRunner()
    environ = {"COLUMNS": "200", "TERM": "dumb", **(environ or {})}
    done = runner.invoke(commands.build_app(language), arguments, env=dict(environ))
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("language", "word"), [("en", "straight to the provider"), ("ja", "オプション")]
)
def test_the_help_is_in_both_languages_and_lists_the_commands(
    language: Language, word: str
) -> None:
    code, text = invoke("--help", language=language)
    assert code == 0 and word in text
    assert all(name in text for name in COMMANDS)


def test_no_command_takes_a_secret_as_an_argument() -> None:
    app = typer.main.get_command(commands.build_app("en"))
    options = {
        option
        for command in app.commands.values()  # type: ignore[attr-defined]
        for parameter in command.params
        for option in parameter.opts
    }
    assert {"--server", "--username", "--direct"} <= options
    assert not [each for each in options if re.search("pass|token|key|secret", each)]


def kept(monkeypatch: pytest.MonkeyPatch, name: str, code: ExitCode) -> list[Any]:
    """Replace a command's function; returns the list of its arguments."""
    calls: list[Any] = []

    def run(*arguments: Any, **named: Any) -> ExitCode:
        calls.append((*arguments, *named.values()))
        return code

    monkeypatch.setattr(commands, name, run)
    return calls


def test_talk_has_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = kept(monkeypatch, "talk", ExitCode.UNREACHABLE)
    arguments = "--new --input q.wav --output a.wav --audio sox --voice ash --expect x --json"
    code, _ = invoke("talk", *arguments.split(), environ={"KAIWA_SERVER": "https://k.example"})
    assert code == 5
    assert calls == [
        (
            CallOptions(
                "en", "https://k.example", is_new=True, resumes_last=True, voice="ash", audio="sox",
                input_path=Path("q.wav"), output_path=Path("a.wav"), expected="x", is_json=True,
            ),
        )
    ]  # fmt: skip


def test_say_and_listen_begin_a_new_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    said = kept(monkeypatch, "say", ExitCode.NOT_EXPECTED)
    heard = kept(monkeypatch, "listen", ExitCode.OK)
    server = "http://127.0.0.1:8000"
    assert invoke("--lang", "en", "say", "Hello", "--speak", "--timeout", "5")[0] == 1
    assert invoke("listen", "--direct", "--provider-url", "wss://p", "--model", "m")[0] == 0
    assert said == [(CallOptions("en", server, timeout_s=5.0), "Hello", True)]
    direct = CallOptions("en", server, is_direct=True, provider_url="wss://p", model="m")
    assert heard == [(direct,)]


@pytest.mark.parametrize(
    "arguments", [("say",), ("talk", "--audio", "drums"), ("nothing",), ("listen", "--timeout=0")]
)
def test_wrong_options_are_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert invoke(*arguments)[0] == ExitCode.USAGE


def test_login_and_logout_print_their_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Failure(ExitCode.REFUSED, "not_logged_in", "The password is not right.")

    monkeypatch.setattr(commands, "log_in", refuse)
    assert invoke("login", "--username", "anna") == (4, "The password is not right.\n")
    monkeypatch.setattr(commands, "log_out", refuse)
    assert invoke("logout", "--local") == (4, "The password is not right.\n")


def test_ctrl_c_at_the_password_ends_the_login(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "log_in", interrupt)
    assert invoke("login")[0] == ExitCode.INTERRUPTED
