"""Creates the table of ephemeral keys, and the permission to use direct sessions."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="EphemeralKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="created at"
                    ),
                ),
                ("expires_at", models.DateTimeField(editable=False, verbose_name="expires at")),
                (
                    "provider",
                    models.CharField(editable=False, max_length=32, verbose_name="provider"),
                ),
                ("model", models.CharField(editable=False, max_length=100, verbose_name="model")),
                ("voice", models.CharField(editable=False, max_length=64, verbose_name="voice")),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="ephemeral_keys",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "ephemeral key",
                "verbose_name_plural": "ephemeral keys",
                "ordering": ("-created_at", "-id"),
                "permissions": (("use_direct_sessions", "Can talk to the provider directly"),),
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["-created_at"], name="ephemeral_key_created")],
            },
        ),
    ]
