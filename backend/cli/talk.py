"""`talk`: a conversation by voice and keyboard, until Ctrl-C or the end of its input."""

from backend.cli.audio_devices import SilentSpeaker, open_microphone, open_speaker
from backend.cli.call_options import CallOptions
from backend.cli.call_runner import CallPlan
from backend.cli.calling import CallKind, Warn, run_call
from backend.cli.failures import ExitCode, Failure
from backend.cli.keyboard import stdin_number


def talk(options: CallOptions) -> ExitCode:
    """Talk. Ctrl-C is the usual end, so it is no failure."""

    def plan(warn: Warn) -> CallPlan:
        microphone = open_microphone(options.audio, options.input_path)
        speaker = open_speaker(options.audio, options.output_path)
        stdin = stdin_number()
        if microphone is None and stdin is None:
            raise Failure(ExitCode.MISSING, "no_input")
        if microphone is None and options.audio != "none":
            warn("no_microphone")
        if speaker is None and microphone is not None:
            # The answer takes its time, so that it can be interrupted.
            speaker = SilentSpeaker()
            warn("no_sound")
        hint = "how_to_end_typed" if microphone is None else "how_to_end"
        return CallPlan(
            microphone=microphone,
            speaker=speaker,
            stdin=stdin,
            timeout_s=options.timeout_s,
            hint=hint if microphone is None or microphone.is_live else "",
        )

    return run_call(options, CallKind(plan, interrupted=ExitCode.OK))
