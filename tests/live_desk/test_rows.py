"""What the live desk shows of a call: its state and its duration."""

from datetime import UTC, datetime, timedelta

import pytest

from backend.live_desk.rows import DeskState, duration_text, state_of
from backend.runtime import HEARTBEAT_S

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("renewed_s_ago", "is_end_requested", "state"),
    [
        (0, False, DeskState.LIVE),
        (2 * HEARTBEAT_S, False, DeskState.LIVE),
        (3 * HEARTBEAT_S + 1, False, DeskState.SILENT),
        (0, True, DeskState.ENDING),
        (3 * HEARTBEAT_S + 1, True, DeskState.ENDING),
    ],
)
def test_a_call_is_silent_after_three_missed_heartbeats(
    renewed_s_ago: float, is_end_requested: bool, state: DeskState
) -> None:
    renewed_at = NOW - timedelta(seconds=renewed_s_ago)
    assert state_of(renewed_at, NOW, is_end_requested=is_end_requested) is state


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0:00"), (0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3599, "59:59"), (3661, "1:01:01")],
)
def test_a_duration_is_minutes_and_seconds(seconds: float, text: str) -> None:
    assert duration_text(timedelta(seconds=seconds)) == text
