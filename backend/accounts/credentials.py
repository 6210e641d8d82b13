"""What somebody shows who asks for a call, and whose it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from backend.accounts import tickets, tokens


@dataclass(frozen=True, slots=True)
class Credential:
    """A ticket or a token. Its `repr` does not tell it."""

    kind: Literal["ticket", "token"]
    secret: str = field(repr=False)


_READERS: Mapping[str, Callable[[str, UUID], int]] = {
    "ticket": tickets.take,
    "token": lambda secret, _: tokens.user_of(secret),
}


def user_of(credential: Credential, session_id: UUID) -> int:
    """The id of the user whose it is; a ticket is used up by that.

    Raises AdmissionRefused: `ticket_invalid` or `token_invalid`.
    """
    return _READERS[credential.kind](credential.secret, session_id)
