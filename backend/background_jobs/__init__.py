"""How the admin names the jobs of `django_tasks_db`: by what they are, in the reader's language."""

from importlib import import_module
from typing import Any

from django.contrib import admin
from django_tasks_db.apps import TasksAppConfig

from backend.bilingual import bilingual


class BackgroundJobsConfig(TasksAppConfig):
    """The package's own app under other names; its label and tables stay."""

    verbose_name: Any = bilingual("Background jobs", "バックグラウンド処理")

    def ready(self) -> None:
        """Name the model and its fields, and replace the package's admin.

        Migrations do not see the names: they read the options and fields as declared.
        """
        super().ready()
        # Imported here, because admins can be imported only when all models are.
        pages = import_module("backend.background_jobs.pages")
        model: Any = self.get_model("DBTaskResult")
        options = model._meta
        options.verbose_name = bilingual("job", "ジョブ")
        options.verbose_name_plural = bilingual("jobs", "ジョブ")
        for name, words in pages.FIELD_NAMES.items():
            options.get_field(name).verbose_name = words
        # The package has none: the admin would show "DBTaskResult object (…)".
        model.__str__ = lambda job: job.task_name
        admin.site.unregister(model)
        admin.site.register(model, pages.JobAdmin)
