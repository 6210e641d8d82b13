"""REST: transcribes an audio clip. Stores neither the clip nor a turn.

During the request the clip is in a temporary file of Django, which is deleted when the request
ends. The view runs in a thread of its own and with an event loop of its own, so that neither
reading the file nor waiting for the provider delays a call's audio.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any, BinaryIO, TypedDict, cast
from uuid import UUID, uuid4

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db import DatabaseError
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import DataAndFiles, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from backend.accounts import tokens
from backend.accounts.throttles import SharedThrottle
from backend.api_errors import ApiErrorCode, ApiRefused, StrictSerializer
from backend.api_schema import body, errors
from backend.chat.clips import (
    HEAD_BYTES,
    MAX_CLIP_BYTES,
    MAX_CLIP_S,
    Container,
    container_of,
    duration_s,
)
from backend.configured_providers import ConfiguredProvider, provider_named
from backend.conversations import queries
from backend.conversations.ledger import UsageWrite
from backend.conversations.models import Session
from backend.conversations.writing import write
from backend.database import release_connection
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused, BudgetSpent, UpstreamError
from backend.protocol.usage import Usage, transcription_usage
from backend.spending.budget_usage import CLIP_PREFIX
from backend.spending.refusals import budget_refused
from backend.spending.reservations import release_clip, reserve_clip
from backend.telemetry.counters import COUNTERS
from backend.telemetry.logs import log_event
from backend.upstream.transcription import Clip, ClipUnreadable, Transcribed, transcribe

PATH = re.compile(r"/api/sessions/[0-9a-f-]+/transcriptions/")
"""The path for which `backend.middleware` allows a larger body than for others."""
MAX_BODY_BYTES = MAX_CLIP_BYTES + 64 * 1024
"""The largest clip, plus 64 KiB for the rest of the multipart body."""

_REFUSALS: Mapping[Ending, tuple[ApiErrorCode, int]] = {
    Ending.PROVIDER_REFUSED: ("transcription_refused", 502),
    Ending.PROVIDER_FAILED: ("transcription_failed", 502),
    Ending.PROVIDER_UNAVAILABLE: ("transcription_unavailable", 503),
    Ending.PROVIDER_TIMEOUT: ("transcription_timeout", 504),
}
"""The error code and HTTP status for each Ending of a failed provider request."""

_logger = logging.getLogger(__name__)


class TranscriptionJSON(TypedDict):
    """The text of a transcribed clip."""

    text: str


class ClipUpload(StrictSerializer):
    """The multipart body with one file. An empty file gives `audio_invalid`."""

    file = serializers.FileField(allow_empty_file=True)


class ClipParser(MultiPartParser):
    """Parses a multipart body of at most `MAX_BODY_BYTES` into files on disk, never in memory."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> "DataAndFiles[Any, Any]":
        """Return fields and files. Raises ApiRefused("too_large") and ParseError."""
        request = (parser_context or {})["request"]._request
        if _length_of(request.META) > MAX_BODY_BYTES:
            raise ApiRefused("too_large", 413)
        request.upload_handlers = [TemporaryFileUploadHandler(request)]
        try:
            return super().parse(stream, media_type, parser_context)
        except RequestDataTooBig:
            raise
        except SuspiciousOperation as error:
            # Too many fields or files.
            raise ParseError from error


class TranscriptionThrottle(SharedThrottle, UserRateThrottle):
    """Limits the clips of one user, because each of them costs money."""

    scope = "transcription"


