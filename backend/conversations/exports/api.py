"""REST: the export of one of the user's own sessions."""

from collections.abc import Iterable
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts import tokens
from backend.api_errors import ApiRefused
from backend.api_schema import body, errors
from backend.conversations import queries
from backend.conversations.exports.as_json import ExportJSON
from backend.conversations.exports.export_session import DEFAULT_FORMAT, FORMATS, export_session
from backend.conversations.exports.response import ExportResponse
from backend.conversations.models import Turn

_TEXT = OpenApiResponse(OpenApiTypes.STR, description="")


class FormatIsAParameter(BaseContentNegotiation):
    """Ignores `Accept` and REST framework's own `?format=`; errors are always JSON.

    REST framework answers 404 to `?format=vtt`, because it has no renderer of that name.
    """

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        """The first parser; a GET has no body."""
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The first renderer, which is JSON."""
        first = next(iter(renderers))
        return first, str(first.media_type)


class SessionExport(APIView):
    """`GET`: the session as a file."""

    content_negotiation_class = FormatIsAParameter

    @extend_schema(
        operation_id="exportSession",
        parameters=[
            OpenApiParameter("format", str, enum=list(FORMATS), default=DEFAULT_FORMAT),
        ],
        responses={
            (200, "application/json"): body(ExportJSON),
            (200, "text/plain"): _TEXT,
            (200, "text/csv"): _TEXT,
            (200, "text/vtt"): _TEXT,
            **errors(400, 401, 404, 409),
        },
    )
    def get(self, request: Request, session_id: UUID) -> ExportResponse:
        """200 with the file as an attachment, streamed.

        400 `unknown_format`; 409 `nothing_to_export` if the session has no turn.
        """
        sessions = queries.own_sessions(tokens.user_id_of(request)).select_related("user")
        session = get_object_or_404(sessions, pk=session_id)
        name = request.query_params.get("format", DEFAULT_FORMAT)
        if name not in FORMATS:
            raise ApiRefused("unknown_format", 400)
        if not Turn.objects.filter(session=session).exists():
            raise ApiRefused("nothing_to_export", 409)
        return ExportResponse(export_session(session, name))
