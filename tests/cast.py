"""Users of the tests, and API clients for them."""

from django.contrib.auth.models import User
from rest_framework.test import APIClient

from backend.accounts.tokens import key_for

PASSWORD = "a rather long password"


def person(username: str, *, is_staff: bool = False) -> User:
    """Create a user; staff is a superuser who may read everything in the admin."""
    make = User.objects.create_superuser if is_staff else User.objects.create_user
    return make(username, password=PASSWORD)


def client_of(user: User | None, language: str = "en") -> APIClient:
    """Return an API client with the user's token (None: without one) and `Accept-Language`."""
    headers = {"HTTP_ACCEPT_LANGUAGE": language}
    if user is not None:
        headers["HTTP_AUTHORIZATION"] = f"Token {key_for(user)}"
    client = APIClient()
    client.credentials(**headers)
    return client
