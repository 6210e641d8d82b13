"""A browser's end of a WebRTC call to the simulator, made with aiortc."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.codecs.opus import OpusDecoder, OpusEncoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from av.audio.resampler import AudioResampler
from openai import AsyncOpenAI
from websockets.asyncio.client import ClientConnection, connect

from backend.simulator.server.server import Running

Event = dict[str, Any]
FRAME_BYTES = 960
"""20 ms of PCM16 mono 24 kHz."""


def audio_frame(pcm: bytes, number: int) -> AudioFrame:
    """20 ms of PCM16 mono 24 kHz as the frame with this number of a track, filled with silence."""
    frame = AudioFrame(format="s16", layout="mono", samples=FRAME_BYTES // 2)
    frame.planes[0].update(pcm.ljust(FRAME_BYTES, b"\0"))
    frame.sample_rate = 24_000
    frame.pts = number * FRAME_BYTES // 2
    frame.time_base = Fraction(1, 24_000)
    return frame


def through_opus(pcm: bytes) -> bytes:
    """The sound, PCM16 mono 24 kHz, as it comes out at the other end of a WebRTC connection."""
    encoder, decoder = OpusEncoder(), OpusDecoder()
    resampler = AudioResampler(format="s16", layout="mono", rate=24_000)
    heard = bytearray()
    for number, at in enumerate(range(0, len(pcm), FRAME_BYTES)):
        payloads, timestamp = encoder.encode(audio_frame(pcm[at : at + FRAME_BYTES], number))
        for payload in payloads:
            for decoded in decoder.decode(JitterFrame(payload, timestamp)):
                assert isinstance(decoded, AudioFrame)
                for resampled in resampler.resample(decoded):
                    heard += resampled.to_ndarray().tobytes()
    return bytes(heard)


class Microphone(MediaStreamTrack):
    """A track that sends, in real time, the sound that it is given, and silence otherwise."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.waiting = bytearray()
        self._frames = 0
        self._started_at: float | None = None

    async def recv(self) -> AudioFrame:
        """The next frame of 20 ms."""
        now = asyncio.get_running_loop().time()
        if self._started_at is None:
            self._started_at = now
        await asyncio.sleep(max(self._started_at + self._frames * 0.02 - now, 0))
        pcm = bytes(self.waiting[:FRAME_BYTES])
        del self.waiting[:FRAME_BYTES]
        frame = audio_frame(pcm, self._frames)
        self._frames += 1
        return frame


class Browser:
    """One call. `heard`: the audio that came, PCM16 mono 24 kHz, with the silence in between."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone = Microphone()
        self.heard = bytearray()
        self._more_heard = asyncio.Event()
        self.rtc_id = ""
        self.is_closed = asyncio.Event()
        self._listening: list[asyncio.Task[None]] = []
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._channel = self.connection.createDataChannel("oai-events")
        self._channel.on("message", self._receive)
        self._channel.on("close", self.is_closed.set)
        self.connection.addTrack(self.microphone)
        self.connection.on("track", self._listen)

    async def offer(self) -> str:
        """The SDP offer."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str, location: str) -> None:
        """Connect with the simulator's answer."""
        self.rtc_id = location.rpartition("/")[2]
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def send(self, type: str, **fields: Any) -> None:
        """Send a client event on the data channel."""
        self._channel.send(json.dumps({"type": type, **fields}))

    async def until(self, type: str) -> list[Event]:
        """Receive events up to the first of this type; return them all."""
        found: list[Event] = []
        while not found or found[-1]["type"] != type:
            found.append(await self._events.get())
        return found

    async def next_audio(self, ms: int) -> bytes:
        """The audio that comes from now on, this much of it."""
        start, end = len(self.heard), len(self.heard) + ms * 48
        while len(self.heard) < end:
            self._more_heard.clear()
            await self._more_heard.wait()
        return bytes(self.heard[start:end])

    async def close(self) -> None:
        """End the call."""
        await self.connection.close()
        await asyncio.gather(*self._listening)

    def _receive(self, message: str) -> None:
        self._events.put_nowait(json.loads(message))

    def _listen(self, track: MediaStreamTrack) -> None:
        self._listening.append(asyncio.create_task(self._hear(track)))

    async def _hear(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=24_000)
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            for resampled in resampler.resample(frame):
                self.heard += resampled.to_ndarray().tobytes()
                self._more_heard.set()


@asynccontextmanager
async def browser_call(
    running: Running, session: Any = None, key: str = "any"
) -> AsyncIterator[Browser]:
    """Open a call through the official SDK; it is connected when its session is created."""
    browser = Browser()
    try:
        async with (
            asyncio.timeout(10),
            AsyncOpenAI(api_key=key, base_url=running.base_url, max_retries=0) as client,
        ):
            fields = {} if session is None else {"session": session}
            answer = await client.realtime.calls.create(sdp=await browser.offer(), **fields)
            await browser.accept(answer.text, answer.response.headers["location"])
        yield browser
    finally:
        await browser.close()


@asynccontextmanager
async def sideband(
    running: Running, rtc_id: str, key: str = "any"
) -> AsyncIterator[ClientConnection]:
    """Join a call as a sideband, with a deadline of 10 s."""
    url = running.base_url.replace("http", "ws") + f"/realtime?call_id={rtc_id}"
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        asyncio.timeout(10),
        connect(url, additional_headers=headers, compression=None, close_timeout=0.2) as socket,
    ):
        yield socket
