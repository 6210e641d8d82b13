"""The numbers: what an honest client does is within them, and the bounds fit one another."""

from backend.relay.limits import DEFAULT_LIMITS
from backend.relay.rate_limits import ClientRateLimiter

CHUNK_BYTES = 2_616
"""A microphone chunk of 40 ms as JSON."""


def test_a_microphone_ring_of_six_seconds_passes_at_once() -> None:
    limiter = ClientRateLimiter(DEFAULT_LIMITS)
    assert all(limiter.admit(CHUNK_BYTES, 0.0) for _ in range(150))


def test_twice_real_time_passes_for_an_hour() -> None:
    limiter = ClientRateLimiter(DEFAULT_LIMITS)
    assert all(limiter.admit(CHUNK_BYTES, number / 50) for number in range(50 * 3600))


def test_four_times_real_time_is_refused() -> None:
    limiter = ClientRateLimiter(DEFAULT_LIMITS)
    assert not all(limiter.admit(CHUNK_BYTES, number / 100) for number in range(100 * 30))


def test_the_largest_frame_fits_into_the_burst_beside_a_microphone_ring() -> None:
    burst = DEFAULT_LIMITS.client_burst_bytes
    assert burst >= DEFAULT_LIMITS.frame_bytes + 150 * CHUNK_BYTES


def test_a_stuck_connection_ends_before_the_providers_pongs_are_late() -> None:
    assert DEFAULT_LIMITS.stuck_send_s < 40
