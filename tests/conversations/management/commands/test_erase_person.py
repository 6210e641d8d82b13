"""`manage.py erase_person`: says what it would erase, asks, erases."""

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.conversations.equipment import kept_turn, new_session

pytestmark = pytest.mark.django_db


def test_a_dry_run_only_says_what_would_go(owner: User, capsys: pytest.CaptureFixture[str]) -> None:
    kept_turn(new_session(owner))
    call_command("erase_person", owner.username, dry_run=True)
    said = capsys.readouterr().out
    assert "1 conversations with 1 turns, 0 calls, 0 tapes" in said
    assert User.objects.get(pk=owner.pk).is_active


@pytest.mark.parametrize(("answer", "is_erased"), [("owner", True), ("yes", False)])
def test_it_asks_for_the_name_again(
    owner: User, monkeypatch: pytest.MonkeyPatch, answer: str, is_erased: bool
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: owner.username if is_erased else answer)
    if is_erased:
        call_command("erase_person", owner.username)
    else:
        with pytest.raises(CommandError, match="Nothing was erased"):
            call_command("erase_person", owner.username)
    assert User.objects.filter(pk=owner.pk).exists() is not is_erased


def test_a_refusal_is_a_sentence(admin_user: User) -> None:
    with pytest.raises(CommandError, match="only superuser"):
        call_command("erase_person", admin_user.username, yes=True)
