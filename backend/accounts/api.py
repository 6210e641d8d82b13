"""REST: register, log in, log out, who am I."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypedDict

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.fields import get_error_detail
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts import tokens
from backend.accounts.password_queue import AddressQueueFull, WholeQueueFull, password_queue
from backend.accounts.throttles import AddressThrottle, LoginThrottle
from backend.accounts.usernames import UsernameTaken, check_new_username, normalised_username
from backend.api_errors import ApiRefused, StrictSerializer, field_error
from backend.api_schema import body, errors, no_body

LONGEST_PASSWORD = 128
LONGEST_USERNAME = 150


class UserJSON(TypedDict):
    """A user."""

    id: int
    username: str
    is_staff: bool


class LoginJSON(TypedDict):
    """The token for `Authorization: Token …`, the same on every device until logout."""

    token: str
    user: UserJSON


class Username(serializers.CharField):
    """A username, normalised before its length is checked."""

    def to_internal_value(self, data: Any) -> str:
        """Return the normalised username. Raises ValidationError."""
        return normalised_username(super().to_internal_value(data))


class Credentials(StrictSerializer):
    """A username and a password."""

    username = Username(max_length=LONGEST_USERNAME)
    password = serializers.CharField(max_length=LONGEST_PASSWORD, trim_whitespace=False)


class NewCredentials(Credentials):
    """The credentials of a new user."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check both fields with Django's validators. Raises ValidationError by field."""
        user = User(username=attrs["username"])
        errors: dict[str, Any] = {}
        try:
            check_new_username(user.username)
        except UsernameTaken:
            errors["username"] = [field_error("username_taken")]
        except ValidationError as error:
            errors["username"] = get_error_detail(error)
        try:
            validate_password(attrs["password"], user)
        except ValidationError as error:
            errors["password"] = get_error_detail(error)
        if errors:
            raise serializers.ValidationError(errors)
        return attrs


@contextmanager
def _password_turn(request: Request) -> Iterator[None]:
    """Wait for the turn of the client's address to have a password hashed.

    Raises Throttled if its address has too many in the queue, and ApiRefused("unavailable") if all
    addresses together have.
    """
    try:
        with password_queue.turn(request.META.get("REMOTE_ADDR", "")):
            yield
    except AddressQueueFull as full:
        raise Throttled(wait=full.retry_after_s) from None
    except WholeQueueFull as full:
        refused = ApiRefused("unavailable", 503)
        refused.wait = full.retry_after_s
        raise refused from None


class Register(APIView):
    """`POST` creates a user, if `REGISTRATION_OPEN` allows it."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AddressThrottle,)

    @extend_schema(
        operation_id="register",
        request=NewCredentials,
        responses={201: body(LoginJSON), **errors(400, 403, 429, 503)},
    )
    def post(self, request: Request) -> Response:
        """Create a user. 201 with the token; 403 `registration_closed`, 400 `invalid`."""
        if not settings.REGISTRATION_OPEN:
            raise ApiRefused("registration_closed", 403)
        credentials = NewCredentials(data=request.data)
        credentials.is_valid(raise_exception=True)
        with _password_turn(request):
            password = make_password(credentials.validated_data["password"])
        try:
            with transaction.atomic():
                user = User.objects.create(**credentials.validated_data | {"password": password})
        except IntegrityError as error:
            taken = {"username": [field_error("username_taken")]}
            raise serializers.ValidationError(taken) from error
        return Response(_login_json(user), status=201)


class Login(APIView):
    """`POST` a username and a password to get the token."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AddressThrottle, LoginThrottle)

    @extend_schema(
        operation_id="login",
        request=Credentials,
        responses={200: body(LoginJSON), **errors(400, 401, 429, 503)},
    )
    def post(self, request: Request) -> Response:
        """Log in. 200 with the token; 401 `bad_credentials`, whichever of the two is wrong.

        Django hashes the password also for a user who does not exist, so that the time an answer
        takes does not show who exists.
        """
        credentials = Credentials(data=request.data)
        credentials.is_valid(raise_exception=True)
        with _password_turn(request):
            user = authenticate(request._request, **credentials.validated_data)
        if not isinstance(user, User):
            raise ApiRefused("bad_credentials", 401)
        return Response(_login_json(user))


class Logout(APIView):
    """`POST` revokes the token, so that every device is logged out and its calls end."""

    @extend_schema(
        operation_id="logout", request=None, responses={204: no_body(), **errors(400, 401)}
    )
    def post(self, request: Request) -> Response:
        """Log out on every device and end the user's calls. 204."""
        StrictSerializer(data=request.data).is_valid(raise_exception=True)
        tokens.revoke(tokens.user_id_of(request))
        return Response(status=204)


class Me(APIView):
    """`GET` the user of the token."""

    @extend_schema(operation_id="readUser", responses={200: body(UserJSON), **errors(401)})
    def get(self, request: Request) -> Response:
        """Return the user of the token. 200."""
        return Response(_user_json(request.user))


def _login_json(user: User) -> LoginJSON:
    return {"token": tokens.key_for(user), "user": _user_json(user)}


def _user_json(user: Any) -> UserJSON:
    return {"id": user.pk, "username": user.username, "is_staff": user.is_staff}
