"""The permissions of an admin whose rows only code writes."""

from typing import Any

from django.http import HttpRequest


class ReadOnlyAdmin:
    """A mixin for a ModelAdmin: nobody adds, changes or deletes a row, not even a superuser."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False
