"""Logins are in a file that only its owner can read."""

import json
import stat
from pathlib import Path

import pytest

from backend.cli.login_file import LoginFile, login_path
from backend.cli.server_api import Login

SERVER = "https://kaiwa.example.org"
ANNA = Login("anna", "secret-token")


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"XDG_CONFIG_HOME": "/etc/xdg", "HOME": "/home/anna"}, "/etc/xdg/kaiwa/logins.json"),
        ({"HOME": "/home/anna"}, "/home/anna/.config/kaiwa/logins.json"),
        ({"XDG_CONFIG_HOME": "xdg", "HOME": "/home/a"}, "/home/a/.config/kaiwa/logins.json"),
    ],
)
def test_the_file_is_where_configuration_belongs(environ: dict[str, str], path: str) -> None:
    assert login_path(environ) == Path(path)


def test_a_login_is_kept_per_server_and_forgotten(tmp_path: Path) -> None:
    file = LoginFile(tmp_path / "kaiwa" / "logins.json")
    assert file.login(SERVER) is None
    file.forget(SERVER)
    file.save(SERVER, ANNA)
    file.save("http://127.0.0.1:8000", Login("demo", "other-token"))
    assert file.login(SERVER) == ANNA
    file.forget(SERVER)
    assert file.login(SERVER) is None
    assert file.login("http://127.0.0.1:8000") == Login("demo", "other-token")


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    file = LoginFile(tmp_path / "kaiwa" / "logins.json")
    file.save(SERVER, ANNA)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.path.parent.iterdir()] == ["logins.json"]
    file.path.chmod(0o644)
    assert file.login(SERVER) == ANNA
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_the_last_conversation_is_kept_with_its_login(tmp_path: Path) -> None:
    file = LoginFile(tmp_path / "logins.json")
    file.save_session(SERVER, "one")
    assert file.last_session(SERVER) == "" and not file.path.exists()
    file.save(SERVER, ANNA)
    file.save_session(SERVER, "one")
    assert file.last_session(SERVER) == "one" and file.login(SERVER) == ANNA


@pytest.mark.parametrize("content", ["", "no json", "[]", json.dumps({SERVER: 5})])
def test_a_file_that_cannot_be_read_counts_as_empty(tmp_path: Path, content: str) -> None:
    file = LoginFile(tmp_path / "logins.json")
    file.path.write_text(content)
    assert file.login(SERVER) is None
    file.save(SERVER, ANNA)
    assert file.login(SERVER) == ANNA
