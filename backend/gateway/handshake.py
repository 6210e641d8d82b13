"""Reads a WebSocket handshake: Origin, credential, subprotocol, language. Pure, no I/O.

A refusal is answered and logged by `handshake_refusals`.

A client authenticates with a ticket or an `Authorization` header. Cookies are ignored, so another
site's page gains nothing from a browser that is signed in. The Origin is checked nevertheless:

- An Origin is allowed if it is the request's own host or in `ALLOWED_ORIGINS`. The host must be in
  `ALLOWED_HOSTS`: under DNS rebinding, a foreign name that points at this machine is both the
  Origin and the host.
- A missing Origin is allowed: browsers always send one with a WebSocket, so the client is a
  program, which could send any. `null` (a sandboxed frame, a file) is not a host and is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.http.request import split_domain_port, validate_host
from django.utils.translation.trans_real import parse_accept_lang_header

from backend.accounts.credentials import Credential
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.wording import Language

Scope = Mapping[str, Any]

SUBPROTOCOL = "realtime"
TICKET_PREFIX = "relay.ticket."
MAX_SECRET_LENGTH = 512
MAX_ADDRESS_LENGTH = 160

_SECRET_QUERY_PARAMETERS = frozenset(
    {"access_token", "api_key", "apikey", "auth", "authorization", "key", "ticket", "token"}
)
_SCHEMES = frozenset({"token", "bearer"})
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class StatedAddresses:
    """The Origin and the Host of a request; empty if missing or repeated, cut if long."""

    origin: str
    host: str

    def as_detail(self) -> dict[str, str]:
        """Return the `detail` of the error `origin_foreign`."""
        return {"origin": self.origin, "host": self.host}


def stated_addresses(scope: Scope) -> StatedAddresses:
    """Return where the page says it is, and where the request says the server is.

    If they differ, the page is foreign, or a proxy has changed the Host.
    """
    return StatedAddresses(
        _header(scope, "origin")[:MAX_ADDRESS_LENGTH], _header(scope, "host")[:MAX_ADDRESS_LENGTH]
    )


def is_origin_allowed(
    scope: Scope, allowed_hosts: Sequence[str], allowed_origins: Sequence[str]
) -> bool:
    """Return True if the handshake's host and Origin follow the rules above."""
    domain, port = split_domain_port(_header(scope, "host"))
    if not domain or not validate_host(domain, allowed_hosts):
        return False
    if not _has_header(scope, "origin"):
        return True
    origin = _header(scope, "origin")
    return origin in allowed_origins or _is_origin_of(origin, domain, port)


def select_subprotocol(scope: Scope) -> str | None:
    """Return `realtime` if it was offered: a browser drops a connection that chooses no offer."""
    return SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None


def preferred_language(scope: Scope) -> Language:
    """Return the first supported language of `Accept-Language`, or else English."""
    for code, _ in parse_accept_lang_header(_header(scope, "accept-language")):
        language = code.partition("-")[0]
        if language == "ja":
            return "ja"
        if language == "en":
            break
    return "en"


def read_credential(scope: Scope) -> Credential:
    """Return the ticket of the subprotocols, or else the token of the `Authorization` header.

    Raises AdmissionRefused: `token_in_url` if the query holds a secret, even beside a valid ticket,
    since URLs end up in the logs of every proxy; `subprotocol_missing` if a browser's handshake has
    neither a subprotocol nor the header, because our page always sends subprotocols; else
    `ticket_missing` if there is no credential.
    """
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if _SECRET_QUERY_PARAMETERS & {name.lower() for name in query}:
        raise AdmissionRefused("token_in_url", Ending.UNAUTHENTICATED)
    credential = _ticket(scope) or _token(scope)
    if credential is not None:
        return credential
    is_of_a_page = _has_header(scope, "origin") and not _has_header(scope, "authorization")
    if is_of_a_page and not scope["subprotocols"]:
        raise AdmissionRefused("subprotocol_missing", Ending.UNAUTHENTICATED)
    raise AdmissionRefused("ticket_missing", Ending.UNAUTHENTICATED)


def release_headers(scope: Scope) -> None:
    """Remove the headers that were read, from every copy of the scope: a browser sends 1 to 3 KB,
    and a call lasts for up to hours. A refusal still needs the language.
    """
    headers = scope["headers"]
    headers[:] = [each for each in headers if each[0].lower() == b"accept-language"]


def _ticket(scope: Scope) -> Credential | None:
    for offered in scope["subprotocols"]:
        secret = offered.removeprefix(TICKET_PREFIX)
        if secret != offered and 0 < len(secret) <= MAX_SECRET_LENGTH:
            return Credential("ticket", secret)
    return None


def _token(scope: Scope) -> Credential | None:
    scheme, _, secret = _header(scope, "authorization").partition(" ")
    # The white space of HTTP; without an argument `strip` would also remove U+001F, U+0085 and
    # U+00A0, and accept a token that is not the one that was sent.
    secret = secret.strip(" \t")
    if scheme.lower() in _SCHEMES and 0 < len(secret) <= MAX_SECRET_LENGTH:
        return Credential("token", secret)
    return None


def _is_origin_of(origin: str, domain: str, port: str) -> bool:
    """Return True for the same name and port; the scheme's default port may be omitted."""
    try:
        parts = urlsplit(origin)
        origin_port = "" if parts.port is None else str(parts.port)
    except ValueError:
        return False
    default_port = _DEFAULT_PORTS.get(parts.scheme)
    if default_port is None or origin != f"{parts.scheme}://{parts.netloc}":
        return False
    same_domain = split_domain_port(parts.netloc)[0] == domain
    return same_domain and (origin_port or default_port) == (port or default_port)


def _has_header(scope: Scope, name: str) -> bool:
    return any(key.lower() == name.encode() for key, _ in scope["headers"])


def _header(scope: Scope, name: str) -> str:
    """Return the header's value; empty if it is missing, or ambiguous because it is repeated."""
    values = [value for key, value in scope["headers"] if key.lower() == name.encode()]
    return values[0].decode("latin-1") if len(values) == 1 else ""
