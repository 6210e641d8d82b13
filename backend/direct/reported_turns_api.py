"""REST: the turns of a direct session, as the user's browser reports them.

A page sends them while it talks, and the last ones when it closes, with `fetch` and `keepalive`.
Browsers allow 64 KiB for that, which is also the limit of a body here.
"""

from collections.abc import Mapping
from typing import Any, TypedDict
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from backend.accounts import tokens
from backend.accounts.throttles import SharedThrottle
from backend.api_errors import ApiErrorCode, ApiRefused, StrictSerializer
from backend.api_schema import body, errors
from backend.conversations.column_fitting import ID_CHARACTERS, MAX_CONTENT_INDEX
from backend.conversations.serializers import TurnJSON, turn_json
from backend.direct.access import DirectSessionsOn, MayUseDirectSessions
from backend.direct.reported_turns import keep_reported
from backend.protocol.errors import AdmissionRefused
from backend.protocol.transcript import turns
from backend.protocol.transcript.turns import Modality, Role, TurnStatus
from backend.protocol.usage import MAX_COUNT

MAX_TURNS = 100
"""The most turns of one request."""

_REFUSALS: Mapping[str, tuple[ApiErrorCode, int]] = {
    "session_unknown": ("not_found", 404),
    "session_closed": ("session_closed", 409),
}


class ReportedTurn(StrictSerializer):
    """One turn: the fields of a stored one that a browser knows."""

    item_id = serializers.CharField(max_length=ID_CHARACTERS, trim_whitespace=False)
    content_index = serializers.IntegerField(min_value=0, max_value=MAX_CONTENT_INDEX, default=0)
    role = serializers.ChoiceField((Role.USER.value, Role.ASSISTANT.value))
    modality = serializers.ChoiceField([each.value for each in Modality])
    text = serializers.CharField(allow_blank=True, trim_whitespace=False)
    heard_text = serializers.CharField(
        allow_blank=True, allow_null=True, default=None, trim_whitespace=False
    )
    heard_ms = serializers.IntegerField(
        min_value=0, max_value=MAX_COUNT, allow_null=True, default=None
    )
    status = serializers.ChoiceField([each.value for each in TurnStatus])
    started_at = serializers.DateTimeField(allow_null=True, default=None)
    completed_at = serializers.DateTimeField(allow_null=True, default=None)


class NewReportedTurns(StrictSerializer):
    """The body: turns in spoken order."""

    turns = serializers.ListSerializer[Any](child=ReportedTurn(), max_length=MAX_TURNS)


class ReportedTurnsJSON(TypedDict):
    """The reported turns as they are stored, each once."""

    turns: list[TurnJSON]


class ReportedTurnsThrottle(SharedThrottle, UserRateThrottle):
    """Limits the reports of one user: no call and no budget bounds what they store."""

    scope = "reported_turns"


class ReportedTurns(APIView):
    """`POST`: store what a browser says was said in a direct session."""

    permission_classes = (IsAuthenticated, DirectSessionsOn, MayUseDirectSessions)
    throttle_classes = (ReportedTurnsThrottle,)

    @extend_schema(
        operation_id="reportTurns",
        request=NewReportedTurns,
        responses={200: body(ReportedTurnsJSON), **errors(400, 401, 403, 404, 409, 413, 429)},
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """200 with the turns as stored. 404 for another user's session, 409 `session_closed`."""
        given = NewReportedTurns(data=request.data)
        given.is_valid(raise_exception=True)
        reported = [_turn(each) for each in given.validated_data["turns"]]
        try:
            stored = keep_reported(session_id, tokens.user_id_of(request), reported)
        except AdmissionRefused as refused:
            raise ApiRefused(*_REFUSALS[refused.code]) from None
        answer: ReportedTurnsJSON = {"turns": [turn_json(turn) for turn in stored]}
        return Response(answer)


def _turn(given: Mapping[str, Any]) -> turns.Turn:
    return turns.Turn(
        item_id=given["item_id"],
        content_index=given["content_index"],
        role=Role(given["role"]),
        modality=Modality(given["modality"]),
        text=given["text"],
        status=TurnStatus(given["status"]),
        position=0,
        heard_text=given["heard_text"],
        heard_ms=given["heard_ms"],
        started_at=given["started_at"],
        completed_at=given["completed_at"],
    )
