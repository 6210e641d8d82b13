"""The admin's login form, behind the same rate limits and the same queue as the API's login."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.password_queue import AddressQueueFull, WholeQueueFull, password_queue
from backend.accounts.throttles import AddressThrottle, LoginThrottle
from backend.api_errors import language
from backend.wording import sentence


class LimitedAdminLogin(AdminAuthenticationForm):
    """Django's form. Over a limit it shows an error and does not check the password."""

    def clean(self) -> dict[str, Any]:
        """Check the password. Raises ValidationError if it is wrong or a limit is reached."""
        assert self.request is not None
        request = Request(self.request, parsers=(FormParser(), MultiPartParser()))
        throttles = (AddressThrottle(), LoginThrottle())
        if not all(each.allow_request(request, APIView()) for each in throttles):
            raise _refusal("throttled")
        try:
            with password_queue.turn(self.request.META.get("REMOTE_ADDR", "")):
                return super().clean()
        except AddressQueueFull:
            raise _refusal("throttled") from None
        except WholeQueueFull:
            raise _refusal("unavailable") from None


def _refusal(code: str) -> ValidationError:
    return ValidationError(sentence(code, language()), code=code)
