import django.db.models.manager
from django.db import migrations

import backend.live_desk.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("conversations", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="LiveCall",
            fields=[],
            options={
                "verbose_name": "live call",
                "verbose_name_plural": "live calls",
                "permissions": (("end_livecall", "Can end a live call"),),
                "proxy": True,
                "default_permissions": ("view",),
                "indexes": [],
                "constraints": [],
            },
            bases=("conversations.call",),
        ),
    ]
