"""Migrations 0016 and 0021: turns and titles from before are found.

Turns on PostgreSQL by an index of trigrams.
"""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps as global_apps
from django.contrib.auth.models import User
from django.db import connection

from backend.conversations.models import Session, Turn
from tests.conversations.equipment import kept_turn, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

migration: Any = import_module("backend.conversations.migrations.0016_fill_search_text")
titles_migration: Any = import_module("backend.conversations.migrations.0021_fill_search_title")


class Editor:
    """What the migration uses of Django's schema editor."""

    connection = connection


class Apps:
    """The models as they are now."""

    def get_model(self, app: str, name: str) -> type[Turn]:
        return Turn


def test_turns_from_before_are_filled_in_batches(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new_session(owner)
    for number in range(5):
        kept_turn(session, item_id=str(number), text=f"パン {number}")
    Turn.objects.update(search_text="")
    monkeypatch.setattr(migration, "ROWS_AT_ONCE", 2)
    migration.fill(Apps(), Editor())
    texts = Turn.objects.order_by("item_id").values_list("search_text", flat=True)
    assert list(texts) == [f"ぱん {number}" for number in range(5)]


def test_titles_from_before_are_filled_in_batches(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        new_session(owner, title=f"パン {number}")
    new_session(owner, title="")
    Session.objects.update(search_title="")
    monkeypatch.setattr(titles_migration, "ROWS_AT_ONCE", 2)
    titles_migration.fill(global_apps, Editor())
    texts = Session.objects.order_by("title").values_list("search_title", flat=True)
    assert list(texts) == ["", *(f"ぱん {number}" for number in range(5))]


def test_only_postgresql_has_the_index() -> None:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, Turn._meta.db_table)
    assert ("turn_search_trigrams" in found) == (connection.vendor == "postgresql")


def test_a_role_that_may_not_make_the_index_goes_on_without_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("DROP INDEX turn_search_trigrams")
            cursor.execute("CREATE ROLE without_rights")
            cursor.execute("SET LOCAL ROLE without_rights")
        migration.add_index(Apps(), Editor())
        if connection.vendor == "postgresql":
            cursor.execute("RESET ROLE")
            told = capsys.readouterr().err
            assert migration.EXTENSION in told
            assert migration.INDEX in told
    assert not Turn.objects.exists()
