"""The admin's list of sessions as Django builds it: its rows, and what bad input gets."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db import DataError
from django.http import HttpRequest

from backend.conversations.admin.row_facts import rows_of
from backend.conversations.searching import words_of

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from backend.conversations.models import Session


def is_for_neighbours(request: HttpRequest) -> bool:
    """Whether only the filters and the order are needed, and neither choices nor rows are shown."""
    return getattr(request, "is_for_neighbours", False)


def say(request: HttpRequest, level: int, text: str) -> None:
    """Show a message on the list, once: an action and the page of a session use the list too."""
    if request.method == "GET" and not is_for_neighbours(request):
        messages.add_message(request, level, text, fail_silently=True)


class SessionChangeList(ChangeList):
    """Reads what the columns show for the rows of the page only, in one query for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        """Count the rows, and read those of the page.

        Raises IncorrectLookupParameters, which Django answers with the whole list, also for values
        that only the database refuses.
        """
        try:
            super().get_results(request)
            page: QuerySet[Session] = self.result_list
            session_ids = list(page.values_list("pk", flat=True))
        except (ValueError, OverflowError, DataError) as error:
            raise IncorrectLookupParameters(error) from error
        found: Any = rows_of(session_ids, words_of(self.query))
        self.result_list = found


class FiltersOnly(ChangeList):
    """The list's filters, search and order, without its rows."""

    def get_results(self, request: HttpRequest) -> None:
        """Read nothing."""
