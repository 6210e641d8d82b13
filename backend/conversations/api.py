"""REST: the user's sessions and their turns, tickets for calls, and the page's configuration.

Every query starts from the user: another user's session is a 404, as if it did not exist.
"""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend import catalogue
from backend.accounts import tickets, tokens
from backend.api_errors import ApiRefused, StrictSerializer, field_error, language
from backend.api_schema import PAGE_PARAMETERS, body, errors, no_body, page_of
from backend.configured_providers import configured_providers, provider_named
from backend.conversations import control, deleting, queries
from backend.conversations.creating import Reserve, TooManySessions, create_session
from backend.conversations.history import past_of
from backend.conversations.models import TITLE_LENGTH, Session
from backend.conversations.queries import SessionWithFacts
from backend.conversations.searching import MAX_SEARCH_CHARACTERS, matching
from backend.conversations.serializers import (
    CallJSON,
    ConfigJSON,
    DirectConfigJSON,
    SessionDetailJSON,
    SessionJSON,
    TicketJSON,
    TurnJSON,
    call_json,
    session_json,
    ticket_json,
    turn_json,
)
from backend.wording import SUGGESTIONS

LANGUAGES = tuple(Session.Language.values)
MAX_PAGE_SIZE = 200


class NewSession(StrictSerializer):
    """The body of a new session. Every field has a default.

    `provider` is one of `providers` in `GET /api/config/`.
    """

    title = serializers.CharField(max_length=TITLE_LENGTH, allow_blank=True, required=False)
    voice = serializers.ChoiceField(catalogue.VOICES, required=False)
    language = serializers.ChoiceField(LANGUAGES, required=False)
    provider = serializers.CharField(max_length=32, required=False)

    def validate_provider(self, name: str) -> str:
        """Return this provider, if it can be chosen. Raises ValidationError."""
        if name not in configured_providers():
            raise ValidationError([field_error("provider_unknown")])
        return name


class SessionChange(NewSession):
    """The body of a change. A closed session accepts no calls. A provider is that of what follows:
    a live call keeps its own.
    """

    status = serializers.ChoiceField(("open", "closed"), required=False)


class NewTicket(StrictSerializer):
    """The body of a new ticket."""

    session_id = serializers.UUIDField()


class SessionSearch(serializers.Serializer[Any]):
    """The query parameters of the list of sessions, other than those of pagination."""

    search = serializers.CharField(
        max_length=MAX_SEARCH_CHARACTERS, allow_blank=True, default="", trim_whitespace=False
    )


class Pages(PageNumberPagination):
    """Pagination by `page` and `page_size`, at most `MAX_PAGE_SIZE` rows."""

    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE


class SessionList(APIView):
    """`GET`: the user's sessions, the newest first. `POST`: create one.

    `backend.urls` sets `reserve`, the limit of sessions: it is in a package above this one.
    """

    reserve: Reserve | None = None

    @extend_schema(
        operation_id="listSessions",
        parameters=[
            OpenApiParameter("search", str, description="Words in the title or in a turn."),
            *PAGE_PARAMETERS,
        ],
        responses={200: page_of(SessionJSON), **errors(400, 401, 404)},
    )
    def get(self, request: Request) -> Response:
        """A page of sessions. 400 `invalid` for a search that is too long."""
        given = SessionSearch(data=request.query_params)
        given.is_valid(raise_exception=True)
        pages = Pages()
        user_id = tokens.user_id_of(request)
        sessions, turns = queries.own_sessions(user_id), queries.own_turns(user_id)
        sessions = matching(sessions, turns, given.validated_data["search"])
        page = pages.paginate_queryset(sessions, request, view=self)
        return pages.get_paginated_response(_sessions_json(page or ()))

    @extend_schema(
        operation_id="createSession",
        request=NewSession,
        responses={201: body(SessionJSON), **errors(400, 401, 429)},
    )
    def post(self, request: Request) -> Response:
        """201 with the session. 429 `too_many_sessions` over the limit of an hour."""
        given = NewSession(data=request.data)
        given.is_valid(raise_exception=True)
        fields = {"language": language()} | given.validated_data
        if self.reserve is not None:
            fields["reserve"] = self.reserve
        try:
            session = create_session(tokens.user_id_of(request), **fields)
        except TooManySessions as error:
            refused = ApiRefused("too_many_sessions", 429)
            refused.wait = error.retry_after_s
            raise refused from None
        return Response(_sessions_json([_own_session(request, session.id)])[0], status=201)


