"""Errors of the HTTP API, all in one shape: `{"error": {"code", "message", "detail"?, "codes"?}}`.

`code` is stable, `message` is a sentence in the user's language, `detail` has errors by field, and
`codes` has their stable codes in the same order. The text of an exception is never sent, because it
can quote the request. Under `/api/` every error is JSON, including Django's own. Request bodies are
JSON objects of limited size without unknown fields.

REST framework's settings name this module, so it must not import a module that imports views.
"""

import json
import logging
import math
from collections.abc import Mapping
from datetime import datetime
from typing import IO, Any, Literal, cast

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import get_language
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, serializers
from rest_framework.parsers import JSONParser
from rest_framework.response import Response

from backend.database import DATABASE_UNAVAILABLE
from backend.wording import Language, sentence

MAX_BODY_BYTES = 64 * 1024

_ROOT = "/api/"

log = logging.getLogger(__name__)


ApiErrorCode = Literal[
    "api_key_missing",
    "audio_invalid",
    "audio_too_long",
    "bad_credentials",
    "budget_spent",
    "call_live",
    "calls_not_allowed",
    "chat_failed",
    "chat_model_unknown",
    "chat_refused",
    "chat_timeout",
    "chat_unavailable",
    "direct_key_failed",
    "direct_key_refused",
    "direct_key_unavailable",
    "direct_not_allowed",
    "direct_off",
    "draining",
    "forbidden",
    "hourly_limit",
    "internal",
    "invalid",
    "malformed",
    "method_not_allowed",
    "no_speech",
    "not_acceptable",
    "not_authenticated",
    "not_found",
    "nothing_to_export",
    "origin_foreign",
    "price_unknown",
    "provider_failed",
    "provider_refused",
    "provider_timeout",
    "provider_unavailable",
    "registration_closed",
    "reply_running",
    "server_full",
    "session_closed",
    "taken_over",
    "throttled",
    "token_invalid",
    "too_large",
    "too_many_calls",
    "too_many_sessions",
    "transcription_failed",
    "transcription_model_unknown",
    "transcription_refused",
    "transcription_timeout",
    "transcription_unavailable",
    "unavailable",
    "unknown_format",
    "unsupported_media_type",
    "upgrade_missing",
    "voice_sample_failed",
    "webrtc_off",
]
"""Every `code` of an error of the HTTP API. A test checks that each has a sentence."""

FieldErrorCode = Literal[
    "model_unknown", "provider_unknown", "unknown_field", "username_taken", "voice_unknown"
]
"""Codes of the errors in the `detail` of `invalid` that are not REST framework's or Django's."""


class ApiRefused(exceptions.APIException):
    """An error response with this code and HTTP status.

    `wait` is for `Retry-After`, in seconds. `resets_at` is when a budget that is used up starts
    again: it is in the sentence and in the detail.
    """

    def __init__(self, code: ApiErrorCode, status: int) -> None:
        super().__init__(code, code)
        self.code: ApiErrorCode = code
        self.status_code = status
        self.wait: float | None = None
        self.resets_at: datetime | None = None


_CODES: tuple[tuple[type[BaseException], ApiErrorCode, int], ...] = (
    (exceptions.ValidationError, "invalid", 400),
    (exceptions.ParseError, "malformed", 400),
    (exceptions.NotAuthenticated, "not_authenticated", 401),
    (exceptions.AuthenticationFailed, "token_invalid", 401),
    (exceptions.PermissionDenied, "forbidden", 403),
    (PermissionDenied, "forbidden", 403),
    (exceptions.NotFound, "not_found", 404),
    (Http404, "not_found", 404),
    (exceptions.MethodNotAllowed, "method_not_allowed", 405),
    (exceptions.NotAcceptable, "not_acceptable", 406),
    (RequestDataTooBig, "too_large", 413),
    (exceptions.UnsupportedMediaType, "unsupported_media_type", 415),
    (exceptions.Throttled, "throttled", 429),
    *((kind, "unavailable", 503) for kind in DATABASE_UNAVAILABLE),
)
"""Exception class, error code, HTTP status. Every other exception is `internal`, 500."""


def error_body(
    code: ApiErrorCode, detail: Any = None, codes: Any = None, resets_at: datetime | None = None
) -> dict[str, Any]:
    """Return the error's JSON, with the sentence in the language of the request."""
    message = sentence(code, language(), resets_at)
    error = {"code": code, "message": message, "detail": detail, "codes": codes}
    return {"error": {name: value for name, value in error.items() if value is not None}}


