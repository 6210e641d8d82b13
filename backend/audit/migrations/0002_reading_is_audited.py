from django.db import migrations, models

import backend.audit.models


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="auditentry",
            name="action",
            field=models.CharField(
                choices=backend.audit.models.actions, max_length=32, verbose_name="act"
            ),
        ),
    ]
