"""Azure OpenAI: the GA Realtime API, `…/openai/v1`, without an `api-version`. PURE.

Source: protocol section 8.1. URL, session, events and closes are OpenAI's. What differs: the key
has a header of its own, a model is the name of a deployment, also that of the transcription, and
some refusals have names of their own.
"""

import json
from collections.abc import Mapping

from backend.protocol.errors import UpstreamError, UpstreamRefused
from backend.protocol.reading import mapping_at
from backend.upstream import failures
from backend.upstream.failures import Failure
from backend.upstream.providers.openai import OpenAI

_NO_SUCH_DEPLOYMENT: Failure = (UpstreamRefused, "model_not_found")

ERROR_CODES: Mapping[str, Failure] = {
    "DeploymentNotFound": _NO_SUCH_DEPLOYMENT,
    # With the service's spelling, and with the usual one: a deployment whose model cannot do this.
    "OpperationNotSupported": _NO_SUCH_DEPLOYMENT,
    "OperationNotSupported": _NO_SUCH_DEPLOYMENT,
}
"""Azure's own error codes, in the body of a 4xx."""


class Azure(OpenAI):
    """Azure's side of `upstream.providers.Provider`."""

    name = "azure"

    def credential_headers(self, api_key: str) -> dict[str, str]:
        """The resource's key. `Authorization` would be an Entra token."""
        return {"api-key": api_key}

    def user_headers(self, safety_identifier: str) -> dict[str, str]:
        """None: a header for the user is documented for OpenAI only."""
        return {}

    def error_of_status(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """By Azure's own error code in the body of a 4xx, else as OpenAI's."""
        named = ERROR_CODES.get(_code_in(body)) if status // 100 == 4 else None
        if named is None:
            return super().error_of_status(status, retry_after, body)
        kind, code = named
        return kind(code, status=status, retry_after_s=failures.seconds_of(retry_after))


def _code_in(body: bytes) -> str:
    try:
        return str(mapping_at(json.loads(body), "error").get("code"))
    except (ValueError, RecursionError):
        return ""
