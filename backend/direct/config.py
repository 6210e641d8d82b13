"""What `GET /api/config/` says about direct sessions (`backend.urls` puts the two together)."""

from django.conf import settings

from backend import catalogue
from backend.conversations.serializers import DirectConfigJSON
from backend.direct.ephemeral_keys_api import default_model, offered
from backend.direct.key_request import DEFAULT_VOICE
from backend.direct.provider_urls import provider_urls


def direct_config() -> DirectConfigJSON | None:
    """Where and with what a browser connects directly; None while `DIRECT_SESSIONS` is off."""
    if not settings.DIRECT_SESSIONS:
        return None
    urls = provider_urls(settings.OPENAI_BASE_URL)
    return {
        "websocket_url": urls.websocket_url,
        "calls_url": urls.calls_url,
        "models": offered(),
        "model": default_model(),
        "voices": list(catalogue.VOICES),
        "voice": DEFAULT_VOICE,
    }
