"""`listen`: one spoken question, its words and its answer, for scripts."""

from backend.cli.audio_devices import SilentSpeaker, open_microphone
from backend.cli.call_options import CallOptions
from backend.cli.call_runner import CallPlan
from backend.cli.calling import CallKind, Warn, run_call
from backend.cli.failures import ExitCode, Failure


def listen(options: CallOptions) -> ExitCode:
    """Listen to the microphone or the file until one answer is complete."""

    def plan(warn: Warn) -> CallPlan:
        microphone = open_microphone(options.audio, options.input_path)
        if microphone is None:
            raise Failure(ExitCode.MISSING, "no_input")
        return CallPlan(
            microphone=microphone,
            # The server would count an answer as interrupted if this ended before its sound.
            speaker=SilentSpeaker(),
            answers_wanted=1,
            timeout_s=options.timeout_s,
        )

    return run_call(options, CallKind(plan, interrupted=ExitCode.INTERRUPTED))
