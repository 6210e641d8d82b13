"""An error as a whole HTTP/1.1 response, for a connection that no application serves. Pure."""

import json
from http import HTTPStatus

from backend.wording import sentence


def error_response(status: HTTPStatus, code: str) -> bytes:
    """A whole HTTP response in the API's error shape, which closes the connection.

    In English: what the client prefers may not be known yet.
    """
    body = json.dumps({"error": {"code": code, "message": sentence(code, "en")}}).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
