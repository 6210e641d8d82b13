"""Fills `Session.search_title` of the stored sessions, so that titles are found as turns are.

In short transactions, so that servers of the earlier release go on meanwhile. If it is interrupted,
it goes on where it was. Titles get no index: a search reads them all, 50 bytes for each session.
"""

from django.db import migrations, transaction

from backend.conversations.folding import folded

ROWS_AT_ONCE = 2000


def fill(apps, schema_editor):
    alias = schema_editor.connection.alias
    sessions = apps.get_model("conversations", "Session")._base_manager.using(alias)
    unfilled = sessions.filter(search_title="").exclude(title="").order_by("pk")
    last = None
    while rows := list(_after(unfilled, last).values_list("pk", "title")[:ROWS_AT_ONCE]):
        with transaction.atomic(using=alias):
            for pk, title in rows:
                # Unless a server of this release has filled it meanwhile.
                sessions.filter(pk=pk, search_title="").update(search_title=folded(title))
        last = rows[-1][0]


def _after(sessions, pk):
    return sessions if pk is None else sessions.filter(pk__gt=pk)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("conversations", "0020_session_search_title")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
