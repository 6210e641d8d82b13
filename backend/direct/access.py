"""Who may connect to the provider directly. Permission classes of REST framework."""

from django.conf import settings
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.api_errors import ApiRefused

PERMISSION = "direct.use_direct_sessions"


class DirectSessionsOn(BasePermission):
    """Refuses everybody with 403 `direct_off` unless the setting `DIRECT_SESSIONS` is on."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True. Raises ApiRefused."""
        if not settings.DIRECT_SESSIONS:
            raise ApiRefused("direct_off", 403)
        return True


class MayUseDirectSessions(BasePermission):
    """Refuses with 403 `direct_not_allowed` who does not have the permission `PERMISSION`.

    A user has it as any permission of Django: by a group, by themselves, or as a superuser. With
    `DEBUG` everybody has it, so that the demo needs no set-up. A key costs money that nothing here
    limits, so in production nobody has it until an operator gives it.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True. Raises ApiRefused."""
        if not settings.DEBUG and not request.user.has_perm(PERMISSION):
            raise ApiRefused("direct_not_allowed", 403)
        return True
