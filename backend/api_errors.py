"""Every way the HTTP API says no, in one shape: `{"error": {"code", "message", "detail"?}}`.

`code` is stable, `message` is for people and in their language, `detail` holds errors by field. An
exception's own text never leaves: it can quote what was sent. Under `/api/` all is JSON, also
what Django itself refuses. Bodies are bounded JSON objects without fields that we do not know.

REST framework's views import this module by name, so it imports nothing that imports them.
"""

import json
import logging
import math
from collections.abc import Mapping
from typing import IO, Any, Literal, cast

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import get_language
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, serializers
from rest_framework.parsers import JSONParser
from rest_framework.response import Response

from backend.wording import Language, sentence

MOST_BODY_BYTES = 64 * 1024

_ROOT = "/api/"

log = logging.getLogger(__name__)


class ApiRefused(exceptions.APIException):
    """A refusal of ours. `code` is a word of `backend.wording`."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code, code)
        self.code = code
        self.status_code = status


_CODES: tuple[tuple[type[BaseException], str, int], ...] = (
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
    (OperationalError, "unavailable", 503),
    (InterfaceError, "unavailable", 503),
    # PostgreSQL says so while it is read-only: in a failover, or when its disk is full.
    (InternalError, "unavailable", 503),
)
"""From the exception to code and status; whatever is not here is `internal` and our fault."""


def error_body(code: str, detail: Any = None) -> dict[str, Any]:
    """The one shape, in the language of the request."""
    error = {"code": code, "message": sentence(code, language())}
    return {"error": error | ({} if detail is None else {"detail": detail})}


def language() -> Language:
    """The language of the request: what the middleware found in `Accept-Language`."""
    return "ja" if (get_language() or "").startswith("ja") else "en"


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """What REST framework answers when a view raises."""
    code, status = _verdict(error)
    if status >= 500:
        # Our formatter tells an exception by its type and frames, without its text.
        log.error("api.failed", exc_info=error)
    detail = error.detail if isinstance(error, exceptions.ValidationError) else None
    response = Response(error_body(code, detail), status=status)
    if challenge := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = challenge
    if (wait_s := getattr(error, "wait", None)) is not None:
        response["Retry-After"] = str(math.ceil(wait_s))
    return response


def _verdict(error: Exception) -> tuple[str, int]:
    if isinstance(error, ApiRefused):
        return error.code, error.status_code
    for kind, code, status in _CODES:
        if isinstance(error, kind):
            return code, status
    return "internal", 500


@csrf_exempt
def no_such_path(request: HttpRequest, path: str = "") -> HttpResponse:
    """The last route under `/api/`: JSON also with `DEBUG`, where Django would show a page.

    Exempt as REST framework's views are: nothing is changed here, and the check would answer
    whoever only forgot a slash with a page about cookies.
    """
    return _json("not_found", 404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's 400: JSON under `/api/`."""
    if _is_api(request):
        return _json("malformed", 400)
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's 403: JSON under `/api/`."""
    if _is_api(request):
        return _json("forbidden", 403)
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's 404: JSON under `/api/`."""
    if _is_api(request):
        return _json("not_found", 404)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's 500: JSON under `/api/`."""
    return _json("internal", 500) if _is_api(request) else defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(_ROOT)


def _json(code: str, status: Literal[400, 403, 404, 500]) -> JsonResponse:
    return JsonResponse(error_body(code), status=status)


class BoundedJSONParser(JSONParser):
    """JSON of at most `MOST_BODY_BYTES`: nobody needs more, and all of it is held in memory.

    It is text throughout: half of a surrogate pair, which JSON can write and UTF-8 cannot, could
    neither be stored nor be told back in an error.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The parsed body. Raises ParseError or ApiRefused("too_large")."""
        try:
            parsed: dict[str, Any] = super().parse(
                cast(IO[bytes], _Bounded(stream)), media_type, parser_context
            )
            json.dumps(parsed, ensure_ascii=False).encode()
        except (RecursionError, UnicodeEncodeError) as error:
            raise exceptions.ParseError from error
        return parsed


class _Bounded:
    """A stream that refuses to give more than the bound."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._room = MOST_BODY_BYTES

    def read(self, size: int = -1) -> bytes:
        given = self._stream.read(self._room + 1 if size < 0 else min(size, self._room + 1))
        self._room -= len(given)
        if self._room < 0:
            raise ApiRefused("too_large", 413)
        return given


class StrictSerializer(serializers.Serializer[Any]):
    """Input in which a field that we do not know is an error, so that a typing mistake is told."""

    def to_internal_value(self, data: Any) -> Any:
        """The validated fields. Raises ValidationError with one entry per unknown field."""
        if isinstance(data, Mapping) and (
            unknown := [name for name in data if name not in self.fields]
        ):
            message = sentence("unknown_field", language())
            raise serializers.ValidationError({str(name)[:64]: [message] for name in unknown})
        return super().to_internal_value(data)
