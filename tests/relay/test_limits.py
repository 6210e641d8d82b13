"""The arithmetic of limits."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from backend.relay.limits import Bucket, ClientRateLimiter, ErrorBudget, Limits

LIMITS = Limits()
CHUNK_BYTES = 2_616


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket = Bucket(rate_per_s=10, burst=5)
    assert [bucket.take(1, 0.0) for _ in range(6)] == [True] * 5 + [False]
    assert bucket.wait_s(1) == 0.1
    assert bucket.take(1, 0.1)
    assert not bucket.take(1, 0.15)


@given(st.lists(st.floats(0, 3), max_size=200))
def test_a_bucket_never_gives_more_than_burst_and_rate(gaps_s: list[float]) -> None:
    bucket = Bucket(rate_per_s=7, burst=20)
    now_s, given_so_far = 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        given_so_far += bucket.take(1, now_s)
        assert given_so_far <= 20 + 7 * now_s + 1e-6


def test_a_microphone_ring_of_six_seconds_passes_at_once() -> None:
    flow = ClientRateLimiter(LIMITS)
    assert all(flow.admits(CHUNK_BYTES, 0.0) for _ in range(150))


def test_twice_real_time_passes_for_an_hour() -> None:
    flow = ClientRateLimiter(LIMITS)
    assert all(flow.admits(CHUNK_BYTES, number / 50) for number in range(50 * 3600))


def test_four_times_real_time_is_noticed() -> None:
    flow = ClientRateLimiter(LIMITS)
    assert not all(flow.admits(CHUNK_BYTES, number / 100) for number in range(100 * 30))


def test_many_small_frames_are_noticed_by_their_number() -> None:
    flow = ClientRateLimiter(LIMITS)
    assert sum(flow.admits(30, 0.0) for _ in range(10_000)) == LIMITS.client_burst_frames


def test_a_client_is_told_once_and_hung_up_on_when_it_goes_on() -> None:
    flow = ClientRateLimiter(replace(LIMITS, client_burst_frames=1, client_frames_per_s=0.01))
    assert flow.admits(10, 0.0)
    assert not flow.admits(10, 0.1)
    assert not flow.told(0.1)
    assert flow.retry_after_s(10) > 90
    assert not flow.admits(10, 2.0)
    assert flow.told(2.0)
    assert not flow.floods()
    for second in (4.0, 5.0, 5.2):
        assert not flow.admits(10, second)
    assert flow.floods()


def test_a_client_that_has_mended_its_ways_is_told_anew() -> None:
    flow = ClientRateLimiter(replace(LIMITS, client_burst_frames=1, client_frames_per_s=0.01))
    assert flow.admits(10, 0.0)
    assert not flow.admits(10, 0.1)
    assert not flow.told(0.1)
    assert not flow.admits(10, 20.0)
    assert not flow.told(20.0)
    assert not flow.floods()


def test_an_enormous_frame_is_not_a_matter_of_rate() -> None:
    assert ClientRateLimiter(LIMITS).admits(100 * 1024 * 1024, 0.0)


def test_three_strikes_in_ten_seconds_are_out() -> None:
    strikes = ErrorBudget(3, 10.0)
    assert [strikes.are_out(at_s) for at_s in (0.0, 6.0, 10.1, 15.9)] == [False, False, False, True]
