"""Adds reviews, the group of reviewers, the item of a usage, and names in both languages.

The group *Reviewers* may view everything of conversations and write its own reviews. It is made
once: an operator may change or delete it later. Its permissions are rows that Django makes only
after all migrations, so those of this app are made here first; Django then leaves them as they are.
"""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.apps import apps as current_apps
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

GROUP = "Reviewers"
VIEWED = ("session", "call", "turn", "reply", "usage", "reviewnote")


def make_group(apps, schema_editor):
    alias = schema_editor.connection.alias
    app = current_apps.get_app_config("conversations")
    create_permissions(app, verbosity=0, interactive=False, using=alias, apps=apps)
    group, _ = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name=GROUP)
    codenames = [*(f"view_{model}" for model in VIEWED), "change_reviewnote"]
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    group.permissions.add(
        *permissions.filter(content_type__app_label="conversations", codename__in=codenames)
    )


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
        ('conversations', '0013_retention_rule'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='call',
            options={'ordering': ('first_position',), 'verbose_name': 'call', 'verbose_name_plural': 'calls'},
        ),
        migrations.AlterModelOptions(
            name='reply',
            options={'ordering': ('first_position',), 'verbose_name': 'reply', 'verbose_name_plural': 'replies'},
        ),
        migrations.AlterModelOptions(
            name='session',
            options={'ordering': ('-updated_at', 'id'), 'verbose_name': 'session', 'verbose_name_plural': 'sessions'},
        ),
        migrations.AlterModelOptions(
            name='turn',
            options={'ordering': ('position', 'id'), 'verbose_name': 'turn', 'verbose_name_plural': 'turns'},
        ),
        migrations.AlterModelOptions(
            name='usage',
            options={'ordering': ('id',), 'verbose_name': 'usage', 'verbose_name_plural': 'usages'},
        ),
        migrations.AlterField(
            model_name='session',
            name='closed_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='closed at'),
        ),
        migrations.AlterField(
            model_name='session',
            name='created_at',
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='session',
            name='id',
            field=models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False, verbose_name='ID'),
        ),
        migrations.AlterField(
            model_name='session',
            name='language',
            field=models.CharField(choices=[('en', 'English'), ('ja', '日本語')], default='en', max_length=2, verbose_name='language'),
        ),
        migrations.AlterField(
            model_name='session',
            name='model',
            field=models.CharField(max_length=100, verbose_name='model'),
        ),
        migrations.AlterField(
            model_name='session',
            name='provider',
            field=models.CharField(default='openai', max_length=32, verbose_name='provider'),
        ),
        migrations.AlterField(
            model_name='session',
            name='realtime_mode',
            field=models.BooleanField(db_index=True, default=False, editable=False, help_text="Set when the session's first voice turn is stored, and never unset.", verbose_name='realtime mode'),
        ),
        migrations.AlterField(
            model_name='session',
            name='title',
            field=models.CharField(blank=True, max_length=200, verbose_name='title'),
        ),
        migrations.AlterField(
            model_name='session',
            name='updated_at',
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='updated at'),
        ),
        migrations.AlterField(
            model_name='session',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to=settings.AUTH_USER_MODEL, verbose_name='user'),
        ),
        migrations.AddField(
            model_name='usage',
            name='item_id',
            field=models.CharField(blank=True, db_default='', default='', max_length=128),
        ),
        migrations.CreateModel(
            name='ReviewNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reviewer_name', models.CharField(max_length=150)),
                ('reviewed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('note', models.TextField(blank=True, max_length=2000)),
                ('reviewer', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='review_notes', to=settings.AUTH_USER_MODEL)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='review_notes', to='conversations.session')),
            ],
            options={
                'verbose_name': 'review',
                'verbose_name_plural': 'reviews',
                'ordering': ('reviewed_at', 'id'),
                'default_permissions': ('view', 'change'),
                'constraints': [models.UniqueConstraint(fields=('session', 'reviewer'), name='review_one_per_reviewer')],
            },
        ),
        migrations.RunPython(make_group, migrations.RunPython.noop),
    ]
