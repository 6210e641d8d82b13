"""`listen`: one answer, from a microphone or a file."""

import dataclasses
from pathlib import Path

import pytest

from backend.cli import listen
from backend.cli.audio_devices import SilentSpeaker, WavMicrophone
from backend.cli.failures import ExitCode, Failure
from tests.cli.plans import OPTIONS, capture
from tests.cli.test_audio_devices import PCM_40_MS, wav_file


def test_a_file_is_heard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = capture(monkeypatch, listen)
    path = wav_file(tmp_path / "question.wav", PCM_40_MS)
    assert listen.listen(dataclasses.replace(OPTIONS, input_path=path)) is ExitCode.OK
    plan = found["plan"]
    assert isinstance(plan.microphone, WavMicrophone)
    assert isinstance(plan.speaker, SilentSpeaker)
    assert (plan.stdin, plan.answers_wanted) == (None, 1)
    assert found["interrupted"] is ExitCode.INTERRUPTED


def test_without_a_microphone_it_cannot_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    capture(monkeypatch, listen)
    with pytest.raises(Failure) as refused:
        listen.listen(OPTIONS)
    assert (refused.value.exit_code, refused.value.sentence) == (ExitCode.MISSING, "no_input")
