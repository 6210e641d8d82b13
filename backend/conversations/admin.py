"""Conversations as a reviewer reads them: who said what, what was heard, how calls ended, the cost.

Nothing that was said or billed can be edited or added; the title can, and superusers may delete.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from backend.conversations import queries, serializers
from backend.conversations.models import Call, Session, Turn
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Role

admin.site.site_header = admin.site.site_title = "Kaiwa"
admin.site.index_title = "Conversations and people"
# Three entries need no sidebar, and the list needs its room.
admin.site.enable_nav_sidebar = False


if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Session]
else:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin


@dataclass(frozen=True, slots=True)
class ReadTurn:
    """A turn as it is read: `unheard` is what was said after the person had cut in."""

    turn: Turn
    who: str
    side: str
    heard: str
    unheard: str
    heard_s: str | None
    call: Call | None
    """The call that begins with this turn; None inside a call."""


def read_turns(turns: Iterable[Turn], calls: Iterable[Call], username: str) -> Iterator[ReadTurn]:
    """Turns in spoken order, with the speaker's name and the beginnings of calls."""
    by_id = {call.pk: call for call in calls}
    current: object = None
    names = {Role.USER: username, Role.ASSISTANT: "Assistant", Role.TOOL: "Tool"}
    for turn in turns:
        heard, unheard = split_at_heard(turn.text, turn.heard_text)
        yield ReadTurn(
            turn=turn,
            who=names[Role(turn.role)],
            side=turn.role,
            heard=heard,
            unheard=unheard,
            heard_s=None if turn.heard_ms is None else f"{turn.heard_ms / 1000:.1f}",
            call=by_id.get(turn.call_id) if turn.call_id and turn.call_id != current else None,
        )
        current = turn.call_id


def split_at_heard(text: str, heard_text: str | None) -> tuple[str, str]:
    """What was heard of a text and what was not. Where nothing was cut off, all was heard.

    A heard text that is no beginning of the text cannot be split: the text is then all unheard, and
    the heard one stands in front.
    """
    if heard_text is None:
        return text, ""
    if text.startswith(heard_text):
        return heard_text, text[len(heard_text) :]
    return heard_text, text


