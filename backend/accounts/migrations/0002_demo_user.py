"""Demo users get a mark, also those whom a demo before this migration made in this database."""

from datetime import timedelta

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def mark_the_pair(apps, schema_editor):
    """Two users whom nobody makes by hand like that: the demo's names, at once, without an email."""
    users = apps.get_model("auth", "User").objects.filter(email="")
    person = users.filter(username="demo", is_superuser=False).first()
    admin = users.filter(username="demo-admin", is_superuser=True).first()
    if person and admin and abs(admin.date_joined - person.date_joined) < timedelta(minutes=1):
        demo_users = apps.get_model("accounts", "DemoUser").objects
        demo_users.bulk_create(demo_users.model(user=user) for user in (person, admin))


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="DemoUser",
            fields=[
                ("user", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="+", serialize=False, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.RunPython(mark_the_pair, migrations.RunPython.noop),
    ]
