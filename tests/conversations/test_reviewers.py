"""The group of reviewers, made by a migration: it views conversations and writes its reviews."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection

migration: Any = import_module("backend.conversations.migrations.0014_review_notes")

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

GRANTED = {
    "view_session", "view_call", "view_turn", "view_reply", "view_usage", "view_reviewnote",
    "change_reviewnote",
}  # fmt: skip


def granted() -> set[str]:
    return set(Group.objects.get(name="Reviewers").permissions.values_list("codename", flat=True))


def test_the_group_is_there_after_the_migrations() -> None:
    assert granted() == GRANTED


def make_group() -> None:
    migration.make_group(apps, SimpleNamespace(connection=connection))


def test_making_it_again_changes_nothing() -> None:
    make_group()
    assert granted() == GRANTED and Group.objects.count() == 1


def test_it_is_made_also_where_django_has_not_made_the_permissions_yet() -> None:
    """As on a fresh database: Django makes them after the last migration."""
    Permission.objects.filter(content_type__app_label="conversations").delete()
    make_group()
    assert granted() == GRANTED
