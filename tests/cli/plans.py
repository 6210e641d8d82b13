"""What a command would do: its plan, without a call."""

from typing import Any

import pytest

from backend.cli.call_options import CallOptions
from backend.cli.call_runner import CallPlan
from backend.cli.calling import CallKind
from backend.cli.failures import ExitCode


def capture(monkeypatch: pytest.MonkeyPatch, module: object) -> dict[str, Any]:
    """Have the command's `run_call` make its plan only. Returns a dictionary for the result."""
    found: dict[str, Any] = {"warned": []}

    def run_call(options: CallOptions, kind: CallKind) -> ExitCode:
        plan: CallPlan = kind.plan(found["warned"].append)
        found.update(plan=plan, interrupted=kind.interrupted)
        return ExitCode.OK

    monkeypatch.setattr(module, "run_call", run_call)
    return found


OPTIONS = CallOptions("en", "http://127.0.0.1:9", audio="none")
