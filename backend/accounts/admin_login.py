"""The admin's login form, behind the same rate limits and the same queue as the API's login."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.password_queue import QueueFull, password_queue
from backend.accounts.throttles import AddressThrottle, LoginThrottle
from backend.wording import sentence


class LimitedAdminLogin(AdminAuthenticationForm):
    """Django's form. A try over a limit is told so, and its password is not looked at."""

    def clean(self) -> dict[str, Any]:
        """Check the password. Raises ValidationError if it is wrong or a limit is reached."""
        assert self.request is not None
        request = Request(self.request, parsers=(FormParser(), MultiPartParser()))
        throttles = (AddressThrottle(), LoginThrottle())
        if not all(each.allow_request(request, APIView()) for each in throttles):
            raise _too_many_tries()
        try:
            with password_queue.turn(self.request.META.get("REMOTE_ADDR", "")):
                return super().clean()
        except QueueFull:
            raise _too_many_tries() from None


def _too_many_tries() -> ValidationError:
    is_japanese = (get_language() or "").startswith("ja")
    return ValidationError(sentence("throttled", "ja" if is_japanese else "en"), code="throttled")
