"""The cast: people whom tests introduce by their role."""

from django.contrib.auth.models import User
from rest_framework.test import APIClient

from backend.accounts.tokens import key_for

PASSWORD = "a rather long password"


def person(username: str, *, is_staff: bool = False) -> User:
    """Somebody with a login; staff may read everything in the admin."""
    make = User.objects.create_superuser if is_staff else User.objects.create_user
    return make(username, password=PASSWORD)


def client_of(user: User | None, language: str = "en") -> APIClient:
    """An API client with the user's token (None: nobody's), speaking their language."""
    headers = {"HTTP_ACCEPT_LANGUAGE": language}
    if user is not None:
        headers["HTTP_AUTHORIZATION"] = f"Token {key_for(user)}"
    client = APIClient()
    client.credentials(**headers)
    return client
