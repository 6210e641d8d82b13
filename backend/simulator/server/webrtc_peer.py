"""The simulator's end of a WebRTC connection: audio both ways and the data channel `oai-events`.

It needs aiortc, so only `webrtc_calls` imports it, when the first call comes.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from fractions import Fraction
from typing import Final

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from av.audio.resampler import AudioResampler

from backend.simulator.engine.conversation import BYTES_PER_MS

CHANNEL_LABEL: Final = "oai-events"
RATE: Final = 24_000
FRAME_MS: Final = 20
FRAME_BYTES: Final = FRAME_MS * BYTES_PER_MS
_FRAME_SAMPLES: Final = RATE * FRAME_MS // 1000
_MAX_LAG_S: Final = 0.2
"""A track that is later than this continues from now and does not send what it missed at once."""

logging.getLogger("aioice").setLevel(logging.WARNING)  # It logs every pair of addresses.


class PlayoutTrack(MediaStreamTrack):
    """Plays the output audio in real time, a frame of 20 ms at a time; silence if there is none.

    `take` returns the next audio, at most `FRAME_BYTES`. aiortc does not pace a track; the track
    must.
    """

    kind = "audio"

    def __init__(self, take: Callable[[int], Awaitable[bytes]]) -> None:
        super().__init__()
        self._take = take
        self._frames = 0
        self._next_at: float | None = None

    async def recv(self) -> AudioFrame:
        """The next frame, PCM16 mono 24 kHz; aiortc's encoder resamples it."""
        if self.readyState != "live":
            raise MediaStreamError
        await self._wait()
        pcm = await self._take(FRAME_BYTES)
        frame = AudioFrame(format="s16", layout="mono", samples=_FRAME_SAMPLES)
        frame.planes[0].update(pcm.ljust(FRAME_BYTES, b"\0"))
        frame.pts = self._frames * _FRAME_SAMPLES
        frame.sample_rate = RATE
        frame.time_base = Fraction(1, RATE)
        self._frames += 1
        return frame

    async def _wait(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._next_at is None or now - self._next_at > _MAX_LAG_S:
            self._next_at = now
        await asyncio.sleep(max(self._next_at - now, 0))
        self._next_at += FRAME_MS / 1000


class WebRtcPeer:
    """One peer connection. The callbacks are called in the event loop.

    `take_audio`: the next output audio, see `PlayoutTrack`. `on_open`: the data channel is open.
    `on_message`: a message came on it. `on_closed`: the connection has ended or failed.
    """

    def __init__(
        self,
        take_audio: Callable[[int], Awaitable[bytes]],
        on_open: Callable[[], None],
        on_message: Callable[[str | bytes], None],
        on_closed: Callable[[], None],
    ) -> None:
        self._on_open = on_open
        self._on_message = on_message
        self._on_closed = on_closed
        # No STUN server: without one aiortc offers the addresses of this machine only.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._channel: RTCDataChannel | None = None
        self._microphone: asyncio.Future[MediaStreamTrack] = (
            asyncio.get_running_loop().create_future()
        )
        self._playout = PlayoutTrack(take_audio)
        self._connection.on("datachannel", self._take_channel)
        self._connection.on("track", self._take_track)
        self._connection.on("connectionstatechange", self._check_state)

    async def answer(self, sdp: str) -> str:
        """The answer to an SDP offer. Raises ValueError if it is none that can be answered."""
        try:
            # The track must come after the offer and before the answer: so it uses the offer's.
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            self._connection.addTrack(self._playout)
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        except Exception as error:  # aiortc's parser raises many kinds for an invalid offer.
            raise ValueError("not an SDP offer with audio") from error
        return self._connection.localDescription.sdp

    async def microphone(self) -> AsyncIterator[bytes]:
        """The client's audio as it comes, PCM16 mono 24 kHz, until its track ends."""
        track = await self._microphone
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            for resampled in resampler.resample(frame):
                yield resampled.to_ndarray().tobytes()

    def send(self, message: str | bytes) -> None:
        """Send a message on the data channel, if it is open."""
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(message)

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()

    def _take_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL_LABEL or self._channel is not None:
            return
        self._channel = channel
        channel.on("message", self._on_message)
        channel.on("close", self._on_closed)
        self._on_open()

    def _take_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio" and not self._microphone.done():
            self._microphone.set_result(track)

    def _check_state(self) -> None:
        if self._connection.connectionState in ("failed", "closed"):
            self._on_closed()
