"""The provider's URLs for browsers."""

import pytest

from backend.direct.provider_urls import ProviderUrls, provider_urls


@pytest.mark.parametrize(
    ("base", "urls"),
    [
        (
            "https://api.openai.com/v1",
            ProviderUrls(
                "wss://api.openai.com/v1/realtime",
                "https://api.openai.com/v1/realtime/calls",
                ("https://api.openai.com", "wss://api.openai.com"),
            ),
        ),
        (
            "http://127.0.0.1:8090/v1/",
            ProviderUrls(
                "ws://127.0.0.1:8090/v1/realtime",
                "http://127.0.0.1:8090/v1/realtime/calls",
                ("http://127.0.0.1:8090", "ws://127.0.0.1:8090"),
            ),
        ),
        (
            "HTTPS://[::1]:8443/openai/v1",
            ProviderUrls(
                "wss://[::1]:8443/openai/v1/realtime",
                "https://[::1]:8443/openai/v1/realtime/calls",
                ("https://[::1]:8443", "wss://[::1]:8443"),
            ),
        ),
    ],
)
def test_the_urls_follow_from_the_base(base: str, urls: ProviderUrls) -> None:
    assert provider_urls(base) == urls
