"""The admin of sessions: who said what, what was heard, how the calls ended, what they cost.

Turns and usage cannot be added or edited. The title can be, and superusers may delete sessions.
"""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from backend.conversations import queries, serializers
from backend.conversations.exports.in_admin import ExportsInAdmin
from backend.conversations.models import Call, Session, Turn
from backend.conversations.reading import read_transcript
from backend.protocol.endings import Ending

admin.site.site_header = admin.site.site_title = "Kaiwa"
admin.site.index_title = "Conversations and people"
# A few entries need no sidebar, and the list of sessions needs the width.
admin.site.enable_nav_sidebar = False


class EndingFilter(admin.SimpleListFilter):
    """Filters for sessions with a call that ended in this way, or that is live."""

    title = "ending of a call"
    parameter_name = "ending"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every ending that a stored call has."""
        used = set(Call.objects.exclude(ending="").values_list("ending", flat=True).distinct())
        return [("live", "live now"), *((word, word) for word in Ending if word in used)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> QuerySet[Session]:
        """The sessions that match. An unknown value filters nothing."""
        if self.value() not in ("live", *Ending):
            return queryset
        if self.value() == "live":
            return queryset.filter(queries.is_live)
        calls = Call.objects.filter(session=OuterRef("pk"), ending=self.value())
        return queryset.filter(Exists(calls))


@admin.register(Session)
class SessionAdmin(ExportsInAdmin):
    """The list of sessions, and a page for each with its transcript, calls and cost."""

    list_display = (
        "name", "user", "mode", "status", "turn_count", "call_count", "language", "created",
    )  # fmt: skip
    list_filter = ("realtime_mode", "language", EndingFilter, "created_at")
    list_select_related = ("user",)
    list_per_page = 50
    search_fields = ("title", "user__username")
    search_help_text = "Words in a title, a username or a turn"
    ordering = ("-updated_at",)
    show_full_result_count = False

    fieldsets = (
        (None, {"fields": ("title", "user", "mode", "status", "language")}),
        ("Conversation", {"fields": ("transcript",), "classes": ("kaiwa-wide",)}),
        ("Calls", {"fields": ("calls",), "classes": ("kaiwa-wide",)}),
        ("Cost", {"fields": ("spent",), "classes": ("kaiwa-wide",)}),
        (
            "Details",
            {
                "fields": (
                    "id",
                    "provider",
                    "model",
                    "effective_voice",
                    "created_at",
                    "updated_at",
                    "closed_at",
                )
            },
        ),
    )
    readonly_fields = (
        "id", "user", "mode", "status", "language", "provider", "model", "effective_voice",
        "created_at", "updated_at", "closed_at", "transcript", "calls", "spent",
    )  # fmt: skip

    class Media:
        css = {"all": ("admin.css",)}  # noqa: RUF012 - Django wants a plain dict

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        """Annotated with what the list shows, so that a row needs no query of its own."""
        return queries.with_facts(super().get_queryset(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Session], search_term: str
    ) -> tuple[QuerySet[Session], bool]:
        """Search title and username by Django's rules, or find all words in one turn."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if words := search_term.split():
            turns = Turn.objects.filter(session=OuterRef("pk"))
            for word in words:
                turns = turns.filter(text__icontains=word)
            found = queryset.filter(Q(pk__in=found.values("pk")) | Exists(turns))
        return found, may_repeat

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Sessions are not created in the admin."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        """Superusers only: a deletion cannot be undone."""
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    def save_model(self, request: HttpRequest, obj: Session, form: Any, change: bool) -> None:
        """Save only the title: the recorder may be updating the row at the same time."""
        source = Session.TitleSource.of_given(obj.title)
        Session.objects.filter(pk=obj.pk).update(title=obj.title, title_source=source)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        """Delete one by one: `Session.delete` locks the row first."""
        for session in queryset:
            session.delete()

    @admin.display(description="title", ordering="title")
    def name(self, session: Session) -> str:
        """The title, or a clickable placeholder."""
        return session.title or "(untitled)"

    @admin.display(description="realtime mode", ordering="realtime_mode")
    def mode(self, session: Session) -> str:
        """A word: the admin's red cross would make a typed session look like a failed one."""
        return "voice" if session.realtime_mode else "text"

    @admin.display(description="created (UTC)", ordering="created_at")
    def created(self, session: Session) -> str:
        """Date and minute, so that the row fits on one line."""
        return f"{session.created_at:%Y-%m-%d %H:%M}"

    @admin.display(description="status")
    def status(self, session: Session) -> str:
        """open, live or closed."""
        return queries.status_of(session.closed_at, live=getattr(session, "live", False))

    @admin.display(description="turns", ordering="turn_count")
    def turn_count(self, session: Session) -> int:
        """The number of stored turns."""
        return int(getattr(session, "turn_count", 0))

    @admin.display(description="calls", ordering="call_count")
    def call_count(self, session: Session) -> int:
        """The number of calls."""
        return int(getattr(session, "call_count", 0))

    @admin.display(description="")
    def transcript(self, session: Session) -> SafeString:
        """Both sides in spoken order."""
        context = {"turns": read_transcript(session), "language": session.language}
        return render_to_string("conversations/admin/transcript.html", context)

    @admin.display(description="")
    def calls(self, session: Session) -> SafeString:
        """Start, duration, ending, models and cost of each call."""
        spent = queries.spent_by_call(session)
        rows = [
            {
                "call": call,
                "duration": duration(call),
                "cost": serializers.usd(spent.get(call.pk, queries.NOTHING_SPENT).cost_usd),
            }
            for call in session.calls.all()
        ]
        return render_to_string("conversations/admin/calls.html", {"rows": rows})

    @admin.display(description="")
    def spent(self, session: Session) -> SafeString:
        """Tokens used and their cost in USD."""
        spent = queries.spent_by_session([session.pk]).get(session.pk, queries.NOTHING_SPENT)
        context = {"cost": serializers.usd(spent.cost_usd), "counts": spent.counts}
        return render_to_string("conversations/admin/spent.html", context)


def duration(call: Call) -> str:
    """The duration of a call as `m:ss` or `h:mm:ss`; empty while it is open."""
    if call.ended_at is None:
        return ""
    rounded = timedelta(seconds=round((call.ended_at - call.started_at).total_seconds()))
    text = str(rounded)
    return text.removeprefix("0:").removeprefix("0") if rounded < timedelta(hours=1) else text
