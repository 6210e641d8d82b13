"""Completes rows that servers of the earlier release wrote after the migrations of this one.

While an upgrade replaces the servers one by one, the earlier ones go on writing without the columns
that they do not know. A usage without its user is in nobody's budget; a turn or a title without its
search text is not found. A title that they change afterwards is found by its former words, until it
changes again.
"""

from datetime import timedelta

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Now

from backend.conversations.folding import folded
from backend.conversations.models import Session, Turn, Usage

UPGRADE_TAKES = timedelta(days=1)
"""Turns and titles are looked at that long after their session's last change.

All of them takes too long.
"""
ROWS_AT_ONCE = 1000


def complete_rows() -> int:
    """Fill in the users of usages, and the search texts of turns and titles.

    Returns how many were missing.
    """
    owner = Session.with_deleted.filter(pk=OuterRef("session_id")).values("user_id")
    # By the index of (user, created_at).
    usages = Usage.objects.filter(user=None, session__isnull=False).update(user_id=Subquery(owner))
    recent = Session.with_deleted.filter(updated_at__gt=Now() - UPGRADE_TAKES)
    unfilled = Turn.objects.filter(session__in=recent.order_by(), search_text="").exclude(text="")
    texts = list(unfilled.order_by().values_list("pk", "text")[:ROWS_AT_ONCE])
    for pk, text in texts:
        # Unless the turn has grown meanwhile: then its writer has filled it.
        Turn.objects.filter(pk=pk, search_text="").update(search_text=folded(text))
    untitled = recent.filter(search_title="").exclude(title="")
    titles = list(untitled.order_by().values_list("pk", "title")[:ROWS_AT_ONCE])
    for session_id, title in titles:
        unfilled_title = Session.with_deleted.filter(pk=session_id, search_title="")
        unfilled_title.update(search_title=folded(title))
    return usages + len(texts) + len(titles)
