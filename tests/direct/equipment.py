"""A provider that makes ephemeral keys, and users who may ask for one."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import openai
from django.contrib.auth.models import Permission, User

from backend.upstream import rest

EXPIRES_AT = datetime(2026, 2, 2, 12, tzinfo=UTC)
SECRET = "ek_0123456789abcdef"


class FakeProvider:
    """Answers in place of the provider's REST API, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.answer: httpx2.Response | Exception = httpx2.Response(
            200, json={"value": SECRET, "expires_at": int(EXPIRES_AT.timestamp()), "session": {}}
        )

    def client(self, *of: Any, **more: Any) -> openai.AsyncOpenAI:
        more["transport"] = httpx2.MockTransport(self._handle)
        return rest.rest_client(*of, **more)

    @property
    def wanted(self) -> dict[str, Any]:
        """The body of the only request."""
        (request,) = self.requests
        body: dict[str, Any] = json.loads(request.content)
        return body

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def allow_direct_sessions(user: User) -> None:
    """Give the user the permission, as an operator does in the admin."""
    user.user_permissions.add(Permission.objects.get(codename="use_direct_sessions"))
