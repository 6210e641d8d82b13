"""`say TEXT`: one typed message and its answer, for scripts."""

from backend.cli.audio_devices import SilentSpeaker, open_speaker
from backend.cli.call_options import CallOptions
from backend.cli.call_runner import CallPlan
from backend.cli.calling import CallKind, Warn, run_call
from backend.cli.failures import ExitCode, Failure


def say(options: CallOptions, text: str, *, is_spoken: bool) -> ExitCode:
    """Say it. The answer is a text, unless `is_spoken` or a file asks for a voice."""

    def plan(warn: Warn) -> CallPlan:
        if not text.strip():
            raise Failure(ExitCode.USAGE, "text_empty")
        speaker = None
        if is_spoken or options.output_path is not None:
            speaker = open_speaker(options.audio, options.output_path)
            if speaker is None:
                speaker = SilentSpeaker()
                warn("no_sound")
        return CallPlan(
            microphone=None,
            speaker=speaker,
            lines=(text.strip(),),
            timeout_s=options.timeout_s,
        )

    return run_call(options, CallKind(plan, interrupted=ExitCode.INTERRUPTED))
