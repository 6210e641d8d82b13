"""What every provider is given for one call: where to connect, and how its session behaves.

Values without any provider's names or shapes; `upstream.providers` turns them into those.
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

_WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss"}
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """One provider endpoint for one call, checked when it is made.

    `base_url` is the provider's HTTP base, such as `https://api.openai.com/v1`. `safety_identifier`
    is a stable hash that stands for the user, so that the provider can act against one user and not
    against the whole organisation. `proxy` is the only proxy that is used: the machine's proxy
    variables are not read. The key and the proxy, which may hold a password, are not in the `repr`.
    `call_id` is the provider's id of a WebRTC call: the connection joins it as its sideband.

    Raises ValueError, with the field's name and without its value, if a field could break out of
    its header or URL.
    """

    base_url: str
    api_key: str = field(repr=False)
    model: str
    safety_identifier: str
    proxy: str | None = field(default=None, repr=False)
    call_id: str = ""

    def __post_init__(self) -> None:
        for name in ("base_url", "api_key", "model", "safety_identifier", "proxy", "call_id"):
            if not _fits_a_header(getattr(self, name) or ""):
                raise ValueError(f"{name} contains a character that a header may not contain")
        parts = urlsplit(self.base_url)
        if parts.scheme not in _WEBSOCKET_SCHEMES or not parts.hostname:
            raise ValueError("base_url is not an http or https URL")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("base_url must have only a host and a path")

    @property
    def connects_to(self) -> tuple[str, int | None]:
        """The host and port that a connection goes to: the proxy's, if there is one.

        For the log, of failures too: a port that is no number is None.
        """
        parts = urlsplit(self.proxy or self.base_url)
        try:
            port = parts.port
        except ValueError:
            return parts.hostname or "", None
        return parts.hostname or "", port or _DEFAULT_PORTS.get(parts.scheme)

    @property
    def websocket_base_url(self) -> str:
        """`base_url` with `ws` or `wss`, without a slash at its end."""
        scheme, _, rest = self.base_url.rstrip("/").partition("://")
        return f"{_WEBSOCKET_SCHEMES[scheme.lower()]}://{rest}"


def _fits_a_header(value: str) -> bool:
    """Printable ASCII without a space at either end: no CR, LF or other control character."""
    return value.isascii() and (value == "" or value.isprintable()) and value == value.strip()
