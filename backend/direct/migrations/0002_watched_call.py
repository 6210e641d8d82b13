"""Creates the table of WebRTC calls that are not known to be hung up."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("direct", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="ProviderCall",
            fields=[
                ("call_id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("provider", models.CharField(editable=False, max_length=32)),
                ("provider_call_id", models.CharField(editable=False, max_length=128)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
            ],
            options={"default_permissions": ()},
        ),
    ]
