"""PURE: errors of HTTP requests, in the provider's format, and the key of a request."""

from collections.abc import Mapping
from dataclasses import replace

from backend.simulator.engine import mishaps
from backend.simulator.engine.errors import ClientEventError
from backend.simulator.engine.mishaps import Api, Kind, Mishap


class HttpError(Exception):
    """The request gets an error: the status, and the fields of the provider's error object."""

    def __init__(
        self, status: int, message: str, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = mishaps.error_body("invalid_request_error", code, message, param)


def http_error(error: ClientEventError, status: int = 400) -> HttpError:
    """The HTTP error of an invalid parameter."""
    return HttpError(status, error.message, error.code, error.param)


def refusal_of(mishap: Mishap, api: Api) -> mishaps.HttpRefusal | None:
    """The HTTP error that a mishap makes of a request; None if it does something else."""
    if mishap.kind is Kind.RATE_LIMIT and api in mishaps.SESSION_APIS:
        return None  # It is for the session's responses.
    match mishap.kind:
        case Kind.REFUSE | Kind.REDIRECT:
            return mishaps.http_refusal(mishap)
        case Kind.RATE_LIMIT:
            return mishaps.http_refusal(replace(mishap, kind=Kind.REFUSE, status=429))
        case Kind.INVALID_KEY:
            return mishaps.http_refusal(replace(mishap, kind=Kind.REFUSE, status=401))
    return None


def key_of(headers: Mapping[str, str]) -> str:
    """The key in the header `api-key`, as Azure has it, else the bearer token.

    `headers` have lower-case names. Raises HttpError (401) if there is none.
    """
    key = headers.get("api-key", "").strip(" \t")
    return key or _bearer_key(headers.get("authorization", ""))


def incorrect_key(key: str, headers: Mapping[str, str]) -> HttpError:
    """The 401 for a wrong key, in the shape of the provider whose header it came in."""
    if "api-key" in headers:
        return HttpError(401, "Access denied: the subscription key is not valid.", "401")
    # Like the provider, the error shows the ends of the key only.
    masked = f"{key[:5]}{'*' * 8}{key[-4:]}"
    return HttpError(401, f"Incorrect API key provided: {masked}.", "invalid_api_key")


def _bearer_key(authorization: str) -> str:
    """The key in an Authorization header. Raises HttpError if there is none."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.strip(" \t"):
        raise HttpError(401, "Missing bearer or basic authentication in header")
    return key.strip(" \t")
