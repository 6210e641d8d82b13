"""The filters of the admin's list of sessions.

A value that is none of a filter's choices is answered with a message, and filters nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import CharField, Exists, Expression, OuterRef, Q, QuerySet
from django.http import HttpRequest

from backend.conversations import queries
from backend.conversations.admin.list_words import MODES, WORDS
from backend.conversations.admin.row_facts import (
    COST,
    IS_ESTIMATED,
    SECONDS,
    UNKNOWN_COST,
    Bounds,
    has_cost_within,
    has_minutes_within,
)
from backend.conversations.admin.session_changelist import is_for_neighbours, say
from backend.conversations.ending_words import ending_words
from backend.conversations.models import Call, Session, Turn
from backend.conversations.reading import UNTRANSCRIBED
from backend.protocol.endings import ENDINGS, Ending
from backend.protocol.transcript.turns import Role, TurnStatus

MOST_USERNAMES = 200
"""So many are suggested; others can be typed."""

BAD_ENDINGS = tuple(ending for ending, row in ENDINGS.items() if row.is_bad)

INTERRUPTED_ANSWER = Q(role=Role.ASSISTANT, status=TurnStatus.INTERRUPTED)


class Constant(Expression):
    """A word of ours that stands in the SQL itself. Not for what a user has typed."""

    def __init__(self, word: str) -> None:
        super().__init__(output_field=CharField())
        self.word = word

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[()]]:
        """The word in quotes."""
        return f"'{self.word}'", ()


def with_constants(condition: Q) -> Q:
    """The same condition with its values in the SQL, not as parameters.

    SQLite uses an index with a condition only for a query that has the words of the condition.
    """
    given: Any = condition.children
    constant: list[Any] = []
    for name, value in given:
        is_several = isinstance(value, tuple)
        constant.append((name, [*map(Constant, value)] if is_several else Constant(value)))
    return Q(*constant)


class Choices(admin.SimpleListFilter, ABC):
    """A filter with a few choices. It is closed while it filters nothing, unless `is_open`."""

    template = "conversations/admin/filter.html"
    is_open = False

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.is_open = self.is_open or bool(self.value())
        if self.value() and self.value() not in {str(value) for value, _ in self.lookup_choices}:
            text = WORDS["no_choice"].format(filter=self.title, value=str(self.value())[:100])
            say(request, messages.WARNING, text)
            self.used_parameters.clear()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> QuerySet[Session]:
        """The sessions that match."""
        value = self.value()
        return self.chosen(request, queryset, value) if value else queryset

    @abstractmethod
    def chosen(
        self, request: HttpRequest, sessions: QuerySet[Session], value: str
    ) -> QuerySet[Session]:
        """The sessions that match one of the choices."""


class ModeFilter(Choices):
    """Filters by voice or text."""

    title = WORDS["mode"]
    parameter_name = "mode"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Voice and text."""
        return [(name, " ".join(map(str, MODES[name == "voice"]))) for name in ("voice", "text")]

    def chosen(
        self, request: HttpRequest, sessions: QuerySet[Session], value: str
    ) -> QuerySet[Session]:
        """The sessions of this mode."""
        return sessions.filter(realtime_mode=value == "voice")


class _ValuesFilter(Choices):
    """Filters by a column of the session with few different values."""

    words: ClassVar[Mapping[str, str]] = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every value that is stored."""
        if is_for_neighbours(request):
            return [(value, value)] if (value := self.value()) else []
        column = self.parameter_name or ""
        values = Session.objects.order_by(column).values_list(column, flat=True).distinct()
        return [(value, self.words.get(value, value)) for value in values if value]

    def chosen(
        self, request: HttpRequest, sessions: QuerySet[Session], value: str
    ) -> QuerySet[Session]:
        """The sessions with this value."""
        return sessions.filter(**{self.parameter_name or "": value})


class LanguageFilter(_ValuesFilter):
    """Filters by the session's language."""

    title = WORDS["language"]
    parameter_name = "language"
    words: ClassVar[Mapping[str, str]] = dict(Session.Language.choices)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All languages: they are two."""
        return list(self.words.items())


class ProviderFilter(_ValuesFilter):
    """Filters by the provider of the session, which is that of its next call."""

    title = WORDS["provider"]
    parameter_name = "provider"


class ModelFilter(_ValuesFilter):
    """Filters by the model of the newest call."""

    title = WORDS["model"]
    parameter_name = "model"


class TroubleFilter(Choices):
    """Filters for what a reviewer looks for first."""

    title = WORDS["trouble"]
    parameter_name = "trouble"
    is_open = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The kinds of trouble."""
        return [(name, WORDS[name]) for name in ("ended_badly", "interrupted", "untranscribed")]

    def chosen(
        self, request: HttpRequest, sessions: QuerySet[Session], value: str
    ) -> QuerySet[Session]:
        """The sessions with at least one call, answer or transcription like this."""
        if value == "ended_badly":
            bad = Call.objects.filter(ending__in=BAD_ENDINGS)
            return sessions.filter(pk__in=bad.order_by().values("session_id"))
        condition = INTERRUPTED_ANSWER if value == "interrupted" else UNTRANSCRIBED
        turns = Turn.objects.filter(with_constants(condition)).order_by()
        return sessions.filter(pk__in=turns.values("session_id"))


