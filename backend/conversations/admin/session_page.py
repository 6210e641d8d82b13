"""The admin's page of a session: who said what, what was heard, how calls ended, what they cost.

Turns and usage cannot be added or edited. The title can be, and superusers may delete sessions.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from backend.bilingual import bilingual
from backend.conversations import queries, serializers
from backend.conversations.admin.page_turns import how_ended, page_chapters
from backend.conversations.admin.page_words import BEGINNINGS, MODES, SESSION_STATUSES, WORDS
from backend.conversations.admin.session_reviews import reviewed_lines
from backend.conversations.chapters import Chapter, chapters_of
from backend.conversations.models import Call, Reply, ReviewNote, Session, Turn, Usage
from backend.conversations.reading import read_transcript

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Session]
else:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin

_WIDE = ("kaiwa-wide",)


class SessionPage(_ModelAdmin):
    """The part of the sessions' admin that is the page of one session."""

    fieldsets = (
        (None, {"fields": ("title", "person", "mode", "status", "language", "reviewed")}),
        (bilingual("Conversation", "会話の内容"), {"fields": ("transcript",), "classes": _WIDE}),
        (bilingual("Calls", "通話"), {"fields": ("calls",), "classes": _WIDE}),
        (bilingual("Cost", "費用"), {"fields": ("spent",), "classes": _WIDE}),
        (
            bilingual("Details", "詳細"),
            {
                "fields": (
                    "id",
                    "provider",
                    "model",
                    "voice_of_next_call",
                    "created_at",
                    "updated_at",
                    "closed_at",
                )
            },
        ),
    )
    readonly_fields = (
        "id", "user", "person", "mode", "status", "language", "reviewed", "provider", "model",
        "voice_of_next_call", "created_at", "updated_at", "closed_at", "transcript", "calls",
        "spent",
    )  # fmt: skip

    def get_fieldsets(self, request: HttpRequest, obj: Session | None = None) -> Any:
        """The fieldsets. The user's name is a link for those who may open the account."""
        viewer: Any = request.user
        if not viewer.has_perm("auth.view_user"):
            return self.fieldsets
        (title, first), *others = self.fieldsets
        fields = ["user" if each == "person" else each for each in first["fields"]]
        return ((title, {**first, "fields": fields}), *others)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Sessions are not created in the admin."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        """Superusers only: a deletion cannot be undone."""
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    def get_deleted_objects(
        self, objs: QuerySet[Session] | Iterable[Session], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """What the confirmation lists: the sessions, and how many rows go with them. Django would
        list each turn, by an id that says nothing.
        """
        sessions = list(objs)
        named = [f"{session._meta.verbose_name}: {session}" for session in sessions]
        counts = {str(Session._meta.verbose_name_plural): len(sessions)} | {
            str(model._meta.verbose_name_plural): model._default_manager.filter(
                session__in=sessions
            ).count()
            for model in (Call, Turn, Reply, ReviewNote)
        }
        return named, {name: number for name, number in counts.items() if number}, set(), []

    def save_model(self, request: HttpRequest, obj: Session, form: Any, change: bool) -> None:
        """Save only the title: the recorder may be updating the row at the same time."""
        source = Session.TitleSource.of_given(obj.title)
        Session.objects.filter(pk=obj.pk).update(title=obj.title, title_source=source)

    @admin.display(description=bilingual("user", "ユーザー"), ordering="user__username")
    def person(self, session: Session) -> str:
        """The username, without a link."""
        return session.user.get_username()

    @admin.display(description=bilingual("realtime mode", "モード"), ordering="realtime_mode")
    def mode(self, session: Session) -> str:
        """A word: the admin's red cross would make a typed session look like a failed one."""
        return MODES[session.realtime_mode]

    @admin.display(description=bilingual("status", "状態"))
    def status(self, session: Session) -> str:
        """open, live or closed."""
        live = getattr(session, "live", False)
        return SESSION_STATUSES[queries.status_of(session.closed_at, live=live)]

    @admin.display(description=bilingual("voice of the next call", "次の通話の声"))
    def voice_of_next_call(self, session: Session) -> str:
        """The chosen voice, or the setting's."""
        return session.effective_voice

    @admin.display(description=bilingual("reviewed", "レビュー"))
    def reviewed(self, session: Session) -> SafeString:
        """Who has reviewed it, and when."""
        return reviewed_lines(list(session.review_notes.all()))

    @admin.display(description="")
    def transcript(self, session: Session) -> SafeString:
        """Both sides in spoken order, in chapters."""
        stored = _stored(session)
        context = {
            "chapters": page_chapters(stored.chapters, stored.usages),
            "language": session.language,
            "words": WORDS,
        }
        return render_to_string("conversations/admin/transcript.html", context)

    @admin.display(description="")
    def calls(self, session: Session) -> SafeString:
        """Start, duration, ending, models and cost of each call."""
        stored = _stored(session)
        rows = [
            {
                "call": chapter.call,
                "number": chapter.number,
                "begun": chapter.beginning and BEGINNINGS[chapter.beginning],
                "ended": how_ended(chapter),
                "duration": chapter.duration,
                "cost": serializers.usd(spent.cost_usd),
                "is_estimated": spent.is_estimated,
            }
            for chapter in stored.chapters
            if chapter.call is not None
            for spent in [queries.spent_of(stored.usages_by_call.get(chapter.call.pk, ()))]
        ]
        context = {"rows": rows, "words": WORDS}
        return render_to_string("conversations/admin/calls.html", context)

    @admin.display(description="")
    def spent(self, session: Session) -> SafeString:
        """Tokens used and their cost in USD."""
        spent = queries.spent_of(_stored(session).usages)
        context = {
            "cost": serializers.usd(spent.cost_usd),
            "is_estimated": spent.is_estimated,
            "counts": spent.counts,
            "words": WORDS,
            "also_transcribed": WORDS["also_transcribed"].format(
                seconds=f"{spent.counts.seconds:.1f}"
            ),
        }
        return render_to_string("conversations/admin/spent.html", context)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the page reads of a session. `usages_by_call` has None for those outside a call."""

    chapters: Sequence[Chapter]
    usages: Sequence[Usage]
    usages_by_call: Mapping[UUID | None, Sequence[Usage]]


def _stored(session: Session) -> _Stored:
    """What is stored of the session, read once for all parts of the page."""
    found: _Stored | None = getattr(session, "_stored_for_page", None)
    if found is None:
        calls = list(session.calls.all())
        usages = list(session.usages.all())
        by_call: defaultdict[UUID | None, list[Usage]] = defaultdict(list)
        for each in usages:
            by_call[each.call_id].append(each)
        chapters = chapters_of(read_transcript(session), calls, timezone.now())
        found = _Stored(chapters, usages, by_call)
        session._stored_for_page = found  # type: ignore[attr-defined]
    return found
