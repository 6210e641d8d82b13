"""The admin of sessions: a list to find them, and a page for each. Django loads this package."""

from django.contrib import admin

from backend.bilingual import bilingual
from backend.conversations.admin import retention as retention
from backend.conversations.admin.guard import GuardedSessions
from backend.conversations.admin.neighbours import SessionNeighbours
from backend.conversations.admin.session_list import SessionList
from backend.conversations.admin.session_page import SessionPage
from backend.conversations.admin.session_reviews import SessionReviews
from backend.conversations.models import Session

admin.site.site_header = admin.site.site_title = "Kaiwa"
admin.site.index_title = bilingual("Conversations and people", "会話とユーザー")
# A few entries need no sidebar, and the list of sessions needs the width.
admin.site.enable_nav_sidebar = False


@admin.register(Session)
class SessionAdmin(SessionReviews, SessionNeighbours, SessionList, SessionPage, GuardedSessions):
    """The list of sessions, and a page for each with its transcript, calls and cost."""

    class Media:
        css = {"all": ("admin.css",)}  # noqa: RUF012 - Django wants a plain dict