class Transcriptions(APIView):
    """`POST`: transcribe an audio clip."""

    parser_classes = (ClipParser,)
    throttle_classes = (TranscriptionThrottle,)

    @extend_schema(
        operation_id="transcribeClip",
        request={"multipart/form-data": ClipUpload},
        responses={
            200: body(TranscriptionJSON),
            **errors(400, 401, 402, 403, 404, 409, 413, 422, 429, 502, 503, 504),
        },
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """200 with the text. 404 for another user's session, 409 `session_closed`."""
        sessions = queries.own_sessions(tokens.user_id_of(request))
        session = get_object_or_404(sessions, pk=session_id)
        if session.closed_at is not None:
            raise ApiRefused("session_closed", 409)
        upload = _upload_in(request)
        container, seconds = _checked(upload)
        provider = provider_named(session.provider)
        model = provider.transcription_model
        source_id = f"{CLIP_PREFIX}{uuid4().hex}"
        _reserve(session.id, session.user_id, source_id, model, seconds)
        release_connection()
        try:
            transcribed = _transcribe(provider, upload, container)
        except ApiRefused:
            release_clip(session.id, source_id)
            raise
        _keep_usage(session, source_id, model, transcribed, seconds)
        if not transcribed.text:
            raise ApiRefused("no_speech", 422)
        answer: TranscriptionJSON = {"text": transcribed.text}
        return Response(answer)


def _length_of(headers: Mapping[str, Any]) -> int:
    length = str(headers.get("CONTENT_LENGTH") or "0")
    return int(length) if length.isascii() and length.isdigit() else 0


def _upload_in(request: Request) -> "UploadedFile[Any]":
    try:
        given = ClipUpload(data=request.data)
    except UnsupportedMediaType:
        # The sentence of `unsupported_media_type` says "Please send JSON", which is wrong here.
        raise ApiRefused("audio_invalid", 400) from None
    given.is_valid(raise_exception=True)
    upload: UploadedFile[Any] = given.validated_data["file"]
    return upload


def _checked(upload: "UploadedFile[Any]") -> tuple[Container, float]:
    """Return the clip's container and its seconds, the most where the container states none.

    Raises ApiRefused if it is too large, not audio, or too long.
    """
    if (upload.size or 0) > MAX_CLIP_BYTES:
        raise ApiRefused("too_large", 413)
    upload.seek(0)
    container = container_of(upload.read(HEAD_BYTES))
    if container is None:
        raise ApiRefused("audio_invalid", 400)
    seconds = duration_s(container, _file_of(upload))
    if seconds is not None and seconds > MAX_CLIP_S + 1:
        raise ApiRefused("audio_too_long", 400)
    upload.seek(0)
    return container, MAX_CLIP_S if seconds is None else seconds


def _reserve(session_id: UUID, user_id: int, source_id: str, model: str, seconds: float) -> None:
    """Reserve the clip's cost and minutes. Raises ApiRefused if a budget does not allow them."""
    try:
        reserve_clip(session_id, user_id, source_id, model, seconds)
    except BudgetSpent as spent:
        raise budget_refused(spent) from None
    except AdmissionRefused:
        raise ApiRefused("price_unknown", 403) from None


def _file_of(upload: "UploadedFile[Any]") -> BinaryIO:
    return cast(BinaryIO, upload.file)


def _transcribe(
    provider: ConfiguredProvider, upload: "UploadedFile[Any]", container: Container
) -> Transcribed:
    """Transcribe the clip at the provider. Raises ApiRefused if the provider refuses or fails."""
    clip = Clip(f"clip.{container.extension}", container.content_type, _file_of(upload))
    try:
        return asyncio.run(_ask(provider, clip))
    except ClipUnreadable:
        raise ApiRefused("audio_invalid", 400) from None
    except UpstreamError as error:
        log_event(
            _logger, logging.WARNING, "transcription.failed", code=error.code, status=error.status
        )
        raise _refusal_of(error) from None


def _refusal_of(error: UpstreamError) -> ApiRefused:
    """Return the API error for a provider error.

    An unknown model has a code of its own: its cause is a mistyped `TRANSCRIPTION_MODEL`.
    """
    if error.code == "model_not_found":
        return ApiRefused("transcription_model_unknown", 502)
    return ApiRefused(*_REFUSALS[error.ending])


async def _ask(provider: ConfiguredProvider, clip: Clip) -> Transcribed:
    async with provider.rest_client() as client:
        return await transcribe(client, provider.provider, provider.transcription_model, clip)


def _keep_usage(
    session: Session, source_id: str, model: str, transcribed: Transcribed, seconds: float
) -> None:
    """Store the clip's usage; an estimate by its duration if the provider has sent none.

    It replaces the reservation, which is an estimate too. A failure is only logged, so that the
    user still gets the text.
    """
    usage = transcription_usage(source_id, transcribed.usage)
    if usage is None:
        usage = Usage(source_id, "transcription", seconds=seconds or 0.0, is_estimated=True)
    try:
        written = write([UsageWrite(session.pk, None, model, usage, session.user_id)])
        COUNTERS.count_costs(written.costs)
    except DatabaseError as error:
        log_event(
            _logger,
            logging.ERROR,
            "transcription.usage_lost",
            session_id=str(session.pk),
            error=type(error).__name__,
        )
