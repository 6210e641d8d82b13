"""Log lines without keys, tickets, tokens or content.

Our own code logs with `log_event`: an event's name and fields of an allow-list. Records of
libraries pass `Mask`, which redacts secrets, and `LineFormatter`, which writes one line each. An
exception is logged as its type and frames, without its text, which can quote what was sent.
"""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from types import TracebackType
from typing import TypedDict, Unpack
from uuid import UUID

from backend.telemetry.log_context import with_ids

REDACTED = "***"

LONGEST_TEXT = 160
LONGEST_LINE = 4000
_MOST_FRAMES = 12


class Fields(TypedDict, total=False):
    """The fields a log line may have: ids, codes, sizes, times. Never content.

    The type checker refuses any other name. At run time such a field is dropped and its name is
    logged as `dropped`.
    """

    bytes: int
    call_id: str | UUID | None
    calls: int
    code: str | None
    count: int
    duration_ms: float
    ending: str | None
    error: str | None
    event_id: str | None
    event_type: str | None
    exit_code: int | None
    fault: str | None
    frames: int
    host: str
    item_id: str | None
    language: str
    model: str
    origin: str | None
    pid: int
    port: int | None
    request_id: str | None
    retry_after_s: float | None
    retryable: bool
    rows: int
    server: str
    session_id: str | UUID | None
    setting: str
    signal: str
    status: int | None
    turns: int
    user_id: int | None
    version: str
    voice: str
    wait_s: float
    where: str | None
    worker: str


ALLOWED_FIELDS = frozenset(Fields.__annotations__)

_SECRETS = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # Authorization, as it looks in a header dump or a URL.
        (r"(bearer)(?:[\s:=+]|%20)+[^\s\"',;<>(){}\[\]]+", rf"\1 {REDACTED}"),
        (r"(token)(?:[\s:=+\"']|%20)+[0-9a-f]{40}", rf"\1 {REDACTED}"),
        (r"(relay\.ticket\.|openai-insecure-api-key\.)[^\s\"',;<>(){}\[\]]+", rf"\1{REDACTED}"),
        (r"([?&](?:token|ticket|access_token|api[_-]?key|key)=)[^\s&\"'<>#]+", rf"\1{REDACTED}"),
        # The header of Azure's key, as it looks in a dump.
        (r"(api-key[\"']?\s*[:=,]\s*b?[\"']?)[^\s\"',;<>(){}\[\]]+", rf"\1{REDACTED}"),
        # `user:password@` of a database or a proxy.
        (r"(://[^\s/:@]*):[^\s/@]+@", rf"\1:{REDACTED}@"),
        # Keys: short ones only at the start of a word, long ones anywhere.
        (r"(?<![a-z0-9])(sk|ek)[-_][\w*.-]{3,}", rf"\1-{REDACTED}"),
        (r"(sk|ek)[-_][\w*-]{20,}", rf"\1-{REDACTED}"),
        # A token (40 hexadecimal digits) or a ticket (43 characters) alone, as in a mistyped path.
        # A ticket has small and capital letters; names of pods, tests and events do not.
        (r"(?<![\w-])[0-9a-f]{40}(?![\w-])", REDACTED),
        (
            r"(?<![\w-])(?=[\w-]*(?-i:[a-z]))(?=[\w-]*(?-i:[A-Z]))[a-z0-9_-]{43}(?![\w-])",
            REDACTED,
        ),
    )
)
_PART_OF_A_SECRET = re.compile(
    r"bearer|token|relay\.ticket|api-key|[?&]|://|(?:sk|ek)[-_]|[\w-]{40}", re.IGNORECASE
)
"""Each of `_SECRETS` has one of these. To look for them first takes a fifth of the time, and most
values of our own lines have none."""


def masked(text: str) -> str:
    """Return the text with everything that looks like a secret redacted. Idempotent."""
    if _PART_OF_A_SECRET.search(text) is None:
        return text
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def log_event(logger: logging.Logger, level: int, event: str, **fields: Unpack[Fields]) -> None:
    """Log `event`, a dotted name such as `call.ended`, with fields of the allow-list."""
    if not logger.isEnabledFor(level):
        return
    kept = {name: value for name, value in fields.items() if name in ALLOWED_FIELDS}
    if refused := sorted(fields.keys() - ALLOWED_FIELDS):
        kept["dropped"] = ",".join(refused)
    logger.log(level, event, extra={"fields": kept})


