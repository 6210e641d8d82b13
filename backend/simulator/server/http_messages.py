"""HTTP/1.1 messages: reads a request's head and a form; writes whole and chunked responses.

Every response closes its connection, so that one connection has one request.
"""

import asyncio
import http.client
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message

JSON = "application/json"
AZURE_PREFIX = "/openai"
"""Azure serves the API at `/openai/v1`: all paths are also those with this prefix."""
HeaderFields = Sequence[tuple[str, str]]


def plain_path(path: str) -> str:
    """A path of the API as it is without Azure's prefix."""
    return path.removeprefix(AZURE_PREFIX) if path.startswith(f"{AZURE_PREFIX}/v1/") else path


def content_length(head: bytes) -> int:
    """The request's Content-Length; 0 if it is absent or no number.

    A number of more than nine digits is too large, whatever it is: Python's `int` refuses more than
    4,300 digits.
    """
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            digits = value.strip(b" \t")
            if not digits.isdigit():
                return 0
            return int(digits) if len(digits) <= 9 else 10**9
    return 0


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request; `path` has no query, no slash at its end and not Azure's prefix, header names are
    in lower case.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


def parse_head(head: bytes) -> HttpRequest:
    """The request without its body; `head` ends before the empty line."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, *_ = [*first.split(" "), "", ""]
    fields = [line.partition(":") for line in lines]
    headers = {name.strip().lower(): value.strip(" \t") for name, _, value in fields}
    return HttpRequest(method, plain_path(path.partition("?")[0].rstrip("/")), headers)


# ── Forms ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file in a form, with the name and the type that the client gave it."""

    filename: str
    content_type: str
    content: bytes


@dataclass(slots=True)
class Form:
    """The fields of a form: texts and files by name; of several with one name, the first."""

    texts: dict[str, str] = field(default_factory=dict)
    files: dict[str, FormFile] = field(default_factory=dict)


def _header(value: str) -> Message:
    made = Message()
    made["Content-Type"] = value
    return made


def _param(value: str, name: str) -> str | None:
    found = _header(value).get_param(name)
    return found if isinstance(found, str) else None


def parse_form(content_type: str, body: bytes) -> Form:
    """Parse `multipart/form-data` (RFC 7578). Raises ValueError if it is none."""
    boundary = _param(content_type, "boundary")
    if not content_type.lower().startswith("multipart/form-data") or not boundary:
        raise ValueError("no multipart/form-data with a boundary")
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    before, *parts = (b"\r\n" + body).split(delimiter)
    if before or not parts or not parts.pop().startswith(b"--"):
        raise ValueError("the form does not begin and end with its boundary")
    form = Form()
    for part in parts:
        _add_part(form, part.removeprefix(b"\r\n"))
    return form


def _add_part(form: Form, part: bytes) -> None:
    head, found, content = part.partition(b"\r\n\r\n")
    if not found:
        raise ValueError("a part of the form has no end of its head")
    fields = [line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n")]
    headers = {key.strip().lower(): value.strip() for key, _, value in fields}
    disposition = headers.get("content-disposition", "")
    name, filename = _param(disposition, "name"), _param(disposition, "filename")
    if name is None:
        raise ValueError("a part of the form has no name")
    if filename is None:
        form.texts.setdefault(name, content.decode("utf-8", "replace"))
    else:
        type = headers.get("content-type", "application/octet-stream")
        form.files.setdefault(name, FormFile(filename, type, content))


# ── Responses ─────────────────────────────────────────────────────────────────────────────────────


class HttpExchange:
    """Answers one request on its transport. `drain` waits until the client reads."""

    def __init__(
        self, transport: asyncio.Transport, drain: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._transport = transport
        self._drain = drain

    def respond(
        self, status: int, body: bytes, content_type: str = JSON, headers: HeaderFields = ()
    ) -> None:
        """Send a whole response and close."""
        self._write_head(status, content_type, [("Content-Length", str(len(body))), *headers])
        self._transport.write(body)
        self._transport.close()

    def respond_in_part(self, body: bytes) -> None:
        """Send the head and the first half of a response, and cut the connection."""
        self._write_head(200, JSON, [("Content-Length", str(len(body)))])
        self._transport.write(body[: len(body) // 2])
        self.abort()

    def start_stream(self, content_type: str, headers: HeaderFields = ()) -> None:
        """Send the head of a response whose body follows in chunks."""
        self._write_head(200, content_type, [("Transfer-Encoding", "chunked"), *headers])

    async def send(self, data: bytes) -> None:
        """Send a chunk of the body, not empty."""
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        if self._drain is not None:
            await self._drain()

    def finish(self) -> None:
        """Send the end of the chunks and close."""
        self._transport.write(b"0\r\n\r\n")
        self._transport.close()

    def close(self) -> None:
        """Close without sending more."""
        self._transport.close()

    def abort(self) -> None:
        """Cut the TCP connection."""
        self._transport.abort()

    def _write_head(self, status: int, content_type: str, headers: HeaderFields) -> None:
        # Not every status from 400 to 599 has a reason phrase.
        phrase = http.client.responses.get(status, "Refused")
        fields = [("Content-Type", content_type), ("Connection", "close"), *headers]
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        self._transport.write(f"HTTP/1.1 {status} {phrase}\r\n{lines}\r\n".encode())
