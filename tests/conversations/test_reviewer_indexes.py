"""Migration 0019: how it makes the indexes of the admin's list of sessions."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.apps import apps

migration: Any = import_module("backend.conversations.migrations.0019_indexes_for_reviewers")


class PostgresEditor:
    """What the migration uses of PostgreSQL's schema editor. `steps` is what it did."""

    def __init__(self) -> None:
        self.connection = SimpleNamespace(vendor="postgresql", connection=SimpleNamespace())
        self.steps: list[str] = []

    def execute(self, sql: str) -> None:
        self.steps.append(sql)

    def add_index(self, model: Any, index: Any, concurrently: bool = False) -> None:
        self.steps.append(f"add {index.name} {concurrently}")


NAMES = ("turn_interrupted_answer", "turn_untranscribed", "usage_cost_of_session")


def test_postgresql_makes_each_index_beside_the_writes_and_again_after_a_failure() -> None:
    editor = PostgresEditor()
    migration.add_indexes(apps, editor)
    made = [step for step in editor.steps if step.startswith(("DROP", "add"))]
    assert made == [
        step
        for name in NAMES
        for step in (f"DROP INDEX CONCURRENTLY IF EXISTS {name}", f"add {name} True")
    ]
    assert not migration.Migration.atomic


def test_the_limits_of_a_statement_are_restored() -> None:
    editor = PostgresEditor()
    migration.add_indexes(apps, editor)
    assert editor.steps[:2] == ["SET statement_timeout = 0", "SET lock_timeout = 0"]
    assert editor.steps[-2:] == ["RESET statement_timeout", "RESET lock_timeout"]
    assert vars(editor.connection.connection) == {}
