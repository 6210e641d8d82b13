"""Every error has the one shape, in the user's language, without text of the exception."""

import json
import logging
from typing import Any, get_args

import pytest
from django.conf.global_settings import DATA_UPLOAD_MAX_MEMORY_SIZE
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InternalError, OperationalError
from django.http import Http404
from django.test import Client, RequestFactory
from django.utils import translation
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework import exceptions, serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView

from backend import api_errors
from backend.api_errors import (
    _CODES,
    ApiErrorCode,
    ApiRefused,
    FieldErrorCode,
    StrictSerializer,
    exception_handler,
)
from backend.conversations.models import Session
from backend.wording import SENTENCES

WORDS = st.text(st.characters(), max_size=20) | st.text(st.characters(categories=["Cs", "Cc"]))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
ANYTHING = st.recursive(
    # A valid password, and a username that becomes longer when it is normalised.
    PLAIN | st.sampled_from(["kawara-soba-8", "ﬃ" * 150]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
)


class Strict(StrictSerializer):
    name = serializers.CharField(required=False)


class Failing(APIView):
    """Raises the exception of the test, or echoes its input."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    error: Exception | None = None

    def get(self, request: Request) -> Response:
        assert self.error is not None
        raise self.error

    def post(self, request: Request) -> Response:
        body = Strict(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(body.validated_data)


def failed(error: Exception) -> tuple[int, dict[str, Any]]:
    response = Failing.as_view(error=error)(APIRequestFactory().get("/api/x/"))
    response.render()
    return response.status_code, json.loads(response.content)["error"]


def posted(body: Any, content_type: str = "application/json") -> tuple[int, dict[str, Any]]:
    request = APIRequestFactory().generic("POST", "/api/x/", body, content_type=content_type)
    response = Failing.as_view()(request)
    response.render()
    return response.status_code, json.loads(response.content)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (exceptions.ParseError("secret"), 400, "malformed"),
        (exceptions.NotAuthenticated("secret"), 401, "not_authenticated"),
        (exceptions.AuthenticationFailed("secret"), 401, "token_invalid"),
        (exceptions.PermissionDenied("secret"), 403, "forbidden"),
        (PermissionDenied("secret"), 403, "forbidden"),
        (exceptions.NotFound("secret"), 404, "not_found"),
        (Http404("secret"), 404, "not_found"),
        (exceptions.MethodNotAllowed("secret"), 405, "method_not_allowed"),
        (exceptions.NotAcceptable("secret"), 406, "not_acceptable"),
        (RequestDataTooBig("secret"), 413, "too_large"),
        (exceptions.UnsupportedMediaType("secret"), 415, "unsupported_media_type"),
        (exceptions.Throttled(3, "secret"), 429, "throttled"),
        (OperationalError("secret"), 503, "unavailable"),
        (InternalError("secret"), 503, "unavailable"),
        (KeyError("secret"), 500, "internal"),
        (ApiRefused("registration_closed", 403), 403, "registration_closed"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_exception_has_its_code_and_leaks_nothing(
    error: Exception, status: int, code: str
) -> None:
    given_status, body = failed(error)
    assert given_status == status
    assert body == {"code": code, "message": SENTENCES[code]["en"]}


def test_every_code_has_a_sentence() -> None:
    assert {*get_args(ApiErrorCode), *get_args(FieldErrorCode)} <= set(SENTENCES)
    assert {code for _, code, _ in _CODES} <= set(get_args(ApiErrorCode))


def test_the_message_is_in_the_language_of_the_request() -> None:
    with translation.override("ja"):
        assert failed(Http404())[1]["message"] == SENTENCES["not_found"]["ja"]


def test_field_errors_are_in_the_detail() -> None:
    status, body = failed(exceptions.ValidationError({"title": ["Too long."]}))
    assert (status, body["code"], body["detail"]) == (400, "invalid", {"title": ["Too long."]})


def test_a_throttled_client_learns_how_long_to_wait() -> None:
    response = exception_handler(exceptions.Throttled(2.2), {})
    assert response["Retry-After"] == "3"


def test_an_internal_error_is_logged_without_the_exceptions_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failed(KeyError("secret"))
    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert record.getMessage() == "api.failed"
    assert record.exc_info is not None


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"\xff", b"[" * 5000 + b"]" * 5000, b'{"name": NaN}', b'{"name": "a"',
        rb'{"\ud800": 1}', rb'{"name": "\udc00"}', rb'{"name": ["\ud800"]}',
    ],
    ids=[
        "cut off", "not UTF-8", "too deep", "NaN", "open",
        "half a pair as a key", "half a pair", "half a pair inside",
    ],
)  # fmt: skip
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    status, answer = posted(body)
    assert (status, answer["error"]["code"]) == (400, "malformed")


def test_a_whole_surrogate_pair_is_a_letter() -> None:
    assert posted(rb'{"name": "\ud83c\udfa4"}') == (200, {"name": "🎤"})


@pytest.mark.parametrize("body", ["[]", "3", '"text"'])
def test_what_is_not_an_object_is_invalid(body: str) -> None:
    status, answer = posted(body)
    assert (status, answer["error"]["code"]) == (400, "invalid")


def test_a_body_that_is_too_large_is_not_read() -> None:
    status, answer = posted(json.dumps({"name": "x" * api_errors.MAX_BODY_BYTES}))
    assert (status, answer["error"]["code"]) == (413, "too_large")


def test_a_body_over_djangos_limit_gets_the_same_error(client: Client) -> None:
    body = json.dumps({"username": "x" * (DATA_UPLOAD_MAX_MEMORY_SIZE + 1), "password": "x"})
    response = client.post("/api/auth/login/", body, content_type="application/json")
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")


def test_a_body_of_just_the_right_size_is_read() -> None:
    name = "x" * (api_errors.MAX_BODY_BYTES - len('{"name":""}'))
    assert posted(f'{{"name":"{name}"}}') == (200, {"name": name})


def test_another_content_type_is_refused() -> None:
    status, answer = posted("name=x", "application/x-www-form-urlencoded")
    assert (status, answer["error"]["code"]) == (415, "unsupported_media_type")


def test_an_unknown_field_is_named() -> None:
    status, answer = posted('{"name": "x", "nmae": "y"}')
    assert (status, answer["error"]["code"]) == (400, "invalid")
    assert answer["error"]["detail"] == {"nmae": [SENTENCES["unknown_field"]["en"]]}
    assert answer["error"]["codes"] == {"nmae": ["unknown_field"]}


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/", "/api/nothing", "/api/nothing/", "/api/sessions", "/api/sessions/00000000/"],
)
@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_wrong_path_under_api_is_json_also_without_djangos_cookie(
    settings: Any, path: str, debug: bool, method: str
) -> None:
    settings.DEBUG = debug
    client = Client(enforce_csrf_checks=True)
    response = client.generic(method, path, headers={"accept-language": "ja"})
    assert response.status_code == 404
    assert response.json()["error"]["message"] == SENTENCES["not_found"]["ja"]


def test_a_wrong_path_elsewhere_is_a_page(client: Client) -> None:
    response = client.get("/nothing")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.django_db
def test_a_wrong_method_is_json(as_nobody: APIClient) -> None:
    response = as_nobody.get("/api/auth/login/")
    assert response.status_code == 405
    assert response.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.django_db
def test_a_wrong_token_is_json_and_names_the_scheme(as_nobody: APIClient) -> None:
    as_nobody.credentials(HTTP_AUTHORIZATION="Token nonsense")
    response = as_nobody.get("/api/auth/me/")
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Token")
    assert response.json()["error"]["code"] == "token_invalid"


@pytest.mark.parametrize(
    ("handler", "code", "status"),
    [
        (lambda request: api_errors.bad_request(request, Exception("secret")), "malformed", 400),
        (lambda request: api_errors.permission_denied(request, Exception("x")), "forbidden", 403),
        (lambda request: api_errors.not_found(request, Http404("secret")), "not_found", 404),
        (api_errors.server_error, "internal", 500),
    ],
)
def test_what_django_itself_refuses_is_json_under_api_and_a_page_elsewhere(
    handler: Any, code: str, status: int
) -> None:
    under, elsewhere = (handler(RequestFactory().get(path)) for path in ("/api/x/", "/x/"))
    assert json.loads(under.content)["error"]["code"] == code
    assert under.status_code == elsewhere.status_code == status
    assert elsewhere["Content-Type"].startswith("text/html")
    assert b"secret" not in elsewhere.content


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.postgres
@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("POST", "/api/auth/register/", ("username", "password")),
        ("POST", "/api/auth/login/", ("username", "password")),
        ("POST", "/api/auth/logout/", ()),
        ("POST", "/api/sessions/", ("title", "voice", "language")),
        ("PATCH", "/api/sessions/{id}/", ("title", "voice", "language", "status")),
        ("POST", "/api/realtime/tickets/", ("session_id",)),
    ],
)
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_json_is_accepted_or_refused_in_the_one_shape(
    owner: User, settings: Any, method: str, path: str, fields: tuple[str, ...], data: st.DataObject
) -> None:
    settings.REGISTRATION_OPEN = True
    cache.clear()
    session = Session.objects.filter(user=owner).first() or Session.objects.create(user=owner)
    known = dict.fromkeys(fields, ANYTHING)
    body = data.draw(
        ANYTHING | st.fixed_dictionaries(known) | st.fixed_dictionaries({}, optional=known)
    )
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(owner)
    address = path.format(id=session.id)
    response = client.generic(method, address, json.dumps(body), "application/json")
    assert response.status_code < 500
    if response.status_code >= 400:
        error = response.json()["error"]
        by_field = {"detail", "codes"} if error["code"] == "invalid" else set()
        assert set(error) == {"code", "message"} | by_field
        assert error["message"] == SENTENCES[error["code"]]["en"]
