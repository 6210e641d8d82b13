"""`say`: a text, or a voice where it is asked for."""

import dataclasses
from pathlib import Path

import pytest

from backend.cli import say
from backend.cli.audio_devices import SilentSpeaker, WavSpeaker
from backend.cli.failures import ExitCode, Failure
from tests.cli.plans import OPTIONS, capture


def test_the_answer_is_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    found = capture(monkeypatch, say)
    assert say.say(OPTIONS, " Hello ", is_spoken=False) is ExitCode.OK
    plan = found["plan"]
    assert (plan.lines, plan.speaker, plan.stdin) == (("Hello",), None, None)
    assert found["interrupted"] is ExitCode.INTERRUPTED


def test_a_file_asks_for_a_voice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = capture(monkeypatch, say)
    options = dataclasses.replace(OPTIONS, output_path=tmp_path / "answer.wav")
    say.say(options, "Hello", is_spoken=False)
    assert isinstance(found["plan"].speaker, WavSpeaker)


def test_a_voice_that_nobody_can_hear_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    found = capture(monkeypatch, say)
    say.say(OPTIONS, "Hello", is_spoken=True)
    assert found["warned"] == ["no_sound"]
    assert isinstance(found["plan"].speaker, SilentSpeaker)


def test_an_empty_message_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    capture(monkeypatch, say)
    with pytest.raises(Failure) as refused:
        say.say(OPTIONS, " ", is_spoken=False)
    assert refused.value.exit_code is ExitCode.USAGE
