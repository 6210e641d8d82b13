"""Adds `Session.title_source`. Titles from before may be a person's own, and are never replaced."""

from django.db import migrations, models

SOURCES = ("words", "requested", "model", "user")


def keep_titles(apps, schema_editor):
    """The titles that exist count as given by their users."""
    apps.get_model("conversations", "Session").objects.exclude(title="").update(title_source="user")


class Migration(migrations.Migration):
    dependencies = [("conversations", "0006_session_deleted_at")]

    operations = [
        migrations.AddField(
            model_name="session",
            name="title_source",
            field=models.CharField(
                choices=[
                    ("words", "the user's first words, or nothing yet"),
                    ("requested", "the same, and a job to ask the model was enqueued"),
                    ("model", "the model"),
                    ("user", "a person"),
                ],
                default="words",
                editable=False,
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="session",
            constraint=models.CheckConstraint(
                condition=models.Q(("title_source__in", SOURCES)),
                name="session_title_source_known",
            ),
        ),
        # Last: PostgreSQL alters no table that has pending changes.
        migrations.RunPython(keep_titles, migrations.RunPython.noop),
    ]
