"""The admin's list of sessions: its columns, its order and its search."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import OperationalError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from backend.conversations import queries, serializers
from backend.conversations.admin.filters import (
    BAD_ENDINGS,
    CostFilter,
    EndingFilter,
    LanguageFilter,
    MinutesFilter,
    ModeFilter,
    ModelFilter,
    ProviderFilter,
    TroubleFilter,
    UserFilter,
)
from backend.conversations.admin.list_words import MODES, WORDS
from backend.conversations.admin.review_filter import ReviewFilter
from backend.conversations.admin.row_facts import CALLS, COST, SECONDS, TURNS, UNKNOWN_COST
from backend.conversations.admin.session_changelist import is_for_neighbours, say
from backend.conversations.admin.session_dates import SessionDates
from backend.conversations.ending_words import ending_words
from backend.conversations.folding import Piece
from backend.conversations.models import Session, Turn
from backend.conversations.searching import (
    MAX_SEARCH_CHARACTERS,
    matching,
    single_characters,
)

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Session]
else:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin

MOST_FOUND = 500
"""A search stops at so many sessions: nobody reads more, and one letter matches all of them."""

MOST_SINGLE_CHARACTERS = 3
"""No index helps to find a single character, so each costs a scan of the turns."""


class SessionList(_ModelAdmin):
    """The part of the sessions' admin that is their list."""

    list_display = (
        "name", "person", "begun", "minutes", "turns_kept", "calls_made", "mode_sign",
        "last_ending", "cost", "model_name",
    )  # fmt: skip
    list_filter = (
        TroubleFilter, UserFilter, ReviewFilter, ModeFilter, LanguageFilter, EndingFilter,
        MinutesFilter, CostFilter, ModelFilter, ProviderFilter,
    )  # fmt: skip
    date_hierarchy = "created_at"
    list_per_page = 50
    search_fields = ("title",)  # shows the box; `get_search_results` has the rule
    search_help_text = WORDS["search_help"]
    ordering = ("-created_at",)
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # a query for each choice of each filter

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        """With the facts that the page of a session and its export need. The list counts and sorts
        without them.
        """
        if is_for_neighbours(request):
            return super().get_queryset(request)
        return queries.with_facts(super().get_queryset(request))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The list for this request.

        What it cannot read raises IncorrectLookupParameters with a message for the user, and Django
        redirects to the whole list. A date out of range would be an error of the server.
        """
        try:
            return super().get_changelist_instance(request)
        except (IncorrectLookupParameters, ValueError, OverflowError) as error:
            _say_not_understood(request, request.GET)
            raise IncorrectLookupParameters(error) from error

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, without those parameters that have a NUL: PostgreSQL takes it in no text."""
        given = request.GET
        clean = QueryDict(mutable=True)
        for name, values in given.lists():
            if "\0" not in "".join((name, *values)):
                clean.setlist(name, values)
        if len(clean) < len(given):
            request.GET = clean  # type: ignore[assignment]
            _say_not_understood(request, given)
        response = super().changelist_view(request, extra_context)
        shown: ChangeList | None = (getattr(response, "context_data", None) or {}).get("cl")
        if shown is not None:
            # The template reads it for the dates only, which are those without filters.
            shown.queryset = SessionDates(Session.objects.all(), shown.params)
        return response

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Session], search_term: str
    ) -> tuple[QuerySet[Session], bool]:
        """Return the sessions that match by the rule of `searching`: at most `MOST_FOUND`.

        They are looked up once: the list counts, sorts and dates what is found in several queries.
        """
        if not search_term.strip():
            return queryset, False
        if len(search_term) > MAX_SEARCH_CHARACTERS:
            text = WORDS["search_too_long"].format(
                number=len(search_term), most=MAX_SEARCH_CHARACTERS
            )
            say(request, messages.ERROR, text)
            return queryset.none(), False
        if single_characters(search_term) > MOST_SINGLE_CHARACTERS:
            text = WORDS["search_single_characters"].format(most=MOST_SINGLE_CHARACTERS)
            say(request, messages.ERROR, text)
            return queryset.none(), False
        try:
            found = matching(queryset, Turn.objects.all(), search_term, in_usernames=True)
            keys = found.values_list("pk", flat=True)[: MOST_FOUND + 1]
            session_ids = list(dict.fromkeys(keys))
        except OperationalError:  # PostgreSQL's `statement_timeout` of 5 s, or no database at all
            say(request, messages.ERROR, WORDS["search_too_slow"])
            return queryset.none(), False
        if len(session_ids) > MOST_FOUND:
            text = WORDS["search_capped"].format(most=f"{MOST_FOUND:,}")
            say(request, messages.WARNING, text)
        session_ids = session_ids[:MOST_FOUND]
        request.found_by_search = len(session_ids)  # type: ignore[attr-defined]
        return queryset.filter(pk__in=session_ids), False

    def get_paginator(self, request: HttpRequest, *args: Any, **options: Any) -> Paginator[Session]:
        """The pages of the list. What a search has found is not counted again."""
        paginator = super().get_paginator(request, *args, **options)
        if (found := getattr(request, "found_by_search", None)) is not None:
            paginator.count = found
        return paginator

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        """Delete one by one: `Session.delete` locks the row first."""
        for session in queryset:
            session.delete()

    @admin.display(description=WORDS["title"], ordering="title")
    def name(self, session: Any) -> SafeString | str:
        """The title or a clickable placeholder, a mark if it was reviewed, and what was found."""
        title = session.title or WORDS["untitled"]
        mark, found = "", ""
        if session.is_reviewed:
            mark = format_html(
                ' <span class="kaiwa-reviewed" title="{0}" aria-label="{0}" role="img">✓</span>',
                WORDS["reviewed"],
            )
        if session.excerpt:
            pieces = format_html_join("", "{}", ((_piece(each),) for each in session.excerpt))
            found = format_html(
                '<span class="kaiwa-excerpt" lang="{}">{}</span>', session.language, pieces
            )
        return format_html("{}{}{}", title, mark, found) if mark or found else str(title)

    @admin.display(description=WORDS["begun"], ordering="created_at")
    def begun(self, session: Session) -> str:
        """Date and minute, so that the row fits on one line."""
        return f"{session.created_at:%Y-%m-%d %H:%M}"

    @admin.display(description=WORDS["minutes"], ordering=SECONDS)
    def minutes(self, session: Any) -> str:
        """The minutes of its calls that have ended."""
        return f"{session.seconds / 60:.1f}" if session.call_count else WORDS["none"]

    @admin.display(description=WORDS["turns"], ordering=TURNS)
    def turns_kept(self, session: Any) -> int:
        """The number of stored turns. Django would sort one named `turns` by the relation."""
        return int(session.turn_count)

    @admin.display(description=WORDS["calls"], ordering=CALLS)
    def calls_made(self, session: Any) -> int:
        """The number of calls."""
        return int(session.call_count)

    @admin.display(description=WORDS["mode"], ordering="realtime_mode")
    def mode_sign(self, session: Session) -> SafeString:
        """A sign, with its word for screen readers."""
        sign, word = MODES[session.realtime_mode]
        return format_html('<span role="img" title="{0}" aria-label="{0}">{1}</span>', word, sign)

    @admin.display(description=WORDS["last_ending"])
    def last_ending(self, session: Any) -> SafeString | str:
        """How the newest call ended, in words, or that it is live."""
        if session.live:
            return format_html("<strong>{}</strong>", WORDS["live"])
        if session.last_ending is None:
            return WORDS["none"]
        if not session.last_ending:
            return format_html('<span class="kaiwa-failed">{}</span>', WORDS["silent"])
        words = ending_words(session.last_ending)
        if session.last_ending in BAD_ENDINGS:
            return format_html('<span class="kaiwa-failed">{}</span>', words)
        return words

    @admin.display(description=WORDS["cost"], ordering=COST)
    def cost(self, session: Any) -> SafeString | str:
        """USD; a sum with an estimate in it has a sign, one with an unknown price is unknown."""
        if session.cost == UNKNOWN_COST:
            return format_html(
                '<span class="kaiwa-none" title="{}">{}</span>',
                WORDS["unknown_why"],
                WORDS["unknown"],
            )
        cost = serializers.usd(session.cost) or ""
        if session.is_estimated:
            return format_html(
                '<span title="{0}"><span role="img" aria-label="{0}">≈</span> {1}</span>',
                WORDS["estimated_why"],
                cost,
            )
        return cost

    @admin.display(description=WORDS["model"], ordering="model")
    def model_name(self, session: Session) -> str:
        """The model of the newest call."""
        return session.model


def _say_not_understood(request: HttpRequest, given: QueryDict) -> None:
    text = WORDS["not_understood"].format(what=given.urlencode()[:200])
    say(request, messages.ERROR, text)


def _piece(piece: Piece) -> SafeString | str:
    return format_html("<mark>{}</mark>", piece.text) if piece.is_match else piece.text