class SessionDetail(APIView):
    """One of the user's sessions: read, change, delete."""

    @extend_schema(
        operation_id="readSession",
        responses={200: body(SessionDetailJSON), **errors(401, 404)},
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        """200 with the session and its calls."""
        return Response(_detail_json(_own_session(request, session_id)))

    @extend_schema(
        operation_id="changeSession",
        request=SessionChange,
        responses={200: body(SessionDetailJSON), **errors(400, 401, 404)},
    )
    def patch(self, request: Request, session_id: UUID) -> Response:
        """200 with the changed session. Closing it ends its call at the call's next heartbeat."""
        session = _own_session(request, session_id)
        given = SessionChange(data=request.data)
        given.is_valid(raise_exception=True)
        changes = dict(given.validated_data)
        if "title" in changes:
            changes["title_source"] = Session.TitleSource.of_given(changes["title"])
        if name := changes.get("provider"):
            changes["model"] = provider_named(name).realtime_model
        if status := changes.pop("status", None):
            changes["closed_at"] = (
                (session.closed_at or timezone.now()) if status == "closed" else None
            )
        # Only these columns: the recorder may be updating the row at the same time.
        if changes:
            Session.objects.filter(pk=session_id).update(**changes)
        if changes.get("closed_at"):
            control.publish_session(session_id)
        # Read again: another request may have deleted the session since.
        return Response(_detail_json(_own_session(request, session_id)))

    @extend_schema(operation_id="deleteSession", responses={204: no_body(), **errors(401, 404)})
    def delete(self, request: Request, session_id: UUID) -> Response:
        """204. Hidden at once, with its turns, calls and usage; deleted for good after an hour.

        A call that is live in it ends, and an answer that is being written stops, at their next
        heartbeat.
        """
        if not deleting.hide(session_id, tokens.user_id_of(request)):
            raise ApiRefused("not_found", 404)
        return Response(status=204)


class SessionRestore(APIView):
    """`POST`: undo the deletion of a session."""

    @extend_schema(
        operation_id="restoreSession",
        request=None,
        responses={200: body(SessionDetailJSON), **errors(401, 404)},
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """200 with the session, also if it was not deleted. 404 once it is gone for good."""
        deleting.restore(session_id, tokens.user_id_of(request))
        return Response(_detail_json(_own_session(request, session_id)))


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
    """`POST` with a session's id: a one-use ticket for the session's WebSocket.

    It is here and not in `accounts`, because `accounts` may not import `conversations`.
    """

    @extend_schema(
        operation_id="createTicket",
        request=NewTicket,
        responses={201: body(TicketJSON), **errors(400, 401, 404, 409)},
    )
    def post(self, request: Request) -> Response:
        """201 with the ticket. 404 for another user's session, 409 `session_closed`."""
        given = NewTicket(data=request.data)
        given.is_valid(raise_exception=True)
        user_id, session_id = tokens.user_id_of(request), given.validated_data["session_id"]
        # Without the session's facts, which take two thirds of this request's queries.
        sessions = Session.objects.filter(user_id=user_id).only("closed_at")
        if get_object_or_404(sessions, pk=session_id).closed_at is not None:
            raise ApiRefused("session_closed", 409)
        issued = tickets.issue(user_id, session_id)
        page_root = request.build_absolute_uri("/").removesuffix("/")
        socket_root = page_root.replace("http", "ws", 1)
        return Response(ticket_json(issued, session_id, socket_root), status=201)


class Config(APIView):
    """`GET`, without a login: the configuration that the page needs before the user signs in.

    `backend.urls` sets `direct`, which is in a package above this one.
    """

    authentication_classes = ()
    permission_classes = (AllowAny,)
    direct: Callable[[], DirectConfigJSON | None] | None = None

    @extend_schema(operation_id="readConfig", responses={200: body(ConfigJSON)})
    def get(self, request: Request) -> Response:
        """200 with the configuration."""
        config: ConfigJSON = {
            "registration_open": settings.REGISTRATION_OPEN,
            "demo": settings.DEMO,
            "review_notice": settings.REVIEW_NOTICE,
            "transports": ["relay", "webrtc"] if settings.WEBRTC_CALLS else ["relay"],
            "providers": list(configured_providers()),
            "voices": list(catalogue.VOICES),
            "languages": list(LANGUAGES),
            "suggestions": dict(SUGGESTIONS) if settings.DEMO else {},
            "direct": None if self.direct is None else self.direct(),
            "limits": {
                "title_length": TITLE_LENGTH,
                "page_size": MAX_PAGE_SIZE,
                "ticket_seconds": int(tickets.LIFETIME.total_seconds()),
            },
        }
        return Response(config)


def _own_session(request: Request, session_id: UUID) -> SessionWithFacts:
    sessions = queries.own_sessions(tokens.user_id_of(request))
    return get_object_or_404(sessions, pk=session_id)


def _sessions_json(sessions: Sequence[SessionWithFacts]) -> list[SessionJSON]:
    spent = queries.spent_by_session([session.id for session in sessions])
    return [
        session_json(session, spent.get(session.id, queries.NOTHING_SPENT)) for session in sessions
    ]


def _detail_json(session: SessionWithFacts) -> SessionDetailJSON:
    calls: list[CallJSON] = [call_json(call) for call in session.calls.all()]
    remembered_from = past_of(session.id).remembered_from
    return {
        **_sessions_json([session])[0],
        "calls": calls,
        "remembered_from": remembered_from,
    }
