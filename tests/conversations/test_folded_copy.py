"""A turn's folded text is stored with it, however the row is written."""

import pytest
from django.contrib.auth.models import User

from backend.conversations.models import Turn
from backend.conversations.writing import write
from tests.conversations.equipment import kept_turn, new_call, new_session, turn, turn_write

pytestmark = pytest.mark.django_db


def texts() -> list[str]:
    return list(Turn.objects.values_list("search_text", flat=True))


def test_it_is_stored_with_a_row(owner: User) -> None:
    row = kept_turn(new_session(owner), text="ﾊﾟﾝ and RYE")
    assert texts() == [row.search_text] == ["ぱん and rye"]
    row.text = "Tea"
    row.save()
    assert texts() == ["tea"]


def test_it_follows_a_turn_that_is_written_again(owner: User) -> None:
    call = new_call(new_session(owner))
    for text in ("Rye", "Rye Loaf"):
        write([turn_write(call, turn(text=text))])
    assert texts() == ["rye loaf"]


def test_a_migration_has_a_plain_text_field() -> None:
    field = Turn._meta.get_field("search_text")
    assert field.deconstruct()[1] == "django.db.models.TextField"
    assert field.clone().of == "text"
