"""Runs the call of a command, from its options to its exit code."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass

from backend.cli.call_options import (
    CallOptions,
    destination,
    view_of,
    warn_if_readable,
)
from backend.cli.call_runner import CallPlan, CallRunner, Outcome
from backend.cli.expectation import contains
from backend.cli.failures import ExitCode, Failure
from backend.cli.views import View
from backend.cli.wording import Language, sentence

Warn = Callable[[str], None]
"""Shows a sentence of `cli.wording`, by its name."""


@dataclass(frozen=True, slots=True)
class CallKind:
    """What distinguishes the commands.

    `plan` chooses the devices; it raises Failure. `interrupted`: the exit code of a command that
    Ctrl-C ended.
    """

    plan: Callable[[Warn], CallPlan]
    interrupted: ExitCode


def run_call(options: CallOptions, kind: CallKind) -> ExitCode:
    """Make the call; show it and everything that goes wrong. Returns the exit code."""
    with view_of(options) as view:
        try:
            outcome = asyncio.run(_call(options, kind, view))
        except Failure as failure:
            code = failure.exit_code
            view.notice(failure.sentence, failure_text(failure, options.language))
        except KeyboardInterrupt:
            code = kind.interrupted
        else:
            code = exit_code_of(outcome, options.expected, kind.interrupted)
            if code is ExitCode.NOT_EXPECTED:
                name = "not_expected"
                view.notice(name, sentence(name, options.language, expected=options.expected))
        view.end(code)
    return code


async def _call(options: CallOptions, kind: CallKind, view: View) -> Outcome:
    def warn(name: str) -> None:
        view.notice(name, sentence(name, options.language))

    if not options.is_direct:
        warn_if_readable(
            options.server, options.language, lambda text: view.notice("server_url_insecure", text)
        )
    # First, so that a missing device leaves no empty session.
    plan = kind.plan(warn)
    where = await asyncio.to_thread(destination, options)
    if where.sentence:
        view.notice("session", where.sentence)
    if plan.hint and not options.is_json:
        warn(plan.hint)
    runner = CallRunner(where, plan, view, options.language)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, runner.stop)
    return await runner.run()


def exit_code_of(outcome: Outcome, expected: str, interrupted: ExitCode) -> ExitCode:
    """The exit code of a call that ended without a failure."""
    if outcome.was_interrupted:
        return interrupted
    if expected and not contains(outcome.answers, expected):
        return ExitCode.NOT_EXPECTED
    return ExitCode.OK


def failure_text(failure: Failure, language: Language) -> str:
    """The server's sentence, else ours."""
    return failure.message or sentence(failure.sentence, language, **failure.values)
