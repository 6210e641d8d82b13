"""The sessions before and after one in the admin's list, under the list's filters and order."""

from copy import copy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import SuspiciousOperation
from django.db.models import F, OrderBy, Q, QuerySet, Subquery
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from backend.conversations.admin.list_words import WORDS
from backend.conversations.admin.session_changelist import (
    FiltersOnly,
    SessionChangeList,
    is_for_neighbours,
)
from backend.conversations.models import Session

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Session]
else:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin

FILTERS = "_changelist_filters"
"""Django's parameter with the list's query string, in the links from the list to its rows."""


class SessionNeighbours(_ModelAdmin):
    """The part of the sessions' admin that links from one session to the next."""

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        """The list; without its rows if only its filters and its order are needed."""
        return FiltersOnly if is_for_neighbours(request) else SessionChangeList

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """The page of a session, with links to those beside it in the list."""
        session = kwargs.get("obj")
        if session is not None:
            context["words_of_list"] = WORDS
            context["neighbours"] = self._links(request, session)
        return super().render_change_form(request, context, *args, **kwargs)

    def _links(self, request: HttpRequest, session: Session) -> dict[str, str]:
        filters = request.GET.get(FILTERS, "")
        before, after = neighbours(self._listed(request, filters), session)
        query = f"?{urlencode({FILTERS: filters})}" if filters else ""
        return {
            rel: reverse("admin:conversations_session_change", args=(pk,)) + query
            for rel, pk in (("prev", before), ("next", after))
            if pk is not None
        }

    def _listed(self, request: HttpRequest, filters: str) -> QuerySet[Session]:
        """The list with these filters, in its order. Filters that cannot be read are left out."""
        list_request: Any = copy(request)
        list_request.is_for_neighbours = True
        for query in (filters.replace("%00", ""), ""):
            list_request.GET = QueryDict(query)
            try:
                found: Any = self.get_changelist_instance(list_request).queryset
                return found  # type: ignore[no-any-return]
            except (IncorrectLookupParameters, SuspiciousOperation):
                continue
        return self.get_queryset(request).order_by("-pk")


def neighbours(listed: Any, session: Session) -> tuple[Any, Any]:
    """Return the keys of the sessions before and after this one in `listed`; None at its ends.

    It is one query.

    `listed` is ordered by fields and expressions that are never null, and in the end by the key.
    The session need not be in it: what a review has taken out of "not reviewed" has neighbours.
    Its values are compared in the database, because a sum of costs does not survive the way to
    Python and back.
    """
    sides = []
    for is_after in (False, True):
        order = [_order_by(each) for each in listed.query.order_by]
        keys: dict[str, Any] = {f"key_{place}": each.expression for place, each in enumerate(order)}
        this = Session.objects.filter(pk=session.pk).order_by().annotate(**keys)
        beyond, equal = Q(), Q()
        for name, each in zip(keys, order, strict=True):
            value = Subquery(this.values(name))
            lookup = "gt" if is_after != each.descending else "lt"
            beyond |= equal & Q(**{f"{name}__{lookup}": value})
            equal &= Q(**{name: value})
        # The first key alone, so that an index on it is used.
        first = "gte" if is_after != order[0].descending else "lte"
        first_name = next(iter(keys))
        beyond &= Q(**{f"{first_name}__{first}": Subquery(this.values(first_name))})
        ordered = [each if is_after else _reversed(each) for each in order]
        found = listed.alias(**keys).filter(beyond).order_by(*ordered)
        sides.append(Subquery(found.values("pk")[:1]))
    before, after = Session.objects.filter(pk=session.pk).order_by().values_list(*sides).get()
    return before, after


def _order_by(given: Any) -> OrderBy:
    if isinstance(given, str):
        return OrderBy(F(given.removeprefix("-")), descending=given.startswith("-"))
    return given if isinstance(given, OrderBy) else OrderBy(given)


def _reversed(order: OrderBy) -> OrderBy:
    return OrderBy(order.expression, descending=not order.descending)
