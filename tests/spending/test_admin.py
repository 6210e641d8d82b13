"""Budgets in the admin: what is shown, what is refused, and that every change is audited."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from backend.audit.models import AuditEntry
from backend.spending.models import Budget
from tests.conversations.equipment import kept_usage, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

LIST = "/admin/spending/budget/"
EMPTY = {
    "scope": "everybody", "user": "", "group": "",
    "usd_per_month": "", "minutes_per_day": "", "calls_at_once": "", "calls_per_hour": "",
}  # fmt: skip


@pytest.fixture
def admin(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def save(admin: Client, path: str, **fields: Any) -> Any:
    return admin.post(f"{LIST}{path}/", EMPTY | fields)


def audited() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("id").values_list("action", "target"))


def test_each_change_is_audited(admin: Client, owner: User) -> None:
    assert save(admin, "add", scope="user", user=owner.pk, usd_per_month="7.50").status_code == 302
    budget = Budget.objects.get()
    changed = {"scope": "user", "user": owner.pk, "usd_per_month": "7.50", "calls_at_once": "1"}
    for _ in range(2):
        # Saved again without a change: nothing to audit.
        save(admin, f"{budget.pk}/change", **changed)
    admin.post(f"{LIST}{budget.pk}/delete/", {"post": "yes"})
    save(admin, "add", minutes_per_day="30")
    everybody = Budget.objects.get()
    admin.post(LIST, {"action": "delete_selected", "_selected_action": everybody.pk, "post": "yes"})
    assert not Budget.objects.exists()
    assert audited() == [
        ("budget_changed", target)
        for target in (
            f"user {owner.pk}: 7.50 USD/month, - min/day, - at once, - /hour",
            f"user {owner.pk}: 7.50 USD/month, - min/day, 1 at once, - /hour",
            f"user {owner.pk}: deleted",
            "everybody: - USD/month, 30 min/day, - at once, - /hour",
            "everybody: deleted",
        )
    ]
    assert AuditEntry.objects.first().owner_id is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"usd_per_month": "-1"}, ("Write 0 or more.", "0以上の値を入力してください。")),
        ({"calls_at_once": "-1"}, ("Write 0 or more.", "0以上の値を入力してください。")),
        ({"scope": "user"}, ("Choose whom this budget is for.", "対象を選択してください。")),
        ({"scope": "", "usd_per_month": "1"}, ("This field is required.", "必須です")),
        ({"usd_per_month": "1e400"}, ("", "")),
        ({"calls_per_hour": "9" * 30}, ("", "")),
    ],
)
def test_a_wrong_budget_is_refused_with_a_sentence(
    admin: Client, fields: dict[str, str], words: tuple[str, str]
) -> None:
    for language, sentence in zip(("en", "ja"), words, strict=True):
        page = admin.post(f"{LIST}add/", EMPTY | fields, HTTP_ACCEPT_LANGUAGE=language)
        assert page.status_code == 200
        assert sentence in page.content.decode()
    assert not Budget.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_second_budget_for_the_same_target_is_refused(admin: Client, owner: User) -> None:
    for fields in ({}, {"scope": "user", "user": owner.pk}):
        assert save(admin, "add", **fields).status_code == 302
        assert save(admin, "add", **fields).status_code == 200
    assert Budget.objects.count() == 2


def test_the_list_shows_what_each_user_has_left_in_the_same_queries_for_many(
    admin: Client,
    owner: User,
    stranger: User,
    settings: Any,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    settings.MAX_CALLS_PER_USER = settings.CALLS_PER_HOUR = 0
    kept_usage(new_session(owner), "resp_1", "gpt-realtime", audio_out=10_000)
    for user in (owner, stranger):
        Budget.objects.create(scope="user", user=user, usd_per_month=1, minutes_per_day=5)
    Budget.objects.create(scope="everybody", usd_per_month=Decimal("0.70"))
    with django_assert_max_num_queries(14):
        page = admin.get(LIST).content.decode()
    assert "money this month (USD): 0.6400 / 0.0600; minutes today: 0.0 / 5.0" in page
    assert "money this month (USD): 0.0000 / 0.7000" in page
    japanese = admin.get(LIST, HTTP_ACCEPT_LANGUAGE="ja").content.decode()
    for word in ("利用枠", "今月の金額（USD）", "使用済み / 残り", "全員"):
        assert word in japanese


def test_a_budget_of_many_shows_who_spent_the_most(
    admin: Client, owner: User, stranger: User
) -> None:
    group = Group.objects.create(name="guests")
    owner.groups.add(group)
    for user, tokens in ((owner, 1000), (stranger, 2000)):
        kept_usage(new_session(user), f"resp_{user.pk}", "gpt-realtime", audio_out=tokens)
    everybody = Budget.objects.create(scope="everybody", usd_per_month=1)
    of_group = Budget.objects.create(scope="group", group=group, usd_per_month=2)
    page = admin.get(f"{LIST}{everybody.pk}/change/").content.decode()
    assert page.index("<td>stranger</td>") < page.index("<td>owner</td>")
    assert "0.1280" in page
    page = admin.get(f"{LIST}{of_group.pk}/change/").content.decode()
    assert "<td>owner</td>" in page
    assert "<td>stranger</td>" not in page
    assert admin.get(f"{LIST}add/").status_code == 200


def test_it_takes_a_permission(client: Client, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_staff=True)
    client.force_login(owner)
    assert client.get(LIST).status_code == 403
