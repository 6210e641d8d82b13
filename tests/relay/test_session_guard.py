"""The configuration of a watched call's session, which its browser could change."""

import copy
from typing import Any

import pytest

from backend.relay.session_guard import RESTORED_AT_MOST, SessionGuard, Verdict
from backend.upstream.providers.interface import SessionSettings, TurnDetection
from backend.upstream.providers.openai import OpenAI

SETTINGS = SessionSettings("Be kind.", "marin", "gpt-transcribe", TurnDetection())
OURS = OpenAI().sideband_session(SETTINGS)


def echo(**changes: Any) -> dict[str, Any]:
    """The provider's echo: with defaults of its own, and these fields changed."""
    session = copy.deepcopy(OURS) | {"object": "realtime.session", "voice": "marin"}
    session["audio"]["input"]["turn_detection"]["idle_timeout_ms"] = None
    return session | changes


def with_input(**changes: Any) -> dict[str, Any]:
    session = echo()
    session["audio"]["input"] |= changes
    return session


def configured() -> SessionGuard:
    guard = SessionGuard(OURS)
    assert guard.judge(echo()) is Verdict.OURS
    return guard


def test_an_echo_with_the_providers_own_defaults_is_ours() -> None:
    guard = configured()
    assert guard.judge(echo(voice="cedar", expires_at=7)) is Verdict.OURS


@pytest.mark.parametrize(
    "changed",
    [
        echo(instructions="Be rude."),
        echo(instructions=None),
        echo(tools=[{"type": "function", "name": "buy"}]),
        echo(tool_choice="required"),
        echo(output_modalities=["text"]),
        with_input(transcription=None),
        with_input(turn_detection=None),
        {},
    ],
)
def test_a_change_by_the_browser_is_seen_and_its_restoration_is_ours(changed: Any) -> None:
    guard = configured()
    assert guard.judge(changed) is Verdict.CHANGED
    assert guard.judge(echo()) is Verdict.OURS


def test_what_the_browser_set_before_our_update_is_not_taken_for_ours() -> None:
    guard = SessionGuard(OURS)
    assert guard.judge(echo(instructions="Be rude.")) is Verdict.EARLIER
    assert guard.judge(echo()) is Verdict.OURS


def test_a_tool_may_have_fields_of_the_providers() -> None:
    tool = {"type": "function", "name": "stock", "parameters": {"type": "object"}}
    guard = SessionGuard(OURS | {"tools": [tool]})
    assert guard.judge(echo(tools=[tool | {"strict": False}])) is Verdict.OURS
    assert guard.judge(echo(tools=[tool | {"parameters": {}}])) is Verdict.CHANGED
    assert guard.judge(echo(tools=[tool, tool])) is Verdict.CHANGED


def test_a_session_is_restored_a_few_times_only() -> None:
    guard = configured()
    changed = echo(instructions="Be rude.")
    verdicts = [guard.judge(changed) for _ in range(RESTORED_AT_MOST + 1)]
    assert verdicts == [Verdict.CHANGED] * RESTORED_AT_MOST + [Verdict.TOO_OFTEN]
