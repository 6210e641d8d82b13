"""Where a call is placed, with whose key and on whose behalf: a value, checked when it is made."""

from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

_WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss"}


@dataclass(frozen=True, slots=True)
class Target:
    """One provider endpoint for one call.

    `base_url` is the provider's HTTP base, such as `https://api.openai.com/v1`. `safety_identifier`
    is a stable, hashed name of the person, so that the provider can act against one person and not
    against the whole organisation. `proxy` is the only proxy ever used: the machine's proxy
    variables are not read. The key and the proxy, which may hold a password, are not in the `repr`.

    Raises ValueError, naming the field and never its value, when a field could leave its header.
    """

    base_url: str
    api_key: str = field(repr=False)
    model: str
    safety_identifier: str
    proxy: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("base_url", "api_key", "model", "safety_identifier", "proxy"):
            if not _fits_a_header(getattr(self, name) or ""):
                raise ValueError(f"{name} holds a character that may not stand in a header")
        parts = urlsplit(self.base_url)
        if parts.scheme not in _WEBSOCKET_SCHEMES or not parts.hostname:
            raise ValueError("base_url is not an http or https URL")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("base_url holds more than a host and a path")

    @property
    def websocket_url(self) -> str:
        """The same base with `ws` or `wss`, the realtime path and the model, quoted."""
        scheme, _, rest = self.base_url.rstrip("/").partition("://")
        model = quote(self.model, safe="")
        return f"{_WEBSOCKET_SCHEMES[scheme.lower()]}://{rest}/realtime?model={model}"

    @property
    def headers(self) -> dict[str, str]:
        """What the upgrade request carries on top. `OpenAI-Beta` is never among them: GA only."""
        return {
            "Authorization": f"Bearer {self.api_key}",
            "OpenAI-Safety-Identifier": self.safety_identifier,
        }


def _fits_a_header(value: str) -> bool:
    """Printable ASCII without a space at either end: no CR, LF or other control character."""
    return value.isascii() and (value == "" or value.isprintable()) and value == value.strip()
