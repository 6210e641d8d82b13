"""Our server's HTTP API, as far as the terminal client needs it. Blocking: call it in a thread."""

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from backend.cli.failures import ExitCode, Failure
from backend.cli.wording import Language
from backend.protocol.reading import int_at, mapping_at, text_at

TIMEOUT_S = 20.0
_REFUSALS = {401: "not_logged_in", 403: "forbidden", 404: "not_found"}
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Login:
    """Who is logged in at a server. `token` is a secret: it is never printed."""

    username: str
    token: str


@dataclass(frozen=True, slots=True)
class Cost:
    """A session's cost so far in USD, as a decimal; None if a price is unknown.

    `tokens_out` are those of its answers.
    """

    usd: str | None
    is_estimated: bool
    tokens_out: int = 0


def is_private_connection(url: str) -> bool:
    """Whether nobody on the way can read what is sent to this URL: TLS, or this machine."""
    parts = urlsplit(url)
    return parts.scheme in ("https", "wss") or parts.hostname in _LOOPBACK


class ServerApi:
    """One server, with or without a token. Methods raise Failure."""

    def __init__(self, server: str, token: str, language: Language) -> None:
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Failure(ExitCode.USAGE, "server_url_wrong", url=server)
        # A password in the URL would be a secret on the command line.
        if parts.username or parts.password or parts.query or parts.fragment:
            raise Failure(ExitCode.USAGE, "server_url_wrong", url=parts.hostname)
        self.server = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        self._token = token
        self._language = language

    def log_in(self, username: str, password: str) -> Login:
        """A token for this user."""
        body = {"username": username, "password": password}
        answer = self._request("POST", "/api/auth/login/", body)
        user = mapping_at(answer, "user")
        return Login(text_at(user, "username") or username, _text(answer, "token"))

    def log_out(self) -> None:
        """Revoke the token, on every device."""
        self._request("POST", "/api/auth/logout/", {})

    def new_session(self, language: Language, voice: str = "") -> str:
        """The id of a new session."""
        body = {"language": language} | ({"voice": voice} if voice else {})
        return _text(self._request("POST", "/api/sessions/", body), "id")

    def has_session(self, session_id: str) -> bool:
        """Whether this session exists, is one's own and takes calls."""
        try:
            answer = self._request("GET", f"/api/sessions/{session_id}/")
        except Failure as failure:
            if failure.sentence == "not_found":
                return False
            raise
        return answer.get("status") != "closed"

    def cost(self, session_id: str) -> Cost:
        """What this session has cost so far."""
        answer = self._request("GET", f"/api/sessions/{session_id}/")
        usage = mapping_at(answer, "usage")
        tokens_out = sum(int_at(usage, name) or 0 for name in ("text_out", "audio_out"))
        return Cost(text_at(answer, "cost"), answer.get("cost_estimated") is True, tokens_out)

    def ticket(self, session_id: str) -> str:
        """A one-use pass for the session's WebSocket."""
        body = {"session_id": session_id}
        return _text(self._request("POST", "/api/realtime/tickets/", body), "ticket")

    def ephemeral_key(self, model: str, voice: str) -> str:
        """A key of the provider's for one direct session."""
        body = ({"model": model} if model else {}) | ({"voice": voice} if voice else {})
        return _text(self._request("POST", "/api/openai/realtime/session", body), "token")

    def provider(self) -> tuple[str, str]:
        """The provider's WebSocket and the model for direct sessions; empty where they are off."""
        direct = mapping_at(self._request("GET", "/api/config/"), "direct")
        return text_at(direct, "websocket_url") or "", text_at(direct, "model") or ""

    def websocket_url(self, session_id: str) -> str:
        """The address of the session's WebSocket."""
        return f"ws{self.server.removeprefix('http')}/ws/realtime/{session_id}/"

    def _request(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        request = urllib.request.Request(self.server + path, method=method)
        request.add_header("Accept-Language", self._language)
        request.add_header("Accept", "application/json")
        if self._token:
            request.add_header("Authorization", f"Token {self._token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with _OPENER.open(request, timeout=TIMEOUT_S) as response:
                return _object(response.read(), self.server)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.read()) from None
        except (OSError, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise Failure(
                ExitCode.UNREACHABLE, "server_unreachable", server=self.server, reason=reason
            ) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to another place."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(
    _NoRedirect, urllib.request.HTTPSHandler(context=ssl.create_default_context())
)


def _refusal(status: int, body: bytes) -> Failure:
    """The server's sentence, where the answer has our server's shape."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {}
    error = mapping_at(answer, "error")
    # POST /api/openai/realtime/session has a shape of its own: {"success": false, "error": "…"}.
    message = text_at(error, "message") or text_at(mapping_at(answer), "error") or ""
    code = ExitCode.UNREACHABLE if status >= 500 and not message else ExitCode.REFUSED
    return Failure(code, _REFUSALS.get(status, "refused"), message, status=status)


def _object(body: bytes, server: str) -> dict[str, Any]:
    if not body:
        return {}
    answer = json.loads(body)
    if not isinstance(answer, dict):
        raise ValueError(f"{server} did not answer with a JSON object")
    return answer


def _text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise Failure(ExitCode.UNREACHABLE, "answer_unreadable", field=name)
    return value
