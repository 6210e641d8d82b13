"""One's own sessions, their turns, tickets for calls, and what the page needs before sign-in.

Every query starts at the user: somebody else's session is a 404, as if it did not exist.
"""

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend import catalogue
from backend.accounts import tickets, tokens
from backend.api_errors import ApiRefused, StrictSerializer, language
from backend.api_schema import PAGE_PARAMETERS, body, errors, no_body, page_of
from backend.conversations import queries
from backend.conversations.models import TITLE_LENGTH, Session
from backend.conversations.serializers import (
    CallJSON,
    ConfigJSON,
    SessionDetailJSON,
    SessionJSON,
    TicketJSON,
    TurnJSON,
    call_json,
    session_json,
    turn_json,
)
from backend.wording import SUGGESTIONS

LANGUAGES = tuple(Session.Language.values)
MOST_ON_A_PAGE = 200


class NewSession(StrictSerializer):
    """What may be wished for a new session; everything has a default."""

    title = serializers.CharField(max_length=TITLE_LENGTH, allow_blank=True, required=False)
    voice = serializers.ChoiceField(catalogue.VOICES, required=False)
    language = serializers.ChoiceField(LANGUAGES, required=False)


class SessionChange(NewSession):
    """What the owner may change later; a closed session takes no calls."""

    status = serializers.ChoiceField(("open", "closed"), required=False)


class TicketWish(StrictSerializer):
    """For which session a ticket is wanted."""

    session_id = serializers.UUIDField()


class Pages(PageNumberPagination):
    """`page` and `page_size`, at most `MOST_ON_A_PAGE` rows."""

    page_size_query_param = "page_size"
    max_page_size = MOST_ON_A_PAGE


class SessionList(APIView):
    """`GET`: one's own sessions, the latest first. `POST`: a new one."""

    @extend_schema(
        operation_id="listSessions",
        parameters=PAGE_PARAMETERS,
        responses={200: page_of(SessionJSON), **errors(401, 404)},
    )
    def get(self, request: Request) -> Response:
        """A page of sessions."""
        pages = Pages()
        page = pages.paginate_queryset(_own(request), request, view=self)
        return pages.get_paginated_response(_told(page or ()))

    @extend_schema(
        operation_id="createSession",
        request=NewSession,
        responses={201: body(SessionJSON), **errors(400, 401)},
    )
    def post(self, request: Request) -> Response:
        """201 with the session."""
        wish = NewSession(data=request.data)
        wish.is_valid(raise_exception=True)
        defaults = {
            "voice": settings.REALTIME_VOICE,
            "language": language(),
            "model": catalogue.resolve(settings.REALTIME_MODEL, timezone.now().date()),
        }
        session = Session.objects.create(
            user_id=tokens.user_id_of(request), **defaults | wish.validated_data
        )
        return Response(_told([session])[0], status=201)


class SessionDetail(APIView):
    """One of one's own sessions: read, change, delete."""

    @extend_schema(
        operation_id="readSession",
        responses={200: body(SessionDetailJSON), **errors(401, 404)},
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        """200 with the session and its calls."""
        return Response(_detail(_own_session(request, session_id)))

    @extend_schema(
        operation_id="changeSession",
        request=SessionChange,
        responses={200: body(SessionDetailJSON), **errors(400, 401, 404)},
    )
    def patch(self, request: Request, session_id: UUID) -> Response:
        """200 with the changed session. Closing ends its call at the call's next heartbeat."""
        session = _own_session(request, session_id)
        change = SessionChange(data=request.data)
        change.is_valid(raise_exception=True)
        changes = dict(change.validated_data)
        if status := changes.pop("status", None):
            changes["closed_at"] = (
                (session.closed_at or timezone.now()) if status == "closed" else None
            )
        # Only these columns: the recorder may be marking the row at this moment.
        if changes:
            _own(request).filter(pk=session_id).update(**changes)
        # Read once more: it may have been deleted meanwhile.
        return Response(_detail(_own_session(request, session_id)))

    @extend_schema(operation_id="deleteSession", responses={204: no_body(), **errors(401, 404)})
    def delete(self, request: Request, session_id: UUID) -> Response:
        """204. Turns, calls and usage go with it."""
        _own_session(request, session_id).delete()
        return Response(status=204)


class SessionTurns(APIView):
    """`GET`: the transcript."""

    @extend_schema(
        operation_id="listTurns",
        parameters=PAGE_PARAMETERS,
        responses={200: page_of(TurnJSON), **errors(401, 404)},
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        """A page of turns in spoken order."""
        pages = Pages()
        turns = _own_session(request, session_id).turns.all()
        page = pages.paginate_queryset(turns, request, view=self)
        return pages.get_paginated_response([turn_json(turn) for turn in page or ()])


class RealtimeTickets(APIView):
    """`POST` with a session answers with a one-use pass for its WebSocket.

    It stands here and not with the accounts because accounts know no conversations.
    """

    @extend_schema(
        operation_id="createTicket",
        request=TicketWish,
        responses={201: body(TicketJSON), **errors(400, 401, 404, 409)},
    )
    def post(self, request: Request) -> Response:
        """201 with the ticket. 404 for a session that is not one's own, 409 `session_closed`."""
        wish = TicketWish(data=request.data)
        wish.is_valid(raise_exception=True)
        session = _own_session(request, wish.validated_data["session_id"])
        if session.closed_at is not None:
            raise ApiRefused("session_closed", 409)
        issued = tickets.issue(tokens.user_id_of(request), session.id)
        page_url = request.build_absolute_uri(f"/ws/realtime/{session.id}/")
        ticket: TicketJSON = {
            "ticket": issued.ticket,
            "expires_at": issued.expires_at,
            "url": page_url.replace("http", "ws", 1),
        }
        return Response(ticket, status=201)


class Config(APIView):
    """`GET`, without a login: what the page needs before sign-in."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="readConfig", responses={200: body(ConfigJSON)})
    def get(self, request: Request) -> Response:
        """200."""
        config: ConfigJSON = {
            "registration_open": settings.REGISTRATION_OPEN,
            "demo": settings.DEMO,
            "voices": list(catalogue.VOICES),
            "languages": list(LANGUAGES),
            "suggestions": dict(SUGGESTIONS) if settings.DEMO else {},
            "limits": {
                "title_length": TITLE_LENGTH,
                "page_size": MOST_ON_A_PAGE,
                "ticket_seconds": int(tickets.LIFETIME.total_seconds()),
            },
        }
        return Response(config)


def _own(request: Request) -> QuerySet[Session]:
    return Session.objects.filter(user_id=tokens.user_id_of(request))


def _own_session(request: Request, session_id: UUID) -> Session:
    return get_object_or_404(_own(request), pk=session_id)


def _told(sessions: Sequence[Session]) -> list[SessionJSON]:
    ids = [session.id for session in sessions]
    live, spent = queries.live_among(ids), queries.spent_by_session(ids)
    return [
        session_json(
            session,
            queries.status_of(session.closed_at, live=session.id in live),
            spent.get(session.id, queries.NOTHING_SPENT),
        )
        for session in sessions
    ]


def _detail(session: Session) -> SessionDetailJSON:
    calls: list[CallJSON] = [call_json(call) for call in session.calls.all()]
    return {**_told([session])[0], "calls": calls}
