"""From a call to an exit code."""

import json
import os
import signal
from typing import Any

import pytest

from backend.cli import calling
from backend.cli.call_options import CallOptions
from backend.cli.call_runner import CallPlan, Outcome
from backend.cli.calling import CallKind, exit_code_of, failure_text, run_call
from backend.cli.failures import ExitCode, Failure
from backend.cli.routes import Destination
from tests.cli.call_equipment import FakeMicrophone, FakeRoute
from tests.cli.test_call_runner import answering_messages

OK, INTERRUPTED = ExitCode.OK, ExitCode.INTERRUPTED


@pytest.mark.parametrize(
    ("outcome", "expected", "exit_code"),
    [
        (Outcome(["Four of us."]), "", ExitCode.OK),
        (Outcome(["Four of us."]), "FOUR", ExitCode.OK),
        (Outcome(["Four of us."]), "five", ExitCode.NOT_EXPECTED),
        (Outcome([]), "five", ExitCode.NOT_EXPECTED),
        (Outcome([], was_interrupted=True), "five", ExitCode.INTERRUPTED),
    ],
)
def test_the_exit_code(outcome: Outcome, expected: str, exit_code: ExitCode) -> None:
    assert exit_code_of(outcome, expected, INTERRUPTED) is exit_code


def test_the_servers_sentence_comes_first() -> None:
    assert failure_text(Failure(ExitCode.REFUSED, "refused", "No.", status=1), "en") == "No."
    failure = Failure(ExitCode.REFUSED, "refused", status=418)
    assert failure_text(failure, "en") == "The server refused (HTTP 418)."


def called(
    monkeypatch: pytest.MonkeyPatch, plan: dict[str, Any], interrupted: ExitCode = INTERRUPTED
) -> ExitCode:
    """Run a call whose destination and devices are fakes."""
    route = plan.pop("route", None) or FakeRoute(answering_messages)
    monkeypatch.setattr(calling, "destination", lambda _: Destination(route, None, "New."))
    options = CallOptions("en", "http://127.0.0.1:9", is_json=True, expected="hi there")
    parts = {"microphone": None, "speaker": None, **plan}
    kind = CallKind(lambda warn: CallPlan(**parts), interrupted)
    return run_call(options, kind)


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_call_that_meets_its_expectation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, {"lines": ("Hello",)}) is ExitCode.OK
    lines = lines_of(capsys)
    assert [line["type"] for line in lines] == ["notice", "turn", "turn", "usage", "end"]
    assert lines[-1]["exit_code"] == 0


def test_a_failure_is_shown_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = Failure(ExitCode.UNREACHABLE, "server_unreachable", server="here", reason="away")
    route = FakeRoute(failures=[away])
    assert called(monkeypatch, {"lines": ("Hello",), "route": route}) is ExitCode.UNREACHABLE
    lines = lines_of(capsys)
    assert lines[-2]["message"] == "here cannot be reached: away"
    assert lines[-1] == {"type": "end", "exit_code": 5}


@pytest.mark.parametrize("code", [OK, INTERRUPTED])
def test_ctrl_c_ends_cleanly(monkeypatch: pytest.MonkeyPatch, code: ExitCode) -> None:
    class InterruptingMicrophone(FakeMicrophone):
        async def start(self, *_: object) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    microphone = InterruptingMicrophone([], is_live=True)
    assert called(monkeypatch, {"microphone": microphone}, code) is code
    assert microphone.is_stopped
