"""Which process a name is of, and when that process is known to be dead."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.conversations import process_liveness
from backend.conversations.process_liveness import is_dead, process_name


def test_this_process_is_alive() -> None:
    assert not is_dead(process_name())
    assert process_name().split(":")[1] == str(os.getpid())


def test_a_process_that_has_ended_is_dead() -> None:
    code = "from backend.conversations.process_liveness import process_name; print(process_name())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert is_dead(ended.stdout.strip())


def test_a_later_process_with_the_same_pid_is_another_one() -> None:
    """As in a container that is started again, whose server has the same number each time."""
    host, pid, started_at = process_name().rsplit(":", 2)
    assert is_dead(f"{host}:{pid}:{int(started_at) - 1}")


@pytest.mark.parametrize("name", ["elsewhere:1:99", "elsewhere:1", "", "worker", ":::", "a:b:c:d"])
def test_what_cannot_be_known_is_not_dead(name: str) -> None:
    assert not is_dead(name)
    host = process_name().rsplit(":", 2)[0]
    assert not is_dead(f"{host}:{os.getpid()}:")


def test_without_proc_nothing_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(process_liveness, "PROC", tmp_path)
    assert process_name().endswith(f":{os.getpid()}:")
    assert not is_dead(process_name())


def test_the_name_of_a_command_may_hold_brackets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process_liveness, "PROC", tmp_path)
    (tmp_path / str(os.getpid())).mkdir()
    fields = " ".join(str(number) for number in range(3, 53))
    (tmp_path / str(os.getpid()) / "stat").write_text(f"{os.getpid()} (a b) c)) {fields}\n")
    assert process_name().endswith(":22")
