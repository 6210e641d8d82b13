"""REST: calls over WebRTC. The browser talks to the provider, and this server watches the call.

The views are synchronous, as REST framework's are; what takes time runs on the event loop.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Mapping
from typing import TypedDict, cast
from uuid import UUID

from asgiref.sync import async_to_sync
from django.conf import settings
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from backend.accounts import tokens
from backend.accounts.throttles import SharedThrottle
from backend.api_errors import ApiErrorCode, ApiRefused, BoundedJSONParser, StrictSerializer
from backend.api_schema import body, errors, no_body
from backend.conversations import control
from backend.conversations.database_executor import DatabaseSlow
from backend.conversations.models import Call
from backend.database import release_connection
from backend.direct.watched_call import Answer, WatchedCall
from backend.direct.watched_calls import watched_calls
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused, BudgetSpent, UpstreamError
from backend.runtime import runtime
from backend.spending.refusals import budget_refused
from backend.telemetry.counters import COUNTERS
from backend.telemetry.logs import log_event
from backend.upstream.webrtc_calls import MAX_SDP_CHARACTERS, SDP_BEGINS

END_WAIT_S = 2.5
"""How long `DELETE` waits until the call is stored, so that the person may type at once."""
END_POLL_S = 0.05

CODES: Mapping[str, str] = {
    # Another user's session is a 404 like one that does not exist.
    "session_unknown": "not_found",
    # Endings of a call that was being opened. The browser, which had no answer yet, cannot have
    # left: the provider closed the sideband.
    Ending.REVOKED: "token_invalid",
    Ending.COMPLETED: "session_closed",
    Ending.CLIENT_LEFT: "provider_failed",
}
"""The API's error code of a refusal or an ending, where it has another name."""

STATUSES: Mapping[str, int] = {
    "token_invalid": 401,
    "not_found": 404,
    "session_closed": 409,
    "calls_not_allowed": 403,
    "price_unknown": 403,
    "too_many_calls": 429,
    "hourly_limit": 429,
    "server_full": 429,
    "taken_over": 409,
    "draining": 503,
    "unavailable": 503,
    "provider_refused": 502,
    "provider_failed": 502,
    "provider_unavailable": 503,
    "provider_timeout": 504,
}
"""The HTTP status of each error code of a call that does not begin; of any other it is 500."""


_logger = logging.getLogger(__name__)


class CallParser(BoundedJSONParser):
    """JSON of a size that holds the longest offer, each of whose line breaks is four bytes."""

    most_bytes = 2 * MAX_SDP_CHARACTERS + 1024


class NewCall(StrictSerializer):
    """The body of a new call: the browser's SDP offer."""

    session_id = serializers.UUIDField()
    sdp = serializers.CharField(max_length=MAX_SDP_CHARACTERS, trim_whitespace=False)

    def validate_sdp(self, sdp: str) -> str:
        """Refuse what is no session description (RFC 8866 begins it with its version)."""
        if not sdp.startswith(SDP_BEGINS):
            self.fields["sdp"].fail("invalid")
        return sdp


class CallThrottle(SharedThrottle, UserRateThrottle):
    """Limits the new calls of one user, each of which is a request to the provider."""

    scope = "webrtc_call"


class CallAnswerJSON(TypedDict):
    """The provider's SDP answer, and our id of the call."""

    sdp: str
    call_id: str


class CallBudgetJSON(TypedDict, total=False):
    """A budget whose level is not `ok`, as `relay.budget` has it."""

    kind: str
    level: str
    used: float
    left: float
    limit: float
    resets_at: str


class CallStateJSON(TypedDict):
    """How a call over WebRTC is. `ending` is null while it is live.

    `budget` is the one that is used up the most, null if all are ok. `draining`: the server is
    about to restart, and the call ends after the answer.
    """

    state: str
    ending: str | None
    budget: CallBudgetJSON | None
    draining: bool


