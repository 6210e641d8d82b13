"""The command of the demo data: which database it uses, and what it refuses."""

from argparse import ArgumentTypeError

import pytest
from django.contrib.auth.models import User
from django.db import connections
from pytest_django.fixtures import Settings

from backend.demo import demo_settings
from backend.demo_data import __main__ as command


def test_it_uses_the_demos_database_and_settings() -> None:
    assert command.own_settings({}) == demo_settings({})


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_URL_FILE"])
def test_with_a_database_of_this_run_nothing_is_overridden(name: str) -> None:
    assert command.own_settings({name: "somewhere"}) == {}


@pytest.mark.parametrize("text", ["0", "-1", "many", "100001", "1.5"])
def test_a_number_of_sessions_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="1 to 100000"):
        command.session_count(text)


@pytest.fixture
def _in_this_process(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Run the command on the tests' database, which is migrated and has to stay open."""
    monkeypatch.setenv("DATABASE_URL", "that of the tests")
    monkeypatch.setattr(command, "call_command", lambda *_, **__: None)
    monkeypatch.setattr(connections, "close_all", lambda: None)
    settings.DEBUG = True


@pytest.mark.django_db
@pytest.mark.usefixtures("_in_this_process")
def test_it_fills_the_database_and_says_where_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--sessions", "1"]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == "1 of 1 sessions written"
    assert "/admin/" in last


@pytest.mark.usefixtures("_in_this_process")
def test_without_debug_it_exits_with_a_sentence(settings: Settings) -> None:
    settings.DEBUG = False
    with pytest.raises(SystemExit, match="^Demo data are written with DEBUG only"):
        command.main([])


@pytest.mark.usefixtures("_in_this_process")
def test_beside_other_users_it_exits_with_a_sentence(owner: User) -> None:
    with pytest.raises(SystemExit, match="--yes"):
        command.main([])
    assert command.main(["--sessions", "1", "--yes"]) == 0
