"""Fills `Usage.user` of the rows that were written before the column existed."""

from django.db import migrations
from django.db.models import OuterRef, Subquery


def set_users(apps, schema_editor):
    sessions = apps.get_model("conversations", "Session").objects
    owner = sessions.filter(pk=OuterRef("session_id")).values("user_id")
    usages = apps.get_model("conversations", "Usage").objects
    usages.filter(user=None).update(user_id=Subquery(owner))


class Migration(migrations.Migration):
    dependencies = [("conversations", "0011_ledger")]

    operations = [migrations.RunPython(set_users, migrations.RunPython.noop)]
