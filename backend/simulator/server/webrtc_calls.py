"""The WebRTC calls that are live: makes, finds and ends them, and counts the unwatched ones."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from backend.simulator.engine.effects import Event
from backend.simulator.engine.engine import Engine
from backend.simulator.engine.mishaps import Mishap
from backend.simulator.server.call_records import CallRecords
from backend.simulator.server.http_errors import HttpError
from backend.simulator.server.webrtc_call import WebRtcCall
from backend.simulator.sound.recogniser import Recogniser
from backend.simulator.sound.synthesiser import Synthesiser

_log = logging.getLogger("backend.simulator.webrtc")


@dataclass(frozen=True, slots=True)
class Offer:
    """A request to open a call.

    `session`: its initial settings, None for the default ones. `is_ephemeral`: it came with an
    ephemeral key. `headers`: for the record, without keys.
    """

    sdp: str
    model: str
    session: Event | None
    is_ephemeral: bool
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WebRtcCounts:
    """How many calls are live, and of those: without a sideband; made with an ephemeral key.

    `unwatched` does not count the ephemeral ones, which no sideband can join.
    """

    live: int
    unwatched: int
    ephemeral: int


class WebRtcCalls:
    """All WebRTC calls of one simulator.

    `new_engine`: makes the engine of a call from its model and its initial settings.
    """

    def __init__(
        self,
        new_engine: Callable[[str, Event | None], Engine],
        records: CallRecords,
        synthesiser: Synthesiser,
        recogniser: Recogniser,
        now: Callable[[], float],
    ) -> None:
        self._new_engine = new_engine
        self._records = records
        self._synthesiser = synthesiser
        self._recogniser = recogniser
        self._now = now
        self._calls: dict[str, WebRtcCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, offer: Offer, mishaps: Sequence[Mishap]) -> tuple[str, str]:
        """Open a call; return its id, `rtc_…`, and the SDP answer.

        Raises ClientEventError for invalid settings, HttpError for an invalid offer (400) or
        without aiortc (503).
        """
        peers = await _peer_module()
        record = self._records.open(offer.model, offer.headers, self._now(), "calls", offer.session)
        record.rtc_id = rtc_id = f"rtc_{secrets.token_hex(16)}"
        try:
            call = WebRtcCall(
                rtc_id,
                self._new_engine(offer.model, offer.session),
                record,
                self._records,
                self._synthesiser,
                self._recogniser,
                mishaps,
                self._now,
                is_ephemeral=offer.is_ephemeral,
            )
            peer = peers.WebRtcPeer(call.take_audio, call.on_open, call.on_message, call.end)
            answer: str = await _answer(peer, offer.sdp)
        except BaseException:
            record.closed_at = self._now()
            raise
        self._calls[rtc_id] = call
        task = asyncio.create_task(self._run(call, peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return rtc_id, answer

    def find(self, rtc_id: str) -> WebRtcCall | None:
        """The live call that has this id; None if there is none."""
        return self._calls.get(rtc_id)

    def find_for_sideband(self, rtc_id: str) -> WebRtcCall | None:
        """The same, and None for a call that was made with an ephemeral key (protocol §3.3)."""
        call = self._calls.get(rtc_id)
        return None if call is None or call.is_ephemeral else call

    def inject(self, mishap: Mishap) -> int:
        """Apply a mishap to the live calls or to their sidebands; return their number."""
        calls = list(self._calls.values())
        if mishap.api == "sideband":
            return sum(call.inject_into_sidebands(mishap) for call in calls)
        if mishap.api not in (None, "calls"):
            return 0
        for call in calls:
            call.inject(mishap)
        return len(calls)

    def counts(self) -> WebRtcCounts:
        """The numbers of live calls."""
        calls = self._calls.values()
        return WebRtcCounts(
            live=len(calls),
            unwatched=sum(call.is_unwatched and not call.is_ephemeral for call in calls),
            ephemeral=sum(call.is_ephemeral for call in calls),
        )

    async def close(self) -> None:
        """End all calls, and wait until they have ended."""
        for call in self._calls.values():
            call.end(1001, "")
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, call: WebRtcCall, peer: Any) -> None:
        try:
            await call.run(peer)
        except Exception:
            _log.exception("a WebRTC call failed")
        finally:
            del self._calls[call.rtc_id]


async def _peer_module() -> Any:
    if find_spec("aiortc") is None:
        raise HttpError(
            503,
            "This simulator has no WebRTC, because aiortc is not installed. Install it with: "
            "pip install -r requirements-demo.txt",
            "webrtc_unavailable",
        )
    # The first import takes some 0.3 s, in which other calls must not wait.
    return await asyncio.to_thread(import_module, "backend.simulator.server.webrtc_peer")


async def _answer(peer: Any, sdp: str) -> str:
    try:
        answer: str = await peer.answer(sdp)
    except ValueError as error:
        await peer.close()
        raise HttpError(400, f"Invalid SDP: {error}.", "invalid_offer", "sdp") from error
    return answer
