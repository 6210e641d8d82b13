"""The admin's pages of background jobs are in the reader's language."""

import pytest
from django.test import Client
from django.urls import reverse
from django_tasks_db.models import DBTaskResult

from backend.background_jobs.pages import FIELD_NAMES, STATUS_NAMES
from backend.reports.jobs import roll_up_days
from tests.cast import person

pytestmark = pytest.mark.django_db

LIST = "admin:django_tasks_database_dbtaskresult_changelist"
PAGE = "admin:django_tasks_database_dbtaskresult_change"


def test_every_field_and_status_has_a_name() -> None:
    assert set(FIELD_NAMES) == {field.name for field in DBTaskResult._meta.get_fields()}
    assert set(STATUS_NAMES) == {
        value for value, _ in DBTaskResult._meta.get_field("status").flatchoices
    }


@pytest.mark.parametrize(
    ("language", "words", "others"),
    [
        ("ja", ("状態", "登録日時", "優先度", "キュー", "待機中", "失敗"), ("Ready", "Failed")),
        ("en", ("Status", "Enqueued at", "Priority", "Queue", "Ready", "Failed"), ("状態",)),
    ],
)  # fmt: skip
def test_the_list_and_a_job_are_in_the_readers_language(
    client: Client, language: str, words: tuple[str, ...], others: tuple[str, ...]
) -> None:
    client.force_login(person("hanako", is_staff=True))
    job = roll_up_days.enqueue()
    headers = {"accept-language": language}
    listed = client.get(reverse(LIST), headers=headers).content.decode()
    assert [word for word in words if word not in listed] == []
    assert [word for word in others if word in listed] == []
    assert "roll_up_days" in listed
    found = client.get(f"{reverse(LIST)}?status__exact=READY", headers=headers).content.decode()
    assert "roll_up_days" in found
    page = client.get(reverse(PAGE, args=[job.id]), headers=headers).content.decode()
    assert "DBTaskResult object" not in page
    expected = (
        ("実行予定日時", "戻り値", "待機中") if language == "ja" else ("Return value", "Ready")
    )
    assert [word for word in expected if word not in page] == []
