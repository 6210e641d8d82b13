"""URL routes: every HTTP path of the project."""

from django.conf import settings
from django.contrib import admin
from django.urls import path, re_path
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.generic import TemplateView

from backend import api_errors, api_schema
from backend.accounts import api as accounts
from backend.chat import api as chat
from backend.chat import dictation_api as dictation
from backend.chat.voice_samples_api import VoiceSample
from backend.conversations import api as conversations
from backend.conversations.exports.api import SessionExport
from backend.direct import calls_api
from backend.direct.config import direct_config
from backend.direct.ephemeral_keys_api import EphemeralKeys
from backend.direct.page import direct_page
from backend.direct.reported_turns_api import ReportedTurns
from backend.gateway.plain_http import refuse_plain_http
from backend.health import views as health
from backend.health.metrics_view import metrics_of_this_process
from backend.spending.reservations import reserve_session
from backend.spending.usage_api import OwnUsage

# Compressed, unlike other answers (`StaticGZipMiddleware`): it is the same for everybody.
page = gzip_page(
    TemplateView.as_view(template_name="index.html", extra_context={"release": settings.RELEASE})
)

urlpatterns = [
    path("", never_cache(page), name="page"),
    path("openai-realtime", never_cache(direct_page), name="direct-page"),
    path("openai-realtime/", never_cache(direct_page)),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz_of_this_process(), name="readyz"),
    path("metrics", metrics_of_this_process(), name="metrics"),
    path("api/config/", conversations.Config.as_view(direct=direct_config), name="config"),
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
    path(
        "api/sessions/<uuid:session_id>/reported-turns/",
        ReportedTurns.as_view(),
        name="reported-turns",
    ),
    path("api/sessions/<uuid:session_id>/export/", SessionExport.as_view(), name="export"),
    path(
        "api/sessions/<uuid:session_id>/transcriptions/",
        dictation.Transcriptions.as_view(),
        name="transcriptions",
    ),
    path("api/voices/<str:voice>/sample/", VoiceSample.as_view(), name="voice-sample"),
    path(
        "api/sessions/<uuid:session_id>/messages/", chat.SessionMessages.as_view(), name="messages"
    ),
    path(
        "api/sessions/<uuid:session_id>/messages/<str:message_id>/stop/",
        chat.StopMessage.as_view(),
        name="stop-message",
    ),
    # A path that other programs use; with and without its final slash.
    path("api/openai/realtime/session", EphemeralKeys.as_view(), name="ephemeral-keys"),
    path("api/openai/realtime/session/", EphemeralKeys.as_view(schema=None)),
    path("api/usage/", OwnUsage.as_view(), name="usage"),
    path("api/realtime/tickets/", conversations.RealtimeTickets.as_view(), name="tickets"),
    path("api/realtime/calls/", calls_api.Calls.as_view(), name="calls"),
    path("api/realtime/calls/<uuid:call_id>/", calls_api.CallDetail.as_view(), name="call"),
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
