"""The admin of how long conversations are kept: groups, days, and what holds for the others."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from backend.conversations.models import RetentionRule

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

LIST = "/admin/conversations/retentionrule/"


@pytest.mark.parametrize(
    ("language", "title", "words"),
    [("en", "Days to keep", ("Everybody else: 90 days", "30 days", "for ever")),
     ("ja", "保存期間", ("その他のユーザー: 90日", "30日", "無期限"))],
)  # fmt: skip
def test_the_list_says_how_long_each_is_kept(
    admin_client: Client, settings: Any, language: str, title: str, words: tuple[str, ...]
) -> None:
    settings.KEEP_DAYS = 90
    for name, days in (("trial", 30), ("staff", None)):
        RetentionRule.objects.create(group=Group.objects.create(name=name), days=days)
    page = admin_client.get(LIST, headers={"accept-language": language}).content.decode()
    assert all(word in page for word in words)
    assert f"<h1>{title}</h1>" in page


@pytest.mark.parametrize("days", ["-1", "0", "36501", "many"])
def test_days_that_make_no_sense_are_refused_with_a_sentence(
    admin_client: Client, days: str
) -> None:
    group = Group.objects.create(name="a")
    response = admin_client.post(f"{LIST}add/", {"group": group.pk, "days": days})
    assert (response.status_code, "errorlist" in response.content.decode()) == (200, True)
    assert not RetentionRule.objects.exists()
    admin_client.post(f"{LIST}add/", {"group": group.pk, "days": "7"})
    assert RetentionRule.objects.get().days == 7
