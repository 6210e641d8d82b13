"""Reads what a conversation has cost, as soon as the server has stored an answer's usage."""

import asyncio
from collections.abc import Callable

from backend.cli.failures import Failure
from backend.cli.server_api import Cost
from backend.protocol.usage import Usage

_TRIES, _PAUSE_S = 5, 0.3
"""The server stores a usage a moment after it passes the event on."""


class CostWatch:
    """Reads the cost of one conversation with `read`, which blocks and raises Failure."""

    def __init__(self, read: Callable[[], Cost]) -> None:
        self._read = read
        self._expected_tokens = 0

    async def begin(self) -> None:
        """The call is open: read what earlier calls have used."""
        if cost := await self._try():
            self._expected_tokens += cost.tokens_out

    async def after(self, usage: Usage) -> Cost | None:
        """The cost that has this answer's usage in it, or the latest; None if it cannot be read.

        A transcription is billed by itself, so a cost that has changed need not be the answer's.
        """
        self._expected_tokens += usage.text_out + usage.audio_out
        expected, cost = self._expected_tokens, None
        for _ in range(_TRIES):
            await asyncio.sleep(_PAUSE_S)
            cost = await self._try()
            if cost is None or cost.tokens_out >= expected:
                break
        return cost

    async def _try(self) -> Cost | None:
        try:
            return await asyncio.to_thread(self._read)
        except Failure:
            return None
