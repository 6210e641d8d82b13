"""The admin's pages of background jobs, in the reader's language."""

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from django.contrib import admin
from django_tasks_db.admin import DBTaskResultAdmin
from django_tasks_db.models import DBTaskResult

from backend.bilingual import bilingual

FIELD_NAMES: Final = {
    "id": bilingual("ID", "ID"),
    "status": bilingual("status", "状態"),
    "enqueued_at": bilingual("enqueued at", "登録日時"),
    "started_at": bilingual("started at", "開始日時"),
    "finished_at": bilingual("finished at", "終了日時"),
    "args_kwargs": bilingual("arguments", "引数"),
    "priority": bilingual("priority", "優先度"),
    "task_path": bilingual("task path", "処理のパス"),
    "worker_ids": bilingual("workers", "ワーカー"),
    "queue_name": bilingual("queue", "キュー"),
    "backend_name": bilingual("backend", "バックエンド"),
    "run_after": bilingual("run after", "実行予定日時"),
    "return_value": bilingual("return value", "戻り値"),
    "exception_class_path": bilingual("exception", "例外"),
    "traceback": bilingual("traceback", "トレースバック"),
}
"""Names of the model's fields: the package marks its own for translation, but has no catalogue."""

STATUS_NAMES: Final = {
    "READY": bilingual("Ready", "待機中"),
    "RUNNING": bilingual("Running", "実行中"),
    "FAILED": bilingual("Failed", "失敗"),
    "SUCCESSFUL": bilingual("Successful", "成功"),
}


class StatusFilter(admin.ChoicesFieldListFilter):
    """Django's filter by a field's choices, with `STATUS_NAMES` as their names."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield a dict for each choice, as Django's filter does."""
        names = {str(label): STATUS_NAMES[value] for value, label in self.field.flatchoices}
        for choice in super().choices(changelist):
            shown = choice["display"]
            yield {**choice, "display": names.get(str(shown), shown)}


class JobAdmin(DBTaskResultAdmin):
    """The package's own pages, with names in both languages. The list begins with what a job does.

    The package's begins with the id, which leaves the other columns a character's width on a phone.
    """

    list_display: Any = (
        "job_name", "status_name", "enqueued_at", "started_at", "finished_at", "priority",
        "queue_name",
    )  # fmt: skip
    list_filter: ClassVar[Any] = (("status", StatusFilter), "priority", "queue_name")

    def get_readonly_fields(self, request: Any, obj: Any = None) -> list[str]:
        """Return the fields of a job's page, with the status by its name."""
        fields = super().get_readonly_fields(request, obj)
        return ["status_name" if field == "status" else field for field in fields]

    @admin.display(description=bilingual("job", "ジョブ"), ordering="task_path")
    def job_name(self, job: DBTaskResult[Any, Any]) -> str:
        """The name of the function that the job calls."""
        return job.task_name

    @admin.display(description=FIELD_NAMES["status"], ordering="status")
    def status_name(self, job: DBTaskResult[Any, Any]) -> str:
        return STATUS_NAMES[job.status]

    @admin.display(description=FIELD_NAMES["traceback"])
    def formatted_traceback(self, obj: DBTaskResult[Any, Any]) -> str:
        return super().formatted_traceback(obj)

    @admin.display(description=FIELD_NAMES["run_after"])
    def display_run_after(self, obj: DBTaskResult[Any, Any]) -> Any:
        return super().display_run_after(obj)
