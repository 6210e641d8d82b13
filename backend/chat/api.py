"""REST: typed messages and their answers, as JSON or as server-sent events.

The views are synchronous, as REST framework's are, and only check the request. What takes time runs
on the event loop: the answer as JSON is awaited from this request's own thread, and a stream is an
asynchronous generator, because under ASGI a synchronous one would be buffered whole.
"""

import json
import math
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, TypedDict, cast
from uuid import UUID

from asgiref.sync import async_to_sync
from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import APIView

from backend.accounts import tokens
from backend.api_errors import (
    ApiErrorCode,
    ApiRefused,
    BoundedJSONParser,
    StrictSerializer,
    language,
)
from backend.api_schema import body, errors, no_body
from backend.chat.errors import STATUSES
from backend.chat.live_replies import chat
from backend.chat.reply import Ended
from backend.chat.reply_logic import Words
from backend.conversations.database_executor import DatabaseSlow
from backend.conversations.models import Turn
from backend.conversations.replies import OpenedReply, ReplyRefused, has_message
from backend.conversations.serializers import TurnJSON, turn_json
from backend.protocol.errors import AdmissionRefused, BudgetSpent
from backend.relay.client_policy import MAX_MESSAGE_CHARACTERS
from backend.spending.refusals import budget_refused
from backend.wording import Language, sentence

MAX_BODY_BYTES = 256 * 1024
"""For 32,000 characters of Japanese, each escaped to six bytes, and the rest of the body."""

EVENT_STREAM = "text/event-stream"

# JSON, whatever is accepted.
_ERRORS = {
    (status, "application/json"): response
    for status, response in errors(400, 401, 402, 403, 404, 409, 413, 429, 502, 503, 504).items()
}


class MessageParser(BoundedJSONParser):
    """JSON of a size that holds the longest message."""

    most_bytes = MAX_BODY_BYTES


class EventStreamRenderer(BaseRenderer):
    """Declares `text/event-stream` for content negotiation; errors are rendered as JSON."""

    media_type = EVENT_STREAM
    format = "event-stream"


class NewMessage(StrictSerializer):
    """A typed message. `id` is the client's own: the same id is answered once."""

    text = serializers.CharField(max_length=MAX_MESSAGE_CHARACTERS, trim_whitespace=False)
    id = serializers.RegexField(r"^[A-Za-z0-9_-]{1,64}\Z", required=False)

    def validate_text(self, text: str) -> str:
        """Refuse a message of nothing but spaces."""
        if not text.strip():
            self.fields["text"].fail("blank")
        return text


class SessionMessages(APIView):
    """`POST`: send a typed message; the answer is the assistant's turn."""

    parser_classes = (MessageParser,)
    renderer_classes = (JSONRenderer, EventStreamRenderer)

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Render JSON also where events are accepted: errors before the first event are JSON."""
        renderer, media_type = super().perform_content_negotiation(request, force)
        self.is_streamed = isinstance(renderer, EventStreamRenderer)
        return (
            (JSONRenderer(), JSONRenderer.media_type)
            if self.is_streamed
            else (renderer, media_type)
        )

    @extend_schema(
        operation_id="sendMessage",
        request=NewMessage,
        # Content negotiation's own `?format=`, which `Accept` makes needless.
        parameters=[OpenApiParameter("format", exclude=True)],
        responses={
            (200, EVENT_STREAM): OpenApiResponse(
                str, description="`message.delta`, then `message.completed` or `error`."
            ),
            (200, "application/json"): body(TurnJSON),
            (201, "application/json"): body(TurnJSON),
            **_ERRORS,
        },
    )
    def post(self, request: Request, session_id: UUID) -> HttpResponseBase:
        """201 with the turn; 200 if the id was answered before, or with `text/event-stream`."""
        given = NewMessage(data=request.data)
        given.is_valid(raise_exception=True)
        message = given.validated_data["text"]
        message_id = given.validated_data.get("id") or f"msg_{secrets.token_hex(11)}"
        user_id = tokens.user_id_of(request)
        opened = _opened(session_id, user_id, message_id)
        if self.is_streamed:
            return _event_stream(events(opened, user_id, message, language()))
        if isinstance(opened, Turn):
            return Response(turn_json(opened))
        ended = async_to_sync(answered)(opened, user_id, message)
        if ended.turn is None:
            raise _refused(ended.code, ended.retry_after_s)
        return Response(turn_json(ended.turn), status=201)


class StopMessage(APIView):
    """`POST`: stop the answer to a message; what came is kept."""

    @extend_schema(
        operation_id="stopMessage", request=None, responses={204: no_body(), **errors(401, 404)}
    )
    def post(self, request: Request, session_id: UUID, message_id: str) -> Response:
        """204, also if the answer has ended. 404 if the user sent no such message."""
        user_id = tokens.user_id_of(request)
        if not has_message(session_id, user_id, message_id):
            raise ApiRefused("not_found", 404)
        async_to_sync(_stop)(session_id, user_id, message_id)
        return Response(status=204)


class DeltaJSON(TypedDict):
    """`message.delta`: more of the answer's text."""

    text: str


