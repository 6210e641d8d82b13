from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0007_session_title_source")]

    operations = [
        migrations.AddField(
            model_name="call",
            name="requested_ending",
            # With a default in the database: during a rolling deploy older processes insert rows
            # that do not name this column.
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=32
            ),
        ),
    ]
