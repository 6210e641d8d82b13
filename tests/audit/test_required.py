"""An act that cannot be recorded does not happen, and its page says why."""

import pytest
from django.contrib.auth.models import User
from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.test import RequestFactory
from django.utils import translation

from backend.audit.required import AuditUnavailable, audit_required, refused_unaudited

pytestmark = pytest.mark.django_db


class Views:
    @refused_unaudited
    def act(self, request: HttpRequest, error: Exception | None = None) -> HttpResponseBase:
        with audit_required():
            if error is not None:
                raise error
        return HttpResponse("Done.")


def act(staff: User, error: Exception | None = None) -> HttpResponseBase:
    request = RequestFactory().get("/admin/")
    request.user = staff
    return Views().act(request, error)


@pytest.mark.parametrize("kind", [OperationalError, InternalError, InterfaceError])
def test_an_act_is_refused_while_the_database_takes_no_row(
    staff: User, kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    answer = act(staff, kind("a secret word"))
    assert isinstance(answer, TemplateResponse) and answer.status_code == 503
    page = answer.render().content.decode()
    assert "Nothing is shown without it." in page and "secret" not in page
    assert [record.message for record in caplog.records] == ["audit.unavailable"]


def test_the_refusal_is_japanese_for_a_japanese_reader(staff: User) -> None:
    with translation.override("ja"):
        answer = act(staff, OperationalError())
        assert isinstance(answer, TemplateResponse)
        assert "監査ログに記録されます" in answer.render().content.decode()


def test_an_act_that_is_recorded_happens(staff: User) -> None:
    answer = act(staff)
    assert isinstance(answer, HttpResponse) and answer.content == b"Done."


def test_another_error_is_no_refusal(staff: User) -> None:
    with pytest.raises(ValueError, match="ours"):
        act(staff, ValueError("ours"))


def test_the_reason_is_kept(staff: User) -> None:
    with pytest.raises(AuditUnavailable) as caught, audit_required():
        raise OperationalError("read-only")
    assert isinstance(caught.value.__cause__, OperationalError)
