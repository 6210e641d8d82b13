"""`logout`: revoke the token at the server, and remove it from this machine."""

import os
from collections.abc import Callable, Mapping

from backend.cli.failures import ExitCode, Failure
from backend.cli.login_file import LoginFile, login_path
from backend.cli.server_api import ServerApi
from backend.cli.wording import Language, sentence


def log_out(
    server: str,
    language: Language,
    *,
    is_local: bool,
    say: Callable[[str], None],
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Log out on every device, or `is_local`: on this machine only. Raises Failure.

    The login is kept here if the server cannot be reached: it would still be valid there.
    """
    file = LoginFile(login_path(environ))
    server = ServerApi(server, "", language).server
    login = file.login(server)
    if login is None:
        raise Failure(ExitCode.REFUSED, "not_logged_in")
    if not is_local:
        try:
            ServerApi(server, login.token, language).log_out()
        except Failure as failure:
            # A token that is not valid any more is what was wanted.
            if failure.sentence != "not_logged_in":
                raise
    file.forget(server)
    name = "login_forgotten" if is_local else "logged_out"
    say(sentence(name, language, server=server))
