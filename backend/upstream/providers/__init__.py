"""The providers that the relay can use, by name.

To add one: a file here with a class of the methods in `interface.py`, a row in `PROVIDERS`, its
name among the choices of `REALTIME_PROVIDER` in `backend.settings_table`, and a test file in
`tests/upstream/providers`. `tests/upstream/fake_provider.py` is the smallest example.
"""

from collections.abc import Mapping

from backend.upstream.providers.interface import Provider
from backend.upstream.providers.openai import OpenAI

PROVIDERS: Mapping[str, Provider] = {provider.name: provider for provider in (OpenAI(),)}


def by_name(name: str) -> Provider:
    """The provider of this name. Raises KeyError; the settings table refuses unknown names."""
    return PROVIDERS[name]
