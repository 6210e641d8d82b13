import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(
                        db_index=True,
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="time",
                    ),
                ),
                ("actor_id", models.BigIntegerField(null=True, verbose_name="operator's id")),
                ("actor_name", models.CharField(max_length=150, verbose_name="operator")),
                (
                    "action",
                    models.CharField(
                        choices=[("call_ended", "ended a call")], max_length=32, verbose_name="act"
                    ),
                ),
                ("target_type", models.CharField(max_length=32, verbose_name="kind of target")),
                ("target", models.CharField(max_length=100, verbose_name="target")),
                ("owner_id", models.BigIntegerField(null=True, verbose_name="owner's id")),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit entries",
                "ordering": ("-at", "-id"),
                "default_permissions": ("view",),
            },
        ),
    ]
