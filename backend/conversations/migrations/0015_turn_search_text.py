"""Adds `Turn.search_text`. The next migration fills it: this one has the table locked for itself."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0014_review_notes")]

    operations = [
        migrations.AddField(
            model_name="turn",
            name="search_text",
            field=models.TextField(blank=True, db_default="", default="", editable=False),
        ),
    ]
