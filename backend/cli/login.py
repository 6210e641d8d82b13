"""`login`: a token of a server, kept in a file that only its owner can read."""

import getpass
import os
import sys
from collections.abc import Callable, Mapping

from backend.cli.call_options import warn_if_readable
from backend.cli.failures import ExitCode, Failure
from backend.cli.login_file import LoginFile, login_path
from backend.cli.server_api import ServerApi
from backend.cli.wording import Language, sentence


def log_in(
    server: str,
    username: str,
    language: Language,
    *,
    say: Callable[[str], None],
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Ask for what is missing and log in. Raises Failure."""
    api = ServerApi(server, "", language)
    warn_if_readable(api.server, language, say)
    if not username and not sys.stdin.isatty():
        raise Failure(ExitCode.USAGE, "username_missing")
    username = username or input(f"{sentence('ask_username', language)}: ").strip()
    login = api.log_in(username, _password(language))
    LoginFile(login_path(environ)).save(api.server, login)
    say(sentence("logged_in", language, server=api.server, username=login.username))


def _password(language: Language) -> str:
    """From the terminal without echo, or the first line of a pipe; never an argument, which every
    user of the machine could read."""
    if sys.stdin.isatty():
        password = getpass.getpass(f"{sentence('ask_password', language)}: ")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise Failure(ExitCode.USAGE, "password_empty")
    return password
