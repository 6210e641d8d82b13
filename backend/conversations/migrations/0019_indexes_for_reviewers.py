"""Adds the indexes for the admin's list of sessions: its costs, and the turns it filters for.

On PostgreSQL concurrently: a plain CREATE INDEX blocks every write of turns and usages until it
ends. If it is interrupted, it starts again from the first index, because one that was not finished
stays behind, invalid.
"""

from django.db import migrations, models, transaction
from django.db.models import Q

INDEXES = (
    (
        "turn",
        models.Index(
            fields=["session"],
            name="turn_interrupted_answer",
            condition=Q(role="assistant", status="interrupted"),
        ),
    ),
    (
        "turn",
        models.Index(
            fields=["session"],
            name="turn_untranscribed",
            condition=Q(
                role="user", modality="voice", status__in=("failed", "interrupted"), text=""
            ),
        ),
    ),
    (
        "usage",
        models.Index(fields=["session", "cost_usd", "is_estimated"], name="usage_cost_of_session"),
    ),
)


def add_indexes(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor == "postgresql":
        _add_concurrently(apps, schema_editor)
        return
    with transaction.atomic(using=connection.alias):
        for model, index in INDEXES:
            schema_editor.add_index(apps.get_model("conversations", model), index)


def _add_concurrently(apps, schema_editor):
    # No limits: it waits for every transaction that began before, and holds nobody up meanwhile.
    schema_editor.execute("SET statement_timeout = 0")
    schema_editor.execute("SET lock_timeout = 0")
    # The bound of `bounded_connection`, where the connection is one of those.
    schema_editor.connection.connection.answer_wait_s = None
    try:
        for model, index in INDEXES:
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
            schema_editor.add_index(
                apps.get_model("conversations", model), index, concurrently=True
            )
    finally:
        # The connection goes back to its pool.
        schema_editor.execute("RESET statement_timeout")
        schema_editor.execute("RESET lock_timeout")
        del schema_editor.connection.connection.answer_wait_s


def remove_indexes(apps, schema_editor):
    for model, index in INDEXES:
        schema_editor.remove_index(apps.get_model("conversations", model), index)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("conversations", "0018_transport_and_reported")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddIndex(model_name=model, index=index) for model, index in INDEXES
            ],
            database_operations=[migrations.RunPython(add_indexes, remove_indexes)],
        ),
    ]
