"""Adds `Session.search_title`. The next migration fills it: this one has the table locked."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0019_indexes_for_reviewers")]

    operations = [
        migrations.AddField(
            model_name="session",
            name="search_title",
            field=models.TextField(blank=True, db_default="", default="", editable=False),
        ),
    ]
