"""URL routes: every HTTP path of the project."""

from django.conf import settings
from django.contrib import admin
from django.urls import path, re_path
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView

from backend import api_errors, api_schema
from backend.accounts import api as accounts
from backend.chat import api as chat
from backend.chat import dictation_api as dictation
from backend.conversations import api as conversations
from backend.conversations.exports.api import SessionExport
from backend.gateway.plain_http import refuse_plain_http
from backend.health import views as health
from backend.health.metrics_view import metrics_of_this_process
from backend.spending.reservations import reserve_session

page = TemplateView.as_view(template_name="index.html", extra_context={"release": settings.RELEASE})

urlpatterns = [
    path("", never_cache(page), name="page"),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz_of_this_process(), name="readyz"),
    path("metrics", metrics_of_this_process(), name="metrics"),
    path("api/config/", conversations.Config.as_view(), name="config"),
    path("api/auth/register/", accounts.Register.as_view(), name="register"),
    path("api/auth/login/", accounts.Login.as_view(), name="login"),
    path("api/auth/logout/", accounts.Logout.as_view(), name="logout"),
    path("api/auth/me/", accounts.Me.as_view(), name="me"),
    path(
        "api/sessions/",
        conversations.SessionList.as_view(reserve=reserve_session),
        name="sessions",
    ),
    path("api/sessions/<uuid:session_id>/", conversations.SessionDetail.as_view(), name="session"),
    path(
        "api/sessions/<uuid:session_id>/restore/",
        conversations.SessionRestore.as_view(),
        name="restore",
    ),
    path(
        "api/sessions/<uuid:session_id>/turns/", conversations.SessionTurns.as_view(), name="turns"
    ),
    path("api/sessions/<uuid:session_id>/export/", SessionExport.as_view(), name="export"),
    path(
        "api/sessions/<uuid:session_id>/transcriptions/",
        dictation.Transcriptions.as_view(),
        name="transcriptions",
    ),
    path(
        "api/sessions/<uuid:session_id>/messages/", chat.SessionMessages.as_view(), name="messages"
    ),
    path(
        "api/sessions/<uuid:session_id>/messages/<str:message_id>/stop/",
        chat.StopMessage.as_view(),
        name="stop-message",
    ),
    path("api/realtime/tickets/", conversations.RealtimeTickets.as_view(), name="tickets"),
    path("api/schema/", api_schema.SchemaView.as_view(), name="schema"),
    # WebSockets are routed in backend/gateway/routing.py; this is for plain HTTP at their paths.
    path("ws/realtime/<uuid:session_id>/", refuse_plain_http, name="not-a-websocket"),
    re_path(r"^ws(?:/.*)?$", refuse_plain_http),
    re_path(r"^api(?:/(?P<path>.*))?$", api_errors.api_not_found),
]

handler400 = api_errors.bad_request
handler403 = api_errors.permission_denied
handler404 = api_errors.not_found
handler500 = api_errors.server_error
