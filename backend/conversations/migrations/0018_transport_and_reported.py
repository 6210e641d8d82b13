"""Adds the transport of a call, and the mark of a turn that only the browser reported."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0017_budget_ending")]

    operations = [
        migrations.AddField(
            model_name="call",
            name="transport",
            field=models.CharField(
                choices=[("relay", "WebSocket"), ("webrtc", "WebRTC")],
                db_default="relay",
                default="relay",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="turn",
            name="is_reported",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
