"""How much, how fast and how long: the bounds that the relay checks in a call. PURE.

Other bounds: those of the next connection to the provider in `relay.rotation`, the sockets' in
`upstream.connector` and `serving.websocket_protocol`, the replayed history's in
`conversations.history`, the depth of a frame in `protocol.frames`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one call. The depth of a frame is bounded in `protocol.frames`.

    A microphone chunk of 40 ms is 2.6 KB of JSON, 25 a second: 66 KB/s. Twice that is allowed
    without end. The bursts hold what a page sends at once after a reconnect (6 s of microphone: 150
    frames, 390 KB) plus the largest frame.
    """

    frame_bytes: int = 512 * 1024
    bad_frames: int = 3
    """This many bad frames within `bad_frames_window_s` end the call."""
    bad_frames_window_s: float = 10.0

    client_bytes_per_s: float = 140_000.0
    client_burst_bytes: float = 1024 * 1024
    client_frames_per_s: float = 100.0
    client_burst_frames: float = 300.0
    flood_s: float = 5.0
    """A client that is still over its rate this long after the warning is disconnected."""

    held_audio_ms: float = 6_000.0
    """How much audio from before READY is kept; of more, the oldest is dropped."""
    held_events: int = 32
    """How many other early events are held until READY; further ones are refused."""

    ready_within_s: float = 8.0
    """From `session.created` to `relay.ready`. The time to connect is bounded by the connector."""
    idle_s: float = 15 * 60.0
    silent_client_s: float = 90.0
    """How long a client that has sent a `relay.ping` may send nothing at all: its page hangs, while
    the browser still answers WebSocket pings. Firefox 153 hung so for as long as it was watched
    (240 s). Above 60 s: in a page that is hidden, browsers run a timer as rarely as once a
    minute."""
    longest_call_s: float = 0.0
    """How long a call may last; 0: as long as it likes (`MAX_CALL_MINUTES`)."""
    answer_silence_s: float = 20.0
    """A response of which nothing has come for so long counts as over: its `response.done` was
    lost. The page gives it up at the same time (`frontend/call/event-timeouts.js`)."""
    transcript_s: float = 20.0
    """How long the transcript of committed speech is waited for, as on the page. One that comes
    later still replaces the turn without a text."""
    last_answer_s: float = 30.0
    """How long a call that must end waits for the answer in progress."""

    drain_upstream_s: float = 1.5
    """How long the provider's pending replies are read after the client has gone. With the half
    second that closing may take, a paid connection ends within 2 s."""
    last_frames_s: float = 1.0
    """How long sending the client its last frames may take."""
    close_s: float = 2.0
    """How long the client's closing handshake may take."""
    stuck_send_s: float = 10.0
    """How long one frame may wait to be taken by the other side. Must be below 40 s (20 s ping and
    20 s pong in `upstream.connector`): while we do not read, we also miss the provider's pongs."""
    tick_s: float = 0.5
    """How often a call checks its timers, and how long a growing turn may stay unsaved."""


DEFAULT_LIMITS = Limits()
