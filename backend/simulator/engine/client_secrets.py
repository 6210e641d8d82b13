"""PURE: ephemeral keys (`ek_…`): the request that makes one, and which are valid (protocol §3.1).

A secret opens any number of sessions until it expires; a session that runs outlives it. Its session
configuration is the default of the sessions that it opens: a client can change all of it.
"""

from dataclasses import dataclass
from typing import Any, Final

from backend.simulator.engine.effects import Event
from backend.simulator.engine.session_config import DEFAULT_MODEL, initial_session
from backend.simulator.engine.validators import any_object, integer, object_of, one_of

SECRET_PREFIX: Final = "ek_"
MIN_SECONDS: Final = 10
MAX_SECONDS: Final = 7_200
DEFAULT_SECONDS: Final = 600
MAX_SECRETS: Final = 10_000
"""The oldest are dropped beyond this number, so that they do not fill the memory."""

_REQUEST = object_of(
    {
        "expires_after": object_of(
            {
                "anchor": one_of("created_at"),
                "seconds": integer(MIN_SECONDS, MAX_SECONDS),
            }
        ),
        "session": any_object,
    }
)


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A valid ephemeral key.

    `expires_at`: in Unix seconds. `model` and `session`: those of the sessions that it opens, as
    the request gave them; `session` is None if the request had none.
    """

    value: str
    expires_at: int
    model: str
    session: Event | None


class ClientSecrets:
    """The ephemeral keys that were made, by their values."""

    def __init__(self) -> None:
        self._secrets: dict[str, ClientSecret] = {}

    def create(self, body: Any, value: str, session_id: str, now: float) -> Event:
        """Make a secret; return the body of the answer.

        `body`: the parsed JSON of the request. `value`: the new secret, `ek_…`. `now`: in Unix
        seconds. Raises ClientEventError if the body is invalid.
        """
        _REQUEST(body, "")
        given = body.get("session")
        model = session_model(given)
        session = initial_session(session_id, model, 0, given)
        seconds = body.get("expires_after", {}).get("seconds", DEFAULT_SECONDS)
        secret = ClientSecret(value, int(now) + seconds, model, given)
        self._drop_expired(now)
        self._secrets[value] = secret
        return {"value": value, "expires_at": secret.expires_at, "session": session}

    def find(self, value: str, now: float) -> ClientSecret | None:
        """The secret with this value; None if there is none or it has expired."""
        secret = self._secrets.get(value)
        return secret if secret is not None and now < secret.expires_at else None

    def expire_all(self) -> None:
        """Let all secrets expire now, so that a test need not wait for it."""
        self._secrets.clear()

    def _drop_expired(self, now: float) -> None:
        kept = [each for each in self._secrets.values() if now < each.expires_at]
        self._secrets = {each.value: each for each in kept[-(MAX_SECRETS - 1) :]}


def session_model(session: Any) -> str:
    """The model that a session configuration names, or the default one."""
    model = session.get("model") if isinstance(session, dict) else None
    return model if isinstance(model, str) and model else DEFAULT_MODEL
