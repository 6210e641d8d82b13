"""Migrations of data: positions, costs and title sources of rows from before they were stored."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from backend import catalogue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.slow]

BEFORE = [("conversations", "0001_initial")]
AFTER = [("conversations", "0003_next_position_and_stored_costs")]


def migrate(targets: list[tuple[str, str]]) -> Any:
    """Migrate to these targets. Returns the models as they are there."""
    executor = MigrationExecutor(connection)
    executor.migrate(targets)
    return MigrationExecutor(connection).loader.project_state(targets).apps


def new_session(apps: Any, calls: int, turn_position: int | None = None) -> Any:
    user, _ = apps.get_model("auth", "User").objects.get_or_create(username="owner")
    session = apps.get_model("conversations", "Session").objects.create(
        user_id=user.pk, voice="marin", model="gpt-realtime"
    )
    now = timezone.now()
    for number in range(calls):
        session.calls.create(
            worker="here", model="gpt-realtime", first_position=number * 100_000,
            started_at=now, lease_until=now, ended_at=now, ending="client_left",
        )  # fmt: skip
    if turn_position is not None:
        session.turns.create(
            item_id="item_1", role="user", modality="text", status="completed",
            position=turn_position,
        )  # fmt: skip
    return session


def test_old_rows_get_their_next_position_and_their_cost() -> None:
    try:
        apps = migrate(BEFORE)
        session = new_session(apps, calls=3, turn_position=200_001)
        silent, empty = new_session(apps, calls=1), new_session(apps, calls=0)
        typed = new_session(apps, calls=0, turn_position=5)
        for source_id, kind, model, counts in (
            ("a", "response", "gpt-realtime", {"audio_out": 10_000}),
            ("b", "transcription", "gpt-transcribe", {"seconds": 60.0}),
            ("c", "response", "somebody-elses", {"audio_out": 1}),
        ):
            session.usages.create(source_id=source_id, kind=kind, model=model, **counts)

        apps = migrate(AFTER)
        rows = apps.get_model("conversations", "Session").objects
        positions = dict(rows.values_list("pk", "next_position"))
        assert positions == {
            session.pk: 300_000,
            silent.pk: 100_000,
            empty.pk: 0,
            typed.pk: 100_000,
        }
        usages = apps.get_model("conversations", "Usage").objects.order_by("source_id")
        assert list(usages.values_list("cost_usd", "price_date")) == [
            (Decimal("0.64"), catalogue.AS_OF),
            (Decimal("0.0045"), catalogue.AS_OF),
            (None, None),
        ]
        assert set(rows.values_list("provider", flat=True)) == {"openai"}
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())


def test_a_usage_from_before_gets_its_user() -> None:
    try:
        apps = migrate([("conversations", "0010_limit_endings")])
        session = new_session(apps, calls=0)
        session.usages.create(source_id="a", kind="response", model="gpt-realtime")
        apps = migrate([("conversations", "0012_usage_users")])
        users = apps.get_model("conversations", "Usage").objects.values_list("user", flat=True)
        assert list(users) == [session.user_id]
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())


def test_a_title_from_before_may_be_a_persons_own() -> None:
    try:
        apps = migrate([("conversations", "0006_session_deleted_at")])
        titled, untitled = new_session(apps, calls=0), new_session(apps, calls=0)
        titled.title = "Bread"
        titled.save()
        apps = migrate([("conversations", "0007_session_title_source")])
        rows = apps.get_model("conversations", "Session").objects
        assert dict(rows.values_list("pk", "title_source")) == {
            titled.pk: "user",
            untitled.pk: "words",
        }
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
