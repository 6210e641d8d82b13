"""Adds `Session.deleted_at`: a deleted session is hidden first, and deleted for good later."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0005_session_voice")]

    operations = [
        migrations.AddField(
            model_name="session",
            name="deleted_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", False)),
                fields=["deleted_at"],
                name="session_deleted",
            ),
        ),
    ]
