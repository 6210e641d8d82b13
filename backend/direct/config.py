"""What `GET /api/config/` says about direct sessions (`backend.urls` puts the two together)."""

from django.conf import settings

from backend import catalogue
from backend.configured_providers import ConfiguredProvider, configured_providers
from backend.conversations.serializers import DirectConfigJSON, DirectProviderJSON
from backend.direct.key_request import DEFAULT_VOICE
from backend.direct.provider_urls import provider_urls


def direct_config() -> DirectConfigJSON | None:
    """Where and with what a browser connects directly; None while `DIRECT_SESSIONS` is off."""
    if not settings.DIRECT_SESSIONS:
        return None
    offered = [_offered(each) for each in configured_providers().values()]
    return {**offered[0], "providers": offered}


def _offered(provider: ConfiguredProvider) -> DirectProviderJSON:
    urls = provider_urls(provider.base_url)
    return {
        "provider": provider.name,
        "websocket_url": urls.websocket_url,
        "calls_url": urls.calls_url,
        "models": list(provider.realtime_models),
        "model": provider.realtime_model,
        "voices": list(catalogue.VOICES),
        "voice": DEFAULT_VOICE,
    }