class CompletedJSON(TurnJSON):
    """`message.completed`: the answer's turn, and `remembered_from` as in `SessionDetailJSON`."""

    remembered_from: int | None


async def answered(opened: OpenedReply, user_id: int, message: str) -> Ended:
    """Run the answer to its end. A request that is cancelled stops it."""
    async with aclosing(chat().answer(opened, user_id, message)) as updates:
        async for update in updates:
            if isinstance(update, Ended):
                return update
    return Ended()


async def events(
    opened: OpenedReply | Turn, user_id: int, message: str, words: Language
) -> AsyncGenerator[bytes, None]:
    """The server-sent events of an answer; of one that was given before, only the last."""
    if isinstance(opened, Turn):
        yield _completed(opened, await chat().remembered_from(opened.session_id))
        return
    async with aclosing(chat().answer(opened, user_id, message)) as updates:
        async for update in updates:
            if isinstance(update, Words):
                delta: DeltaJSON = {"text": update.text}
                yield _event("message.delta", delta)
            elif update.turn is not None:
                yield _completed(update.turn, update.remembered_from)
            else:
                error = {"code": update.code, "message": sentence(update.code, words)}
                yield _event("error", {"error": error})


# `chat()` builds the objects of the process on first use, which must happen on the event loop.
async def _open(session_id: UUID, user_id: int, message_id: str) -> OpenedReply | Turn:
    return await chat().open(session_id, user_id, message_id)


async def _stop(session_id: UUID, user_id: int, message_id: str) -> None:
    await chat().stop(session_id, user_id, message_id)


def _opened(session_id: UUID, user_id: int, message_id: str) -> OpenedReply | Turn:
    try:
        return async_to_sync(_open)(session_id, user_id, message_id)
    except ReplyRefused as refused:
        code: str = refused.code
    except BudgetSpent as spent:
        raise budget_refused(spent) from None
    except AdmissionRefused as refused:
        # Another user's session is a 404 like one that does not exist.
        code = "not_found" if refused.code == "session_unknown" else refused.code
    except DatabaseSlow:
        code = "unavailable"
    raise _refused(code)


def _refused(code: str, retry_after_s: float | None = None) -> ApiRefused:
    # A test compares the keys of `STATUSES` with the codes.
    refused = ApiRefused(cast(ApiErrorCode, code), STATUSES[code])
    if retry_after_s is not None:
        # The exception handler writes it as `Retry-After`.
        refused.wait = math.ceil(retry_after_s)
    return refused


def _event_stream(events: AsyncGenerator[bytes, None]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(events, content_type=f"{EVENT_STREAM}; charset=utf-8")
    response["Cache-Control"] = "no-store"
    # nginx would otherwise collect the events before it passes them on.
    response["X-Accel-Buffering"] = "no"
    return response


def _completed(turn: Turn, remembered_from: int | None) -> bytes:
    completed: CompletedJSON = {**turn_json(turn), "remembered_from": remembered_from}
    return _event("message.completed", completed)


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    text = json.dumps(data, cls=JSONEncoder, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\ndata: {text}\n\n".encode()
