"""`talk`: which devices it uses, and what it warns of."""

import dataclasses
from pathlib import Path

import pytest

from backend.cli import talk
from backend.cli.audio_devices import SilentSpeaker, WavMicrophone, WavSpeaker
from backend.cli.failures import ExitCode, Failure
from tests.cli.plans import OPTIONS, capture
from tests.cli.test_audio_devices import PCM_40_MS, wav_file


def test_without_sound_lines_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    found = capture(monkeypatch, talk)
    monkeypatch.setattr(talk, "stdin_number", lambda: 0)
    assert talk.talk(OPTIONS) is ExitCode.OK
    plan = found["plan"]
    assert (plan.microphone, plan.speaker, plan.stdin) == (None, None, 0)
    # Text was asked for.
    assert found["warned"] == [] and plan.hint == "how_to_end_typed"
    assert found["interrupted"] is ExitCode.OK


def test_files_replace_the_devices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = capture(monkeypatch, talk)
    path = wav_file(tmp_path / "question.wav", PCM_40_MS)
    options = dataclasses.replace(OPTIONS, input_path=path, output_path=tmp_path / "answer.wav")
    talk.talk(options)
    assert isinstance(found["plan"].microphone, WavMicrophone)
    assert isinstance(found["plan"].speaker, WavSpeaker)
    assert found["warned"] == [] and found["plan"].hint == ""
    talk.talk(dataclasses.replace(OPTIONS, input_path=path))
    assert found["warned"] == ["no_sound"]
    assert isinstance(found["plan"].speaker, SilentSpeaker)


def test_a_machine_without_a_microphone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = capture(monkeypatch, talk)
    monkeypatch.setattr(talk, "open_microphone", lambda *_: None)
    monkeypatch.setattr(talk, "open_speaker", lambda *_: None)
    monkeypatch.setattr(talk, "stdin_number", lambda: 0)
    talk.talk(dataclasses.replace(OPTIONS, audio="auto"))
    assert found["warned"] == ["no_microphone"]


def test_nothing_to_say_and_nothing_to_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    capture(monkeypatch, talk)
    monkeypatch.setattr(talk, "stdin_number", lambda: None)
    with pytest.raises(Failure) as refused:
        talk.talk(OPTIONS)
    assert (refused.value.exit_code, refused.value.sentence) == (ExitCode.MISSING, "no_input")
