"""REST: a sample of a voice, said by the model of the calls.

A sample costs a few cents at most and is the same for everyone, so it is kept in Django's cache by
model, voice and language, and made again after `KEPT_S` at the earliest. It belongs to no session
and is in nobody's budget: its row in the ledger has no user.
"""

import asyncio
import io
import logging
import wave
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from backend import catalogue
from backend.accounts import tokens
from backend.accounts.throttles import SharedThrottle
from backend.api_errors import ApiRefused, StrictSerializer
from backend.api_schema import errors
from backend.configured_providers import ConfiguredProvider, default_provider
from backend.conversations.ledger import write_unowned
from backend.conversations.models import Session
from backend.database import DATABASE_UNAVAILABLE, release_connection
from backend.protocol.errors import UpstreamError
from backend.protocol.usage import Usage
from backend.runtime import session_settings_for, target_for
from backend.telemetry.logs import log_event
from backend.upstream.voice_sample import speak_sample
from backend.wording import Language

DEFAULT_VOICE = "default"
"""Stands for the setting `REALTIME_VOICE`."""
KEPT_S = 30 * 24 * 3600
_INSTRUCTIONS: dict[Language, str] = {
    "en": "Say exactly this, and nothing else: Hello. This is how I sound when we talk.",
    "ja": "次の文だけを、そのまま言ってください。こんにちは。こんな声でお話しします。",
}

_logger = logging.getLogger(__name__)


class SampleQuery(StrictSerializer):
    """The parameters of the URL."""

    language = serializers.ChoiceField(Session.Language.choices)


class VoiceSampleThrottle(SharedThrottle, UserRateThrottle):
    """Limits the samples of one user, because one that is not kept yet costs money."""

    scope = "voice_sample"


class VoiceSample(APIView):
    """`GET`: a sample of a voice."""

    throttle_classes = (VoiceSampleThrottle,)

    @extend_schema(
        operation_id="voiceSample",
        parameters=[OpenApiParameter("language", str, enum=Session.Language.values, required=True)],
        responses={
            (200, "audio/wav"): OpenApiResponse(OpenApiTypes.BINARY, description=""),
            **errors(400, 401, 404, 429, 503),
        },
    )
    def get(self, request: Request, voice: str) -> HttpResponse:
        """200 with a WAV file of some seconds. 404 for an unknown voice."""
        query = SampleQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        language: Language = query.validated_data["language"]
        voice = settings.REALTIME_VOICE if voice == DEFAULT_VOICE else voice
        if voice not in catalogue.VOICES:
            raise Http404
        provider = default_provider()
        key = f"voice_sample:{provider.name}:{provider.realtime_model}:{voice}:{language}"
        sample: bytes | None = cache.get(key)
        if sample is None:
            sample = _made(provider, tokens.user_id_of(request), voice, language)
            cache.set(key, sample, KEPT_S)
        return HttpResponse(sample, content_type="audio/wav")


def _made(chosen: ConfiguredProvider, user_id: int, voice: str, language: Language) -> bytes:
    """Have the provider say the sample. Raises ApiRefused("voice_sample_failed")."""
    provider, model = chosen.provider, chosen.realtime_model
    session: dict[str, Any] = provider.session(
        session_settings_for(language, voice, chosen.transcription_model)
    )
    release_connection()
    try:
        # A thread and an event loop of its own: the audio of calls does not wait.
        sample = asyncio.run(
            speak_sample(provider, target_for(user_id, chosen), session, _INSTRUCTIONS[language])
        )
    except UpstreamError as error:
        log_event(_logger, logging.WARNING, "voice_sample.failed", code=error.code)
        raise ApiRefused("voice_sample_failed", 503) from None
    if sample.usage is not None:
        _count(model, sample.usage)
    duration_ms = 1000 * len(sample.pcm) / 2 / provider.audio_rate_hz
    log_event(
        _logger,
        logging.INFO,
        "voice_sample.made",
        model=model,
        voice=voice,
        duration_ms=duration_ms,
    )
    return _wav(sample.pcm, provider.audio_rate_hz)


def _count(model: str, used: Usage) -> None:
    """Store the usage in the ledger. If the database is away, log it instead: the sample is paid
    for, and without it the next request would pay again.
    """
    try:
        write_unowned(model, used)
    except DATABASE_UNAVAILABLE as error:
        log_event(
            _logger,
            logging.ERROR,
            "voice_sample.uncounted",
            model=model,
            error=type(error).__name__,
        )


def _wav(pcm: bytes, rate_hz: int) -> bytes:
    """A WAV file of mono PCM16."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm)
    return held.getvalue()
