"""The providers that the relay can use, by name.

To add one: a file here with a class of the methods in `interface.py`, a row in `PROVIDERS`, its
settings and its name among the choices of `REALTIME_PROVIDER` in `backend.settings_table`, what
they mean in `backend.configured_providers`, and a test file in `tests/upstream/providers`.
`azure.py` and `tests/upstream/fake_provider.py` are examples.
"""

from collections.abc import Mapping

from backend.upstream.providers.azure import Azure
from backend.upstream.providers.interface import Provider
from backend.upstream.providers.openai import OpenAI

PROVIDERS: Mapping[str, Provider] = {provider.name: provider for provider in (OpenAI(), Azure())}
