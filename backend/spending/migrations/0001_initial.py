import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DeletedTalk",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("user_id", models.BigIntegerField(editable=False)),
                ("started_at", models.DateTimeField(editable=False)),
                ("ended_at", models.DateTimeField(editable=False)),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["user_id", "ended_at"], name="deleted_talk_of_user")
                ],
            },
        ),
        migrations.CreateModel(
            name="Budget",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("everybody", "everybody"),
                            ("group", "each member of a group"),
                            ("user", "one user"),
                        ],
                        max_length=16,
                        verbose_name="given to",
                    ),
                ),
                (
                    "usd_per_month",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        max_digits=12,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(
                                0, "Write 0 or more. 0 allows nothing; leave it empty for no limit."
                            )
                        ],
                        verbose_name="USD a month",
                    ),
                ),
                (
                    "minutes_per_day",
                    models.IntegerField(
                        blank=True,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(
                                0, "Write 0 or more. 0 allows nothing; leave it empty for no limit."
                            )
                        ],
                        verbose_name="minutes a day",
                    ),
                ),
                (
                    "calls_at_once",
                    models.IntegerField(
                        blank=True,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(
                                0, "Write 0 or more. 0 allows nothing; leave it empty for no limit."
                            )
                        ],
                        verbose_name="calls at once",
                    ),
                ),
                (
                    "calls_per_hour",
                    models.IntegerField(
                        blank=True,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(
                                0, "Write 0 or more. 0 allows nothing; leave it empty for no limit."
                            )
                        ],
                        verbose_name="calls an hour",
                    ),
                ),
                (
                    "group",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="budget",
                        to="auth.group",
                        verbose_name="group",
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="budget",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "budget",
                "verbose_name_plural": "budgets",
                "ordering": ("scope", "id"),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("group__isnull", True),
                                ("scope", "everybody"),
                                ("user__isnull", True),
                            ),
                            models.Q(
                                ("group__isnull", False), ("scope", "group"), ("user__isnull", True)
                            ),
                            models.Q(
                                ("group__isnull", True), ("scope", "user"), ("user__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="budget_scope_has_target",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("scope", "everybody")),
                        fields=("scope",),
                        name="budget_one_for_everybody",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("usd_per_month__isnull", True),
                            ("usd_per_month__gte", 0),
                            _connector="OR",
                        ),
                        name="budget_usd_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("minutes_per_day__isnull", True),
                            ("minutes_per_day__gte", 0),
                            _connector="OR",
                        ),
                        name="budget_minutes_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("calls_at_once__isnull", True),
                            ("calls_at_once__gte", 0),
                            _connector="OR",
                        ),
                        name="budget_at_once_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("calls_per_hour__isnull", True),
                            ("calls_per_hour__gte", 0),
                            _connector="OR",
                        ),
                        name="budget_per_hour_not_negative",
                    ),
                ],
            },
        ),
    ]
