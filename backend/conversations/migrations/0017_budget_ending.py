"""Adds the ending `budget_spent` to those of a call. Changes no column."""

from django.db import migrations, models

ENDINGS = (
    "client_left",
    "completed",
    "draining",
    "bad_frames",
    "unauthenticated",
    "revoked",
    "forbidden",
    "too_slow",
    "unresponsive",
    "idle",
    "taken_over",
    "time_limit",
    "rate_limit",
    "too_many_calls",
    "server_full",
    "hourly_limit",
    "budget_spent",
    "internal",
    "provider_failed",
    "provider_refused",
    "provider_unavailable",
    "provider_timeout",
    "interrupted",
)


class Migration(migrations.Migration):
    dependencies = [("conversations", "0016_fill_search_text")]

    operations = [
        migrations.AlterField(
            model_name="call",
            name="ending",
            field=models.CharField(
                blank=True, choices=[(name, name) for name in ENDINGS], max_length=32
            ),
        ),
    ]
