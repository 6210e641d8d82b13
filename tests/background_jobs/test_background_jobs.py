"""The admin names the background jobs by what they are, and no migration is made of it."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.utils import translation
from django_tasks_db.models import DBTaskResult


@pytest.mark.parametrize(
    ("language", "names"),
    [("en", ("Background jobs", "jobs")), ("ja", ("バックグラウンド処理", "ジョブ"))],
)
def test_the_names_are_the_readers(language: str, names: tuple[str, str]) -> None:
    app = apps.get_app_config("django_tasks_database")
    with translation.override(language):
        assert (str(app.verbose_name), str(DBTaskResult._meta.verbose_name_plural)) == names


@pytest.mark.django_db
def test_the_packages_migrations_are_complete() -> None:
    call_command("makemigrations", "django_tasks_database", check=True, dry_run=True, verbosity=0)
