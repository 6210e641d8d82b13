"""The options of a call, and what they stand for: route, session, devices, view."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from rich.console import Console

from backend.cli.audio_devices import AudioSystem
from backend.cli.failures import ExitCode, Failure
from backend.cli.live_view import LiveView
from backend.cli.login_file import LoginFile, login_path
from backend.cli.routes import MODEL, PROVIDER_URL, Destination, DirectRoute, ServerRoute
from backend.cli.server_api import ServerApi, is_private_connection
from backend.cli.views import JsonView, PlainView, View
from backend.cli.wording import Language, sentence


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What the command line says. An empty text and None are the defaults.

    `resumes_last`: without `session` and `is_new` the last conversation of this terminal goes on,
    and this one is the last from now on.
    """

    language: Language
    server: str
    session: str = ""
    is_new: bool = False
    resumes_last: bool = False
    voice: str = ""
    is_direct: bool = False
    provider_url: str = ""
    model: str = ""
    audio: AudioSystem = "auto"
    input_path: Path | None = None
    output_path: Path | None = None
    expected: str = ""
    is_json: bool = False
    timeout_s: float = 60.0


def destination(options: CallOptions, environ: Mapping[str, str] = os.environ) -> Destination:
    """Find or create the session. Blocking. Raises Failure."""
    if options.is_direct:
        return _direct(options, environ)
    logins = LoginFile(login_path(environ))
    api = server_api(options.server, options.language, environ)
    session_id, is_new = _session(options, api, logins)
    if options.resumes_last:
        logins.save_session(api.server, session_id)
    name = "session_new" if is_new else "session_resumed"
    return Destination(
        ServerRoute(api, session_id, options.language),
        lambda: api.cost(session_id),
        sentence(name, options.language, session=session_id),
    )


def server_api(server: str, language: Language, environ: Mapping[str, str]) -> ServerApi:
    """The server's API with its login: `KAIWA_TOKEN`, else the login file. Raises Failure."""
    nameless = ServerApi(server, "", language)
    login = LoginFile(login_path(environ)).login(nameless.server)
    token = environ.get("KAIWA_TOKEN") or (login.token if login else "")
    if not token:
        raise Failure(ExitCode.REFUSED, "not_logged_in")
    return ServerApi(server, token, language)


def _session(options: CallOptions, api: ServerApi, logins: LoginFile) -> tuple[str, bool]:
    """The id of the session, and whether it is new."""
    if options.session:
        try:
            session_id = str(UUID(options.session))
        except ValueError:
            raise Failure(ExitCode.USAGE, "session_id_malformed", session=options.session) from None
        if not api.has_session(session_id):
            raise Failure(ExitCode.REFUSED, "session_unknown", session=session_id)
        return session_id, False
    last = logins.last_session(api.server)
    if options.resumes_last and not options.is_new and last and api.has_session(last):
        return last, False
    return api.new_session(options.language, options.voice), True


def _direct(options: CallOptions, environ: Mapping[str, str]) -> Destination:
    """With `OPENAI_API_KEY`, else with an ephemeral key of the server's, its provider and model."""
    if options.session or options.is_new:
        raise Failure(ExitCode.USAGE, "direct_has_no_session")
    if key := environ.get("OPENAI_API_KEY"):
        url, model = options.provider_url or PROVIDER_URL, options.model or MODEL
        return Destination(DirectRoute(lambda: key, url, model, options.voice))
    try:
        api = server_api(options.server, options.language, environ)
    except Failure:
        raise Failure(ExitCode.REFUSED, "key_missing") from None
    of_server = api.provider()
    url = options.provider_url or of_server[0] or PROVIDER_URL
    model = options.model or of_server[1] or MODEL

    def take_key() -> str:
        return api.ephemeral_key(options.model, options.voice)

    return Destination(DirectRoute(take_key, url, model, options.voice))


def warn_if_readable(server: str, language: Language, warn: Callable[[str], None]) -> None:
    """Warn of a server to which the login would travel unencrypted."""
    if not is_private_connection(server):
        warn(sentence("server_url_insecure", language, server=server))


def view_of(options: CallOptions) -> AbstractContextManager[View]:
    """JSON if it is asked for, live captions where both ends are a terminal, else plain lines."""
    if options.is_json:
        return nullcontext(JsonView(sys.stdout))
    if sys.stdout.isatty() and sys.stdin.isatty():
        return LiveView(options.language, Console(highlight=False))
    return nullcontext(PlainView(options.language, sys.stdout, sys.stderr))
