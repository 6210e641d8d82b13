"""Register, log in, log out, me."""

import threading
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
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts import tokens
from backend.accounts.throttles import AddressThrottle, LoginThrottle
from backend.accounts.usernames import one_spelling
from backend.api_errors import ApiRefused, StrictSerializer, language
from backend.api_schema import body, errors, no_body
from backend.wording import sentence

LONGEST_PASSWORD = 128


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
    """A username in its one spelling, of which the length is then judged."""

    def to_internal_value(self, data: Any) -> str:
        """The spelling that is stored and looked for. Raises ValidationError."""
        return one_spelling(super().to_internal_value(data))


class Credentials(StrictSerializer):
    """A username and a password, as typed."""

    username = Username(max_length=150)
    password = serializers.CharField(max_length=LONGEST_PASSWORD, trim_whitespace=False)


class NewCredentials(Credentials):
    """Credentials that may become a login."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Judge both fields by Django's own rules. Raises ValidationError by field."""
        user = User(username=attrs["username"])
        errors: dict[str, list[str]] = {}
        try:
            user.username_validator(user.username)
            if User.objects.filter(username__iexact=user.username).exists():
                errors["username"] = [sentence("username_taken", language())]
        except ValidationError as error:
            errors["username"] = error.messages
        try:
            validate_password(attrs["password"], user)
        except ValidationError as error:
            errors["password"] = error.messages
        if errors:
            raise serializers.ValidationError(errors)
        return attrs


# 50 wrong passwords at once, each hashed in a thread of its own, made every voice stutter: a
# `relay.pong` took 1.4-1.6 s at worst, and takes 6-13 ms with this (`make bench-logins`).
_one_hash_at_a_time = threading.Lock()


class Register(APIView):
    """`POST` makes a login, where the operator lets strangers do so."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AddressThrottle,)

    @extend_schema(
        operation_id="register",
        request=NewCredentials,
        responses={201: body(LoginJSON), **errors(400, 403, 429)},
    )
    def post(self, request: Request) -> Response:
        """201 with the token. 403 `registration_closed`, 400 `invalid`."""
        if not settings.REGISTRATION_OPEN:
            raise ApiRefused("registration_closed", 403)
        credentials = NewCredentials(data=request.data)
        credentials.is_valid(raise_exception=True)
        with _one_hash_at_a_time:
            password = make_password(credentials.validated_data["password"])
        try:
            with transaction.atomic():
                user = User.objects.create(**credentials.validated_data | {"password": password})
        except IntegrityError as error:
            taken = {"username": [sentence("username_taken", language())]}
            raise serializers.ValidationError(taken) from error
        return Response(_login_json(user), status=201)


class Login(APIView):
    """`POST` with a username and a password answers with the token."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AddressThrottle, LoginThrottle)

    @extend_schema(
        operation_id="login",
        request=Credentials,
        responses={200: body(LoginJSON), **errors(400, 401, 429)},
    )
    def post(self, request: Request) -> Response:
        """200 with the token. 401 `bad_credentials`, whatever was wrong.

        Django hashes the password for a user who does not exist as well, so that the time does not
        tell who does.
        """
        credentials = Credentials(data=request.data)
        credentials.is_valid(raise_exception=True)
        with _one_hash_at_a_time:
            user = authenticate(request._request, **credentials.validated_data)
        if not isinstance(user, User):
            raise ApiRefused("bad_credentials", 401)
        return Response(_login_json(user))


class Logout(APIView):
    """`POST` ends the login on every device, and its calls."""

    @extend_schema(
        operation_id="logout", request=None, responses={204: no_body(), **errors(400, 401)}
    )
    def post(self, request: Request) -> Response:
        """204."""
        StrictSerializer(data=request.data).is_valid(raise_exception=True)
        tokens.revoke(tokens.user_id_of(request))
        return Response(status=204)


class Me(APIView):
    """`GET` tells who the token belongs to."""

    @extend_schema(operation_id="readUser", responses={200: body(UserJSON), **errors(401)})
    def get(self, request: Request) -> Response:
        """200 with the user."""
        return Response(_user_json(request.user))


def _login_json(user: User) -> LoginJSON:
    return {"token": tokens.key_for(user), "user": _user_json(user)}


def _user_json(user: Any) -> UserJSON:
    return {"id": user.pk, "username": user.username, "is_staff": user.is_staff}