class EndingFilter(Choices):
    """Filters for sessions with a call that ended in this way, or that is live."""

    title = WORDS["ending"]
    parameter_name = "ending"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every ending, because a link to one may be older than the last call that ended so."""
        return [("live", WORDS["live_now"]), *((str(each), ending_words(each)) for each in Ending)]

    def chosen(
        self, request: HttpRequest, sessions: QuerySet[Session], value: str
    ) -> QuerySet[Session]:
        """The sessions that match."""
        if value == "live":
            return sessions.filter(queries.is_live)
        return sessions.filter(Exists(Call.objects.filter(session=OuterRef("pk"), ending=value)))


class _Range(Bounds):
    """Bounds that are a choice of a filter."""

    @property
    def value(self) -> str:
        """The range in an address, such as `0.1-1`, `-1` or `5-`."""
        return f"{'' if self.low is None else self.low}-{'' if self.high is None else self.high}"

    @property
    def words(self) -> str:
        """The range in words."""
        if self.low is None:
            return WORDS["under"].format(high=self.high)
        return WORDS["over" if self.high is None else "between"].format(
            low=self.low, high=self.high
        )


def _ranges(*bounds: str) -> dict[str, _Range]:
    """The ranges below, between and above these bounds, by their values in an address."""
    edges = [None, *(Decimal(bound) for bound in bounds), None]
    ranges = [_Range(low, high) for low, high in zip(edges, edges[1:], strict=False)]
    return {each.value: each for each in ranges}


COSTS = _ranges("0.01", "0.1", "1", "5")
MINUTES = _ranges("1", "5", "15", "60")


class CostFilter(Choices):
    """Filters by what a session has cost in USD."""

    title = WORDS["cost"]
    parameter_name = "cost"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The ranges, and what is not exact."""
        return [
            ("0", WORDS["no_cost"]),
            *((value, each.words) for value, each in COSTS.items()),
            ("unknown", WORDS["unknown"]),
            ("estimated", WORDS["cost_estimated"]),
        ]

    def chosen(
        self, request: HttpRequest, sessions: QuerySet[Session], value: str
    ) -> QuerySet[Session]:
        """The sessions that match. One of unknown cost is in no range."""
        if value == "estimated":
            return sessions.filter(IS_ESTIMATED.build())
        if value in COSTS:
            return sessions.filter(has_cost_within(COSTS[value]))
        sessions = sessions.alias(cost_usd=COST)
        return sessions.filter(cost_usd=UNKNOWN_COST if value == "unknown" else Decimal(0))


class MinutesFilter(Choices):
    """Filters by the duration of a session's calls in minutes."""

    title = WORDS["minutes"]
    parameter_name = "minutes"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The ranges."""
        ranges = [(value, each.words) for value, each in MINUTES.items()]
        return [("0", WORDS["no_minutes"]), *ranges]

    def chosen(
        self, request: HttpRequest, sessions: QuerySet[Session], value: str
    ) -> QuerySet[Session]:
        """The sessions that match."""
        if value == "0":
            return sessions.alias(spoken_s=SECONDS).filter(spoken_s=0)
        return sessions.filter(has_minutes_within(MINUTES[value]))


class UserFilter(admin.SimpleListFilter):
    """Filters by a username, which is typed: a list of all users would be too long."""

    title = WORDS["by_user"]
    parameter_name = "user"
    template = "conversations/admin/user_filter.html"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.is_open = bool(self.value())

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The usernames that are suggested."""
        if is_for_neighbours(request):
            return []
        of_user = Session.objects.filter(user=OuterRef("pk"))
        users = get_user_model()._default_manager.filter(Exists(of_user)).order_by("username")
        return [(name, name) for name in users.values_list("username", flat=True)[:MOST_USERNAMES]]

    def has_output(self) -> bool:
        """Always, also before the first session."""
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> QuerySet[Session]:
        """The sessions of this user. None and a message for a name that nobody has."""
        name = (self.value() or "").strip()
        if not name:
            return queryset
        found = queryset.filter(user__username=name)
        is_known = name in dict(self.lookup_choices) or is_for_neighbours(request)
        if not is_known and not found.exists():
            say(request, messages.WARNING, WORDS["no_user"].format(name=name[:100]))
        return found

    def choices(self, changelist: Any) -> Iterator[Any]:
        """One entry, for the template: the address without this filter and its other parameters."""
        yield {
            "selected": not self.value(),
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": WORDS["all"],
            "value": self.value() or "",
            "names": [name for name, _ in self.lookup_choices],
            "words": WORDS,
            "others": [
                (name, value)
                for name, values in changelist.filter_params.items()
                if name != self.parameter_name
                for value in values
            ],
        }
