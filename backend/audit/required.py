"""An act that is refused unless its audit row can be stored: 503 with a page that says so."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from backend.bilingual import bilingual
from backend.database import DATABASE_UNAVAILABLE
from backend.telemetry.logs import log_event

log = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., HttpResponseBase])

TITLE = bilingual("Not available right now", "現在ご利用いただけません")
SENTENCE = bilingual(
    "Reading is recorded in the audit, and the record cannot be stored at the moment. Nothing is"
    " shown without it. Please try again in a minute.",
    "閲覧は監査ログに記録されますが、現在その記録を保存できません。記録できない間は内容を表示"
    "しません。しばらくしてから、もう一度お試しください。",
)


class AuditUnavailable(Exception):
    """The audit row cannot be stored, so the act must not happen."""


@contextmanager
def audit_required() -> Iterator[None]:
    """Raise AuditUnavailable if the database is away, busy or read-only in this block."""
    try:
        yield
    except DATABASE_UNAVAILABLE as error:
        raise AuditUnavailable from error


def refused_unaudited(view: View) -> View:
    """Decorate a view of a model's admin: answer 503 if it raises AuditUnavailable."""

    @wraps(view)
    def guarded(own: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(own, request, *args, **kwargs)
        except AuditUnavailable:
            log_event(log, logging.ERROR, "audit.unavailable")
        context = {**admin.site.each_context(request), "title": TITLE, "sentence": SENTENCE}
        return TemplateResponse(request, "audit/unavailable.html", context, status=503)

    return cast(View, guarded)
