"""An error as the bytes of an HTTP response."""

import json
from http import HTTPStatus

from backend.serving.error_response import error_response
from backend.wording import sentence


def test_an_error_is_a_whole_response_that_closes_the_connection() -> None:
    head, _, body = error_response(HTTPStatus.REQUEST_TIMEOUT, "malformed").partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 408 Request Timeout",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        b"Connection: close",
    ]
    error = {"code": "malformed", "message": sentence("malformed", "en")}
    assert json.loads(body) == {"error": error}