class EndingFilter(admin.SimpleListFilter):
    """Sessions with a call that ended in this way, or that is live."""

    title = "ending of a call"
    parameter_name = "ending"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every ending that has been, by its word."""
        been = set(Call.objects.exclude(ending="").values_list("ending", flat=True).distinct())
        return [("live", "live now"), *((word, word) for word in Ending if word in been)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> QuerySet[Session]:
        """The sessions that remain."""
        if self.value() not in ("live", *Ending):
            return queryset
        if self.value() == "live":
            return queryset.filter(queries.is_live)
        calls = Call.objects.filter(session=OuterRef("pk"), ending=self.value())
        return queryset.filter(Exists(calls))


@admin.register(Session)
class SessionAdmin(_ModelAdmin):
    """The list of conversations, and one of them on a page."""

    list_display = (
        "name", "user", "mode", "status", "turn_count", "call_count", "language", "created",
    )  # fmt: skip
    list_filter = ("realtime_mode", "language", EndingFilter, "created_at")
    list_select_related = ("user",)
    list_per_page = 50
    search_fields = ("title", "user__username")
    search_help_text = "Words of a title, of a username or of what was said"
    ordering = ("-updated_at",)
    show_full_result_count = False

    fieldsets = (
        (None, {"fields": ("title", "user", "mode", "status", "language")}),
        ("Conversation", {"fields": ("transcript",), "classes": ("kaiwa-wide",)}),
        ("Calls", {"fields": ("calls",), "classes": ("kaiwa-wide",)}),
        ("UsageWrite", {"fields": ("spent",), "classes": ("kaiwa-wide",)}),
        (
            "Details",
            {"fields": ("id", "model", "voice", "created_at", "updated_at", "closed_at")},
        ),
    )
    readonly_fields = (
        "id", "user", "mode", "status", "language", "model", "voice", "created_at",
        "updated_at", "closed_at", "transcript", "calls", "spent",
    )  # fmt: skip

    class Media:
        css = {"all": ("admin.css",)}  # noqa: RUF012 - Django wants a plain dict

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        """With what the list shows of turns and calls, so that a row costs no query of its own."""
        return (
            super()
            .get_queryset(request)
            .annotate(live=queries.is_live, turn_count=_count(Turn), call_count=_count(Call))
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Session], search_term: str
    ) -> tuple[QuerySet[Session], bool]:
        """Title and username by Django's own rules, and all words in one turn of the session."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if words := search_term.split():
            said = Turn.objects.filter(session=OuterRef("pk"))
            for word in words:
                said = said.filter(text__icontains=word)
            found = queryset.filter(Q(pk__in=found.values("pk")) | Exists(said))
        return found, may_repeat

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Conversations are had, not typed into a form."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        """Deleting takes the words away for good."""
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    def save_model(self, request: HttpRequest, obj: Session, form: Any, change: bool) -> None:
        """Only the title: the recorder may be marking the row at this moment."""
        Session.objects.filter(pk=obj.pk).update(title=obj.title)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        """One by one: each is locked while it goes."""
        for session in queryset:
            session.delete()

    @admin.display(description="title", ordering="title")
    def name(self, session: Session) -> str:
        """The title, or a word that can be clicked where there is none."""
        return session.title or "(untitled)"

    @admin.display(description="realtime mode", ordering="realtime_mode")
    def mode(self, session: Session) -> str:
        """A word: the admin's red cross would make a typed conversation look like a failed one."""
        return "voice" if session.realtime_mode else "text"

    @admin.display(description="created (UTC)", ordering="created_at")
    def created(self, session: Session) -> str:
        """Short enough for one line."""
        return f"{session.created_at:%Y-%m-%d %H:%M}"

    @admin.display(description="status")
    def status(self, session: Session) -> str:
        """One word: open, live or closed."""
        return queries.status_of(session.closed_at, live=getattr(session, "live", False))

    @admin.display(description="turns", ordering="turn_count")
    def turn_count(self, session: Session) -> int:
        """How many turns were kept."""
        return int(getattr(session, "turn_count", 0))

    @admin.display(description="calls", ordering="call_count")
    def call_count(self, session: Session) -> int:
        """How many calls there were."""
        return int(getattr(session, "call_count", 0))

    @admin.display(description="")
    def transcript(self, session: Session) -> SafeString:
        """Both sides in spoken order."""
        calls = session.calls.all()
        turns = list(read_turns(session.turns.all(), calls, session.user.get_username()))
        given = {"turns": turns, "language": session.language}
        return render_to_string("conversations/admin/transcript.html", given)

    @admin.display(description="")
    def calls(self, session: Session) -> SafeString:
        """When each call was, how it ended and what it cost."""
        spent = queries.spent_by_call(session)
        rows = [
            {
                "call": call,
                "lasted": lasted(call),
                "cost": serializers.usd(spent.get(call.pk, queries.NOTHING_SPENT).cost_usd),
            }
            for call in session.calls.all()
        ]
        return render_to_string("conversations/admin/calls.html", {"rows": rows})

    @admin.display(description="")
    def spent(self, session: Session) -> SafeString:
        """What the provider billed, in tokens and USD."""
        spent = queries.spent_by_session([session.pk]).get(session.pk, queries.NOTHING_SPENT)
        given = {"cost": serializers.usd(spent.cost_usd), "counts": spent.counts}
        return render_to_string("conversations/admin/spent.html", given)


def lasted(call: Call) -> str:
    """How long a call lasted, as `m:ss` or `h:mm:ss`; empty while it lives."""
    if call.ended_at is None:
        return ""
    whole = timedelta(seconds=round((call.ended_at - call.started_at).total_seconds()))
    text = str(whole)
    return text.removeprefix("0:").removeprefix("0") if whole < timedelta(hours=1) else text


def _count(model: type[Turn] | type[Call]) -> Coalesce:
    """How many rows of this model a session has: a subquery, since two joins would multiply."""
    rows = model._default_manager.filter(session=OuterRef("pk")).order_by().values("session")
    return Coalesce(Subquery(rows.annotate(number=Count(F("pk"))).values("number")), 0)
