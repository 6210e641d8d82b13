"""A budget that is deleted with its user or group leaves an audit row: who, what, when."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from backend.audit.models import COMMAND_LINE, AuditEntry
from backend.spending.models import Budget

pytestmark = pytest.mark.django_db


def audited() -> list[tuple[str, str, int | None]]:
    rows = AuditEntry.objects.filter(action="budget_changed").order_by("pk")
    assert all(timezone.now() - row.at < timedelta(minutes=1) for row in rows)
    return [(row.actor_name, row.target, row.owner_id) for row in rows]


def test_one_that_goes_with_its_user_or_group_at_a_command_line(owner: User) -> None:
    group = Group.objects.create(name="guests")
    Budget.objects.create(scope="user", user=owner, usd_per_month=1)
    Budget.objects.create(scope="group", group=group, usd_per_month=1)
    Budget.objects.create(scope="everybody", usd_per_month=1)
    user_id, group_id = owner.pk, group.pk
    owner.delete()
    Group.objects.all().delete()
    assert audited() == [
        (COMMAND_LINE, f"user {user_id}: deleted with the user", user_id),
        (COMMAND_LINE, f"group {group_id}: deleted with the group", None),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [False, True], ids=["its page", "the list's action"])
@pytest.mark.parametrize("kind", ["user", "group"])
def test_the_row_of_one_that_goes_in_the_admin_names_who_did_it(
    client: Client, staff: User, owner: User, kind: str, at_once: bool
) -> None:
    client.force_login(staff)
    target = owner if kind == "user" else Group.objects.create(name="guests")
    Budget.objects.create(scope=kind, usd_per_month=1, **{kind: target})
    target_id = target.pk
    path, wish = f"/admin/auth/{kind}/", {"post": "yes"}
    if at_once:
        wish |= {"action": "delete_selected", "_selected_action": str(target_id)}
    else:
        path += f"{target_id}/delete/"
    assert client.post(path, wish).status_code == 302
    assert not Budget.objects.exists()
    owner_id = target_id if kind == "user" else None
    assert audited() == [(staff.username, f"{kind} {target_id}: deleted with the {kind}", owner_id)]