class Mask(logging.Filter):
    """Redacts secrets in a record before it is formatted: message, arguments, traceback, stack.

    It drops what libraries log for debugging, whatever the level is set to: websockets logs frames,
    and with them words, and Django logs queries with their values.

    Message and arguments are joined first, so that a secret split between them is found. An
    exception among the arguments becomes its type's name. Never raises, because the exception would
    reach the code that logs.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.INFO and record.name.partition(".")[0] != "backend":
            return False
        record.msg, record.args = masked(message_of(record)), None
        if record.exc_info and record.exc_info[1] is not None:
            # A formatter uses `exc_text` if it is set; its own would include the exception's text.
            record.exc_text = describe_exception(record.exc_info[1])
        elif record.exc_text:
            record.exc_text = masked(record.exc_text)
        if record.stack_info:
            record.stack_info = masked(record.stack_info)
        return True


class LineFormatter(logging.Formatter):
    """Formats a record as `2026-11-21T06:38:00.123Z INFO call.ended ending=client_left`.

    The ids of the request and of the call that the code works for come last.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Control characters are escaped, so that a value cannot forge a line."""
        parts = [utc_stamp(record.created), record.levelname]
        fields = getattr(record, "fields", None)
        if isinstance(fields, Mapping):
            parts.append(str(record.msg))
        else:
            fields = {}
            parts += [record.name, message_of(record)]
        parts += [f"{name}={_value(value)}" for name, value in with_ids(fields).items()]
        if record.exc_info and record.exc_info[1] is not None:
            parts.append(f"| {describe_exception(record.exc_info[1])}")
        elif record.exc_text:
            parts.append(f"| {record.exc_text}")
        if record.stack_info:
            parts.append(f"| {record.stack_info}")
        return masked(_one_line(" ".join(parts)))[:LONGEST_LINE]


def message_of(record: logging.LogRecord) -> str:
    """Return the record's message, with exceptions as their types; never raises."""
    args = record.args
    if isinstance(args, tuple):
        args = tuple(_without_exception_text(arg) for arg in args)
    elif isinstance(args, Mapping):
        args = {name: _without_exception_text(arg) for name, arg in args.items()}
    try:
        text = str(_without_exception_text(record.msg))
        return text % args if args else text
    except Exception:
        return f"a log line that cannot be formatted, at {record.filename}:{record.lineno}"


def _without_exception_text(value: object) -> object:
    return type(value).__name__ if isinstance(value, BaseException) else value


def _value(value: object) -> str:
    match value:
        case Enum():
            return _value(value.value)
        case bool() | None | UUID():
            return str(value)
        case int():
            return str(value)
        case float():
            return f"{value:.3f}".rstrip("0").rstrip(".")
        case str():
            text = value[:LONGEST_TEXT]
            return text if re.fullmatch(r"[^\s\"=]+", text) else f'"{text}"'
    return f"<{type(value).__name__}>"


def utc_stamp(created: float) -> str:
    """Return a time in seconds since 1970 as `2026-11-21T06:38:00.123Z`."""
    moment = datetime.fromtimestamp(created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def describe_exception(error: BaseException) -> str:
    """Return types and frames of an exception and its causes, innermost frame last; no text."""
    described, seen = "", set[int]()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        described += (
            f"{' from ' if described else ''}{_name(current)}{_frames(current.__traceback__)}"
        )
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    return described


def _name(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, BaseExceptionGroup):
        return f"{name}({', '.join(describe_exception(inner) for inner in error.exceptions)})"
    return name


def _frames(traceback: TracebackType | None) -> str:
    frames: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        place = "/".join(code.co_filename.split("/")[-2:])
        frames.append(f"{place}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return f" at {' > '.join(frames[-_MOST_FRAMES:])}" if frames else ""
