"""Ears: which phrase is this sound?"""

from typing import Protocol


class Ears(Protocol):
    """What the server needs of ears."""

    async def recognise(self, pcm: bytes) -> str | None:
        """The phrase in this PCM16 mono 24 kHz; None where it is not understood."""

    async def close(self) -> None:
        """Ends what was started."""


class Deaf:
    """Understands nothing, at no cost."""

    async def recognise(self, pcm: bytes) -> str | None:
        """Nothing is understood."""
        return None

    async def close(self) -> None:
        """Nothing was started."""
