"""REST: an ephemeral key, with which a browser talks to the provider directly.

Path and bodies are a fixed contract with clients of other programs, so errors are not in the one
error shape of the API but `{"success": false, "error": "…"}`, all of them: also those that REST
framework raises before the view runs. No text of the provider's is in an answer or a log line.

A key that is out can be neither limited nor taken back (docs/direct.md), so it is given only with
`DIRECT_SESSIONS`, the permission and a limit by user, and never without its row.
"""

import logging
from typing import Any, Literal, TypedDict

import openai
from asgiref.sync import async_to_sync
from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from backend import catalogue
from backend.accounts import tokens
from backend.accounts.safety_identifier import safety_identifier
from backend.accounts.throttles import SharedThrottle
from backend.api_errors import ApiErrorCode, ApiRefused, StrictSerializer, field_error, language
from backend.api_schema import body
from backend.configured_providers import (
    ConfiguredProvider,
    configured_providers,
    default_provider,
    provider_named,
)
from backend.database import release_connection
from backend.direct.access import DirectSessionsOn, MayUseDirectSessions
from backend.direct.key_request import DEFAULT_VOICE, client_secret_request
from backend.direct.models import EphemeralKey
from backend.protocol.errors import (
    AdmissionRefused,
    BudgetSpent,
    UpstreamError,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from backend.runtime import session_settings_for
from backend.spending.direct_keys import check_key
from backend.telemetry.logs import log_event
from backend.upstream.client_secrets import ClientSecret, make_client_secret

_REFUSALS: tuple[tuple[type[UpstreamError], ApiErrorCode], ...] = (
    (UpstreamRefused, "direct_key_refused"),
    (UpstreamUnavailable, "direct_key_unavailable"),
    (UpstreamTimeout, "direct_key_unavailable"),
    (UpstreamError, "direct_key_failed"),
)
"""The error code, with HTTP status 500, for each kind of a failed request to the provider."""

_logger = logging.getLogger(__name__)


class EphemeralKeyJSON(TypedDict):
    """An ephemeral key, and until when it opens sessions (ISO 8601, UTC, with `Z`)."""

    success: Literal[True]
    token: str
    expireTime: str


class EphemeralKeyErrorJSON(TypedDict):
    """Why there is no key: a sentence in the language of the request."""

    success: Literal[False]
    error: str


class NewEphemeralKey(StrictSerializer):
    """The body of a request for a key. Every field has a default; there may be no body at all."""

    provider = serializers.CharField(required=False, max_length=32)
    model = serializers.CharField(required=False, max_length=100)
    voice = serializers.CharField(required=False, max_length=64, default=DEFAULT_VOICE)

    def validate_provider(self, name: str) -> str:
        """Return this provider, if it can be chosen. Raises ValidationError."""
        if name not in configured_providers():
            raise ValidationError([field_error("provider_unknown")])
        return name

    def validate_voice(self, voice: str) -> str:
        """Return this voice, if the catalogue has it. Raises ValidationError."""
        if voice not in catalogue.VOICES:
            raise ValidationError([field_error("voice_unknown")])
        return voice

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fill in the provider and the model. Raises ValidationError if it has no such model."""
        name = attrs.get("provider")
        provider = default_provider() if name is None else provider_named(name)
        model = attrs.get("model", provider.realtime_model)
        if model not in provider.realtime_models:
            raise ValidationError({"model": [field_error("model_unknown")]})
        return {**attrs, "provider": provider, "model": model}


class EphemeralKeyThrottle(SharedThrottle, UserRateThrottle):
    """Limits the keys of one user. A page takes one for each connect, and tries four times."""

    scope = "ephemeral_key"


def _error(status: int, description: str) -> dict[int, OpenApiResponse]:
    shape = body(EphemeralKeyErrorJSON)
    return {status: OpenApiResponse(shape.response, description=description)}


class EphemeralKeys(APIView):
    """`POST`: have the provider make an ephemeral key."""

    permission_classes = (IsAuthenticated, DirectSessionsOn, MayUseDirectSessions)
    throttle_classes = (EphemeralKeyThrottle,)

    @extend_schema(
        operation_id="createEphemeralKey",
        request=NewEphemeralKey,
        responses={
            200: body(EphemeralKeyJSON),
            **_error(400, "The body is wrong; or the provider, the model or the voice is unknown."),
            **_error(401, "Not signed in."),
            **_error(403, "Direct sessions are off, or the user may not use them."),
            **_error(429, "Too many keys, or the user's budget is used up."),
            **_error(500, "The provider refused, or could not be reached within 10 s."),
            **_error(503, "The server has no key of the provider, or its database is away."),
        },
    )
    def post(self, request: Request) -> Response:
        """200 with the key. It opens sessions for `DIRECT_KEY_SECONDS`; those outlive it."""
        given = NewEphemeralKey(data=request.data)
        given.is_valid(raise_exception=True)
        user_id = tokens.user_id_of(request)
        provider: ConfiguredProvider = given.validated_data["provider"]
        model: str = given.validated_data["model"]
        voice: str = given.validated_data["voice"]
        if not provider.api_key:
            raise ApiRefused("api_key_missing", 503)
        _check(user_id)
        release_connection()
        secret = _made(provider, user_id, model, voice)
        EphemeralKey.objects.create(
            user_id=user_id,
            expires_at=secret.expires_at,
            provider=provider.name,
            model=model[:100],
            voice=voice,
        )
        log_event(
            _logger, logging.INFO, "ephemeral_key.made", user_id=user_id, model=model, voice=voice
        )
        key: EphemeralKeyJSON = {
            "success": True,
            "token": secret.value,
            "expireTime": f"{secret.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        }
        return Response(key, headers={"Cache-Control": "no-store"})

    def handle_exception(self, exc: Exception) -> Response:
        """The API's error response, with its body in the shape of this endpoint."""
        response = super().handle_exception(exc)
        detail = exc.detail if isinstance(exc, ValidationError) else None
        sentence = response.data["error"]["message"] if detail is None else _in_one_line(detail)
        refused: EphemeralKeyErrorJSON = {"success": False, "error": sentence}
        response.data = refused
        return response


def _check(user_id: int) -> None:
    """Check the user's limits. Raises ApiRefused: 429 for a budget, 403 for a limit of no calls."""
    try:
        check_key(user_id, timezone.now())
    except BudgetSpent as spent:
        refused = ApiRefused("budget_spent", 429)
        refused.resets_at, refused.wait = spent.resets_at, spent.retry_after_s
        raise refused from None
    except AdmissionRefused:
        raise ApiRefused("calls_not_allowed", 403) from None


def _made(chosen: ConfiguredProvider, user_id: int, model: str, voice: str) -> ClientSecret:
    """Have the provider make the key. Raises ApiRefused with 500 if it refuses or fails."""
    provider = chosen.provider
    session = session_settings_for(language(), voice, chosen.transcription_model)
    identifier = safety_identifier(user_id)
    wanted = client_secret_request(provider, session, model, settings.DIRECT_KEY_SECONDS)

    async def ask(client: openai.AsyncOpenAI) -> ClientSecret:
        async with client:
            return await make_client_secret(client, provider, wanted, identifier)

    try:
        # Made in this thread, because its first use loads certificates.
        client = chosen.rest_client()
        # On the server's event loop. `asyncio.run` would not return before the thread that looks up
        # the provider's name has, however long that takes.
        return async_to_sync(ask)(client)
    except UpstreamError as error:
        log_event(
            _logger, logging.WARNING, "ephemeral_key.failed", code=error.code, status=error.status
        )
        code = next(code for kind, code in _REFUSALS if isinstance(error, kind))
        raise ApiRefused(code, 500) from None


def _in_one_line(detail: Any) -> str:
    """The errors of a body as one text: `voice: There is no such voice.`"""
    if isinstance(detail, ErrorDetail):
        return str(detail)
    if isinstance(detail, list):
        return " ".join(_in_one_line(each) for each in detail)
    return " ".join(
        _in_one_line(errors) if name == "non_field_errors" else f"{name}: {_in_one_line(errors)}"
        for name, errors in detail.items()
    )
