"""What a WebSocket handshake says: who asks, and from where. Decides, and opens nothing.

Who asks is told by a ticket or an `Authorization` header. Cookies are never looked at, so another
site's page gains nothing from a browser that is signed in. The Origin is checked all the same:

- An Origin is allowed when it is the request's own host, or in `ALLOWED_ORIGINS`. The host itself
  must be in `ALLOWED_HOSTS`, since a name that was rebound to this machine would agree with itself.
- No Origin is allowed: browsers always send one with a WebSocket, so this is a program, which could
  have sent any. `null` (a sandboxed frame, a file) is no host of ours and is refused.
"""

from collections.abc import Mapping, Sequence
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
LONGEST_SECRET = 512

_SECRETS_IN_URLS = frozenset(
    {"access_token", "api_key", "apikey", "auth", "authorization", "key", "ticket", "token"}
)
_SCHEMES = frozenset({"token", "bearer"})
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def comes_from_an_allowed_origin(
    scope: Scope, allowed_hosts: Sequence[str], allowed_origins: Sequence[str]
) -> bool:
    """Whether a page of that origin may open a socket; see the rules above."""
    domain, port = split_domain_port(_header(scope, "host"))
    if not domain or not validate_host(domain, allowed_hosts):
        return False
    if not _has_header(scope, "origin"):
        return True
    origin = _header(scope, "origin")
    return origin in allowed_origins or _is_origin_of(origin, domain, port)


def subprotocol_of(scope: Scope) -> str | None:
    """The subprotocol to answer with: a browser drops a socket whose offers are all passed over."""
    return SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None


def language_of(scope: Scope) -> Language:
    """The browser's first language that we speak; English where there is none."""
    for code, _ in parse_accept_lang_header(_header(scope, "accept-language")):
        language = code.partition("-")[0]
        if language == "ja":
            return "ja"
        if language == "en":
            break
    return "en"


def credential_of(scope: Scope) -> Credential:
    """What the asker shows: a ticket, or else a token.

    Raises AdmissionRefused: `token_in_url`, since what is in a URL is in every log on its way, even
    where a good ticket comes with it; `ticket_missing`, where nothing is shown.
    """
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if _SECRETS_IN_URLS & {name.lower() for name in query}:
        raise AdmissionRefused("token_in_url", Ending.UNAUTHENTICATED)
    credential = _ticket(scope) or _token(scope)
    if credential is None:
        raise AdmissionRefused("ticket_missing", Ending.UNAUTHENTICATED)
    return credential


def _ticket(scope: Scope) -> Credential | None:
    for offered in scope["subprotocols"]:
        secret = offered.removeprefix(TICKET_PREFIX)
        if secret != offered and 0 < len(secret) <= LONGEST_SECRET:
            return Credential("ticket", secret)
    return None


def _token(scope: Scope) -> Credential | None:
    scheme, _, secret = _header(scope, "authorization").partition(" ")
    secret = secret.strip()
    if scheme.lower() in _SCHEMES and 0 < len(secret) <= LONGEST_SECRET:
        return Credential("token", secret)
    return None


def _is_origin_of(origin: str, domain: str, port: str) -> bool:
    """Whether the origin is this host: same name, same port; a scheme's own may be left out."""
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
    """The header's value; empty where it is missing or given twice, since then nobody knows."""
    values = [value for key, value in scope["headers"] if key.lower() == name.encode()]
    return values[0].decode("latin-1") if len(values) == 1 else ""