class Calls(APIView):
    """`POST`: begin a call over WebRTC."""

    parser_classes = (CallParser,)
    throttle_classes = (CallThrottle,)

    @extend_schema(
        operation_id="createCall",
        request=NewCall,
        responses={
            201: body(CallAnswerJSON),
            **errors(400, 401, 402, 403, 404, 409, 413, 429, 500, 502, 503, 504),
        },
    )
    def post(self, request: Request) -> Response:
        """201 with the answer, once this server watches the call. 403 `webrtc_off`."""
        if not settings.WEBRTC_CALLS:
            raise ApiRefused("webrtc_off", 403)
        given = NewCall(data=request.data)
        given.is_valid(raise_exception=True)
        session_id, sdp = given.validated_data["session_id"], given.validated_data["sdp"]
        answer = _opened(session_id, tokens.user_id_of(request), sdp)
        created: CallAnswerJSON = {"sdp": answer.sdp, "call_id": answer.call_id}
        return Response(created, status=201)


class CallDetail(APIView):
    """One of the user's calls over WebRTC: read its state, hang it up."""

    @extend_schema(
        operation_id="readCall", responses={200: body(CallStateJSON), **errors(401, 404)}
    )
    def get(self, request: Request, call_id: UUID) -> Response:
        """200 with the state. For a page to poll: WebRTC carries no `relay.*` events."""
        return Response(_state_of(_own_call(request, call_id)))

    @extend_schema(operation_id="endCall", responses={204: no_body(), **errors(401, 404)})
    def delete(self, request: Request, call_id: UUID) -> Response:
        """204, also if the call has ended."""
        call = _own_call(request, call_id)
        if call.ended_at is None:
            control.request_end(call_id, Ending.CLIENT_LEFT)
            release_connection()
            async_to_sync(_end)(call_id)
        return Response(status=204)


def _own_call(request: Request, call_id: UUID) -> Call:
    own = Call.objects.filter(
        session__user_id=tokens.user_id_of(request), transport=Call.Transport.WEBRTC
    )
    return get_object_or_404(own, pk=call_id)


def _state_of(call: Call) -> CallStateJSON:
    is_live = call.ended_at is None
    watched = async_to_sync(_watched)(call.pk) if is_live else None
    budgets = [] if watched is None else list(watched.budgets.values())
    worst = max(budgets, key=lambda each: each.get("used", 0.0), default=None)
    return {
        "state": "live" if is_live else "ended",
        "ending": call.ending or None,
        "budget": None if worst is None or worst["level"] == "ok" else cast(CallBudgetJSON, worst),
        "draining": watched is not None and watched.is_draining,
    }


# `watched_calls()` builds the objects of the process on first use, which must happen on the event
# loop.
async def _open(session_id: UUID, user_id: int, sdp: str) -> Answer:
    return await watched_calls().open(session_id, user_id, sdp)


async def _watched(call_id: UUID) -> WatchedCall | None:
    return watched_calls().of_this_process(call_id)


async def _end(call_id: UUID) -> None:
    """End the call here, and wait until it is stored. Another process reads the request's row."""
    runtime().live.hang_up(str(call_id), Ending.CLIENT_LEFT)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_WAIT_S):
            # Recorded by a task of its own, or by another process.
            while await runtime().database.run(_is_open, call_id):  # noqa: ASYNC110
                await asyncio.sleep(END_POLL_S)


def _is_open(call_id: UUID) -> bool:
    return Call.objects.filter(pk=call_id, ended_at__isnull=True).exists()


def _opened(session_id: UUID, user_id: int, sdp: str) -> Answer:
    retry_after_s: float | None = None
    release_connection()
    try:
        return async_to_sync(_open)(session_id, user_id, sdp)
    except BudgetSpent as spent:
        raise budget_refused(spent) from None
    except AdmissionRefused as refused:
        code = CODES.get(str(refused.code), str(refused.code))
        retry_after_s = refused.retry_after_s
    except UpstreamError as error:
        code, retry_after_s = str(error.ending), error.retry_after_s
    except DatabaseSlow:
        code = "unavailable"
    raise _refused(session_id, code, retry_after_s)


def _refused(session_id: UUID, code: str, retry_after_s: float | None) -> ApiRefused:
    COUNTERS.calls_refused[code] += 1
    status = STATUSES.get(code, 500)
    log_event(
        _logger, logging.WARNING, "call.refused", code=code, status=status, session_id=session_id
    )
    # A test compares the keys of `STATUSES` with the codes.
    refused = ApiRefused(cast(ApiErrorCode, code if code in STATUSES else "internal"), status)
    if retry_after_s is not None:
        refused.wait = math.ceil(retry_after_s)
    return refused
