"""The credential of a WebSocket handshake, and its user."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from backend.accounts import tickets, tokens


@dataclass(frozen=True, slots=True)
class Credential:
    """A ticket or a token. Its `repr` does not contain the secret."""

    kind: Literal["ticket", "token"]
    secret: str = field(repr=False)


_READERS: Mapping[str, Callable[[str, UUID], int]] = {
    "ticket": tickets.take,
    "token": lambda secret, _: tokens.user_of(secret),
}


def user_of(credential: Credential, session_id: UUID) -> int:
    """Return the id of the credential's user. A ticket cannot be used again after this.

    Raises AdmissionRefused: `ticket_invalid` or `token_invalid`.
    """
    return _READERS[credential.kind](credential.secret, session_id)
