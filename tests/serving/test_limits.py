"""The servers' limits."""

from backend.relay.limits import DEFAULT_LIMITS
from backend.serving.limits import MAX_MESSAGE_BYTES, ServerTimeouts
from backend.serving.websocket_protocol import BoundedWebSocketProtocol


def test_the_whole_shutdown_takes_less_than_36_s() -> None:
    timeouts = ServerTimeouts()
    steps_s = (
        timeouts.drain_s,
        timeouts.drain_overrun_s,
        timeouts.close_s * 1.5,
        timeouts.flush_s,
        timeouts.flush_overrun_s,
        timeouts.threads_s,
    )
    assert sum(steps_s) < 36


def test_a_client_that_does_not_read_is_disconnected_within_12_s() -> None:
    timeouts, limits = ServerTimeouts(), DEFAULT_LIMITS
    assert limits.stuck_send_s + limits.tick_s < timeouts.write_timeout_s < 12
    assert BoundedWebSocketProtocol.write_timeout_s == timeouts.write_timeout_s


def test_the_relays_limit_is_reached_before_the_servers() -> None:
    assert 2 * DEFAULT_LIMITS.frame_bytes <= MAX_MESSAGE_BYTES
