"""Fills `Turn.search_text` of the stored turns, and indexes its trigrams on PostgreSQL.

In many short transactions, so that servers of the earlier release go on reading and writing
meanwhile: in one, with the column, 200,000 turns kept every reader out for 70 s. While the index is
made they read, and what they write waits in their spools. If it is interrupted, it goes on where it
was.

The index needs the extension `pg_trgm`. It is trusted since PostgreSQL 13: whoever may create in
the database may create it. Where the role may not, or the server does not have it, the migration
says so and goes on without the index: a search then reads all turns, which takes 0.1 s for each
100,000. A database administrator can make up for it later with the two statements that it prints.
"""

import sys

from django.db import DatabaseError, migrations, transaction

from backend.conversations.folding import folded

ROWS_AT_ONCE = 2000
EXTENSION = "CREATE EXTENSION IF NOT EXISTS pg_trgm"
INDEX = (
    "CREATE INDEX IF NOT EXISTS turn_search_trigrams"
    " ON conversations_turn USING gin (search_text gin_trgm_ops)"
)


def without_time_limits(apps, schema_editor):
    """Lift the limits of a request's statement, of 5 s and 6 s (`settings`, `bounded_connection`).

    The turns of a year take longer.
    """
    connection = schema_editor.connection
    if connection.vendor == "postgresql":
        schema_editor.execute("SET statement_timeout = 0")
        connection.connection.answer_wait_s = None


def with_time_limits(apps, schema_editor):
    """Restore the connection, which goes back to the pool."""
    connection = schema_editor.connection
    if connection.vendor == "postgresql":
        schema_editor.execute("RESET statement_timeout")
        del connection.connection.answer_wait_s


def fill(apps, schema_editor):
    connection = schema_editor.connection
    turns = apps.get_model("conversations", "Turn").objects.using(connection.alias).order_by("pk")
    unfilled = turns.filter(search_text="").exclude(text="")
    last = 0
    while rows := list(unfilled.filter(pk__gt=last).values_list("pk", "text")[:ROWS_AT_ONCE]):
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE conversations_turn SET search_text = %s WHERE id = %s",
                [(folded(text), pk) for pk, text in rows],
            )
        last = rows[-1][0]


def add_index(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(EXTENSION)
            cursor.execute(INDEX)
    except DatabaseError as error:
        print(
            f"\nSearches have no index: {error}As an administrator of the database, run:"
            f"\n{EXTENSION};\n{INDEX};",
            file=sys.stderr,
        )


def drop_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS turn_search_trigrams")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("conversations", "0015_turn_search_text")]

    operations = [
        migrations.RunPython(without_time_limits, migrations.RunPython.noop),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(add_index, drop_index),
        migrations.RunPython(with_time_limits, migrations.RunPython.noop),
    ]
