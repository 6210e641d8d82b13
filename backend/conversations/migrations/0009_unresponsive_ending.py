"""Adds `unresponsive` to the endings of a call. Changes no column."""

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
    "internal",
    "provider_failed",
    "provider_refused",
    "provider_unavailable",
    "provider_timeout",
    "interrupted",
)


class Migration(migrations.Migration):
    dependencies = [("conversations", "0008_call_requested_ending")]

    operations = [
        migrations.AlterField(
            model_name="call",
            name="ending",
            field=models.CharField(
                blank=True, choices=[(name, name) for name in ENDINGS], max_length=32
            ),
        ),
    ]
