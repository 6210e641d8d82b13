"""Log lines as JSON, one object a line, for a log collector (`LOG_FORMAT=json`).

    {"time": "2026-11-21T06:38:00.123Z", "level": "INFO", "event": "call.ended",
     "logger": "backend.relay.call", "request_id": "…", "call_id": "…", "ending": "client_left"}

A record of a library has `message` instead of `event`. `exception` has types and frames without the
exception's text, as in `telemetry.logs`, and secrets are redacted by the same rules.
"""

import json
import logging
from collections.abc import Mapping
from enum import Enum
from uuid import UUID

from backend.telemetry.log_context import with_ids
from backend.telemetry.logs import (
    LONGEST_LINE,
    LONGEST_TEXT,
    describe_exception,
    masked,
    message_of,
    utc_stamp,
)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object without line breaks, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. JSON escapes control characters, so a value cannot forge a line."""
        line: dict[str, object] = {"time": utc_stamp(record.created), "level": record.levelname}
        fields = getattr(record, "fields", None)
        if isinstance(fields, Mapping):
            line["event"] = masked(str(record.msg))
        else:
            fields = {}
            line["message"] = masked(message_of(record))[:LONGEST_LINE]
        line["logger"] = record.name
        for name, value in with_ids(fields).items():
            # A field cannot replace what every line has.
            line.setdefault(name, _plain(value))
        line |= _exception_of(record)
        # Without spaces; and each value was masked by itself, as a mask over the finished JSON
        # could take a quotation mark away.
        return json.dumps(line, separators=(",", ":"))


def _exception_of(record: logging.LogRecord) -> dict[str, object]:
    found: dict[str, object] = {}
    if record.exc_info and record.exc_info[1] is not None:
        found["exception"] = masked(describe_exception(record.exc_info[1]))[:LONGEST_LINE]
    elif record.exc_text:
        found["exception"] = masked(record.exc_text)[:LONGEST_LINE]
    if record.stack_info:
        found["stack"] = masked(record.stack_info)[:LONGEST_LINE]
    return found


def _plain(value: object) -> object:
    match value:
        case Enum():
            return _plain(value.value)
        case bool() | None | int():
            return value
        case float():
            # NaN and the infinities are not JSON.
            return round(value, 3) if abs(value) < float("inf") else None
        case UUID():
            return str(value)
        case str():
            return masked(value[:LONGEST_TEXT])
    return f"<{type(value).__name__}>"
