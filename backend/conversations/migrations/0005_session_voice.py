from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0004_reply'),
    ]

    operations = [
        migrations.AlterField(
            model_name='session',
            name='voice',
            field=models.CharField(blank=True, help_text='The voice that the user chose. Empty: none; see `effective_voice`.', max_length=64),
        ),
    ]
