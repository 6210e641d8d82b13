"""Token buckets, the client's rate limiter and the error budget."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from backend.relay.limits import Limits
from backend.relay.rate_limits import ClientRateLimiter, ErrorBudget, TokenBucket

LIMITS = Limits()
ONE_FRAME = replace(LIMITS, client_burst_frames=1, client_frames_per_s=0.01)
"""One frame at once, and the next in 100 s."""


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=5)
    assert [bucket.take(1, 0.0) for _ in range(6)] == [True] * 5 + [False]
    assert bucket.wait_s(1) == 0.1
    assert bucket.take(1, 0.1)
    assert not bucket.take(1, 0.15)


@given(st.lists(st.floats(0, 3), max_size=200))
def test_a_bucket_never_gives_more_than_burst_and_rate(gaps_s: list[float]) -> None:
    bucket = TokenBucket(rate_per_s=7, burst=20)
    now_s, taken = 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        taken += bucket.take(1, now_s)
        assert taken <= 20 + 7 * now_s + 1e-6


def test_many_small_frames_are_limited_by_their_number() -> None:
    limiter = ClientRateLimiter(LIMITS)
    assert sum(limiter.admit(30, 0.0) for _ in range(10_000)) == LIMITS.client_burst_frames


def test_a_client_is_warned_once_and_floods_if_it_goes_on() -> None:
    limiter = ClientRateLimiter(ONE_FRAME)
    assert limiter.admit(10, 0.0)
    assert not limiter.admit(10, 0.1)
    assert not limiter.record_warning(0.1)
    assert limiter.retry_after_s(10) > 90
    assert not limiter.admit(10, 2.0)
    assert limiter.record_warning(2.0)
    assert not limiter.is_flooding
    for second in (4.0, 5.0, 5.2):
        assert not limiter.admit(10, second)
    assert limiter.is_flooding


def test_a_client_that_kept_to_its_rate_is_warned_again() -> None:
    limiter = ClientRateLimiter(ONE_FRAME)
    assert limiter.admit(10, 0.0)
    assert not limiter.admit(10, 0.1)
    assert not limiter.record_warning(0.1)
    assert not limiter.admit(10, 20.0)
    assert not limiter.record_warning(20.0)
    assert not limiter.is_flooding


def test_a_frame_above_the_size_limit_costs_no_bytes() -> None:
    assert ClientRateLimiter(LIMITS).admit(100 * 1024 * 1024, 0.0)


def test_three_errors_in_ten_seconds_exhaust_the_budget() -> None:
    budget = ErrorBudget(3, 10.0)
    recorded = [budget.record_error(at_s) for at_s in (0.0, 6.0, 10.1, 15.9)]
    assert recorded == [False, False, False, True]
