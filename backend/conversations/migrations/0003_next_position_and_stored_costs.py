"""Fills `Session.next_position` and `Usage.cost_usd` of rows that were written without them."""

from django.db import migrations
from django.db.models import Max

from backend.conversations.stored_cost import stored_cost

POSITIONS_PER_BLOCK = 100_000
ROWS_PER_STATEMENT = 500


def set_next_positions(apps, schema_editor):
    """The block after the last position that a call reserved or a turn has."""
    sessions = apps.get_model("conversations", "Session").objects
    used = {}
    # Two queries: in one, the second join would multiply the rows of the first.
    for position in ("calls__first_position", "turns__position"):
        for pk, last in sessions.order_by().values_list("pk").annotate(Max(position)):
            if last is not None:
                used[pk] = max(last, used.get(pk, 0))
    for pk, last in used.items():
        next_position = (last // POSITIONS_PER_BLOCK + 1) * POSITIONS_PER_BLOCK
        sessions.filter(pk=pk).update(next_position=next_position)


def set_costs(apps, schema_editor):
    """The cost at today's catalogue prices, from the model that was stored with the usage."""
    usages = apps.get_model("conversations", "Usage").objects
    after = 0
    while rows := list(usages.filter(pk__gt=after).order_by("pk")[:ROWS_PER_STATEMENT]):
        for row in rows:
            row.cost_usd, row.price_date = stored_cost(row, row.model)
        usages.bulk_update(rows, ["cost_usd", "price_date"])
        after = rows[-1].pk


class Migration(migrations.Migration):
    dependencies = [("conversations", "0002_positions_providers_costs")]

    operations = [
        migrations.RunPython(set_next_positions, migrations.RunPython.noop),
        migrations.RunPython(set_costs, migrations.RunPython.noop),
    ]