def field_error(code: FieldErrorCode) -> exceptions.ErrorDetail:
    """Return an error for the `detail`, as a sentence in the language of the request."""
    return exceptions.ErrorDetail(sentence(code, language()), code)


def language() -> Language:
    """Return the language of the request, which LocaleMiddleware read from `Accept-Language`."""
    return "ja" if (get_language() or "").startswith("ja") else "en"


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """Return the response for an exception that a REST framework view raised."""
    code, status = _code_and_status(error)
    if status >= 500:
        # The log formatter writes the exception's type and frames, without its text.
        log.error("api.failed", exc_info=error)
    detail: Any = None
    codes: Any = None
    if isinstance(error, exceptions.ValidationError):
        detail, codes = error.detail, error.get_codes()
    resets_at = error.resets_at if isinstance(error, ApiRefused) else None
    if resets_at is not None:
        detail = {"resets_at": resets_at.isoformat()}
    response = Response(error_body(code, detail, codes, resets_at), status=status)
    if challenge := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = challenge
    if (wait_s := getattr(error, "wait", None)) is not None:
        response["Retry-After"] = str(math.ceil(wait_s))
    return response


def _code_and_status(error: Exception) -> tuple[ApiErrorCode, int]:
    if isinstance(error, ApiRefused):
        return error.code, error.status_code
    for kind, code, status in _CODES:
        if isinstance(error, kind):
            return code, status
    return "internal", 500


@csrf_exempt
def api_not_found(request: HttpRequest, path: str = "") -> HttpResponse:
    """Answer 404 as JSON for an unknown path under `/api/`, where Django would show a debug page.

    CSRF exempt, like REST framework's views: otherwise a POST to a path without its final slash
    would get an HTML page about cookies.
    """
    return _json("not_found", 404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Handle Django's 400 (`handler400`): as JSON under `/api/`."""
    if _is_api(request):
        return _json("malformed", 400)
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Handle Django's 403 (`handler403`): as JSON under `/api/`."""
    if _is_api(request):
        return _json("forbidden", 403)
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Handle Django's 404 (`handler404`): as JSON under `/api/`."""
    if _is_api(request):
        return _json("not_found", 404)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Handle Django's 500 (`handler500`): as JSON under `/api/`."""
    return _json("internal", 500) if _is_api(request) else defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(_ROOT)


def _json(code: ApiErrorCode, status: Literal[400, 403, 404, 500]) -> JsonResponse:
    return JsonResponse(error_body(code), status=status)


class BoundedJSONParser(JSONParser):
    """Parses JSON of at most `MAX_BODY_BYTES`, because all of it is held in memory.

    Lone surrogates, which JSON can express and UTF-8 cannot, are refused: they can be neither
    stored nor quoted in an error. A subclass may override the limit, `most_bytes`.
    """

    most_bytes = MAX_BODY_BYTES

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the parsed body. Raises ParseError or ApiRefused("too_large")."""
        try:
            parsed: dict[str, Any] = super().parse(
                cast(IO[bytes], _Bounded(stream, self.most_bytes)), media_type, parser_context
            )
            json.dumps(parsed, ensure_ascii=False).encode()
        except (RecursionError, UnicodeEncodeError) as error:
            raise exceptions.ParseError from error
        return parsed


class _Bounded:
    """A stream that raises ApiRefused as soon as more than `most_bytes` were read."""

    def __init__(self, stream: IO[bytes], most_bytes: int) -> None:
        self._stream = stream
        self._bytes_left = most_bytes

    def read(self, size: int = -1) -> bytes:
        most = self._bytes_left + 1
        chunk = self._stream.read(most if size < 0 else min(size, most))
        self._bytes_left -= len(chunk)
        if self._bytes_left < 0:
            raise ApiRefused("too_large", 413)
        return chunk


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses unknown fields, so that a misspelt name is an error."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated fields. Raises ValidationError, one entry per unknown field."""
        if isinstance(data, Mapping) and (
            unknown := [name for name in data if name not in self.fields]
        ):
            message = field_error("unknown_field")
            raise serializers.ValidationError({str(name)[:64]: [message] for name in unknown})
        return super().to_internal_value(data)
