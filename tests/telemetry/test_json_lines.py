"""JSON log lines: one object a line, with ids, without secrets, content or forged fields."""

import io
import json
import logging
import string
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.endings import Ending
from backend.telemetry.json_lines import JsonFormatter
from backend.telemetry.log_context import CALL_ID
from backend.telemetry.logs import LineFormatter, Mask, log_event
from backend.telemetry.request_ids import remember_request_id

KEY_LETTERS = st.text(string.ascii_letters + string.digits + "_-", min_size=24, max_size=60)

Log = tuple[logging.Logger, Callable[[], dict[str, Any]]]


@pytest.fixture
def log() -> Iterator[Log]:
    """A logger with the filter and formatter of `LOG_FORMAT=json`, and its last line, parsed."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(Mask())
    handler.setFormatter(JsonFormatter())
    logger = logging.Logger("somebody", logging.DEBUG)
    logger.addHandler(handler)
    yield logger, lambda: json.loads(written.getvalue().splitlines()[-1])
    handler.close()


@pytest.fixture
def in_call() -> Context:
    """A context with the ids of a request and of a call."""
    context = Context()
    context.run(remember_request_id, "request-0001")
    context.run(CALL_ID.set, "call-0001")
    return context


def test_an_event_is_an_object_with_its_fields(log: Log, in_call: Context) -> None:
    logger, line = log
    in_call.run(
        log_event,
        logger, logging.INFO, "call.ended",
        session_id=UUID(int=7), ending=Ending.CLIENT_LEFT, duration_ms=1234.5678, bytes=3,
        retryable=False, status=None, event_type='two "words"\n',
    )  # fmt: skip
    found = line()
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "INFO",
        "event": "call.ended",
        "logger": "somebody",
        "request_id": "request-0001",
        "call_id": "call-0001",
        "session_id": "00000000-0000-0000-0000-000000000007",
        "ending": "client_left",
        "duration_ms": 1234.568,
        "bytes": 3,
        "retryable": False,
        "status": None,
        "event_type": 'two "words"\n',
    }


def test_an_explicit_call_id_wins_over_the_contexts(log: Log, in_call: Context) -> None:
    logger, line = log
    in_call.run(log_event, logger, logging.INFO, "recorder.row_refused", call_id="another")
    assert line()["call_id"] == "another"


def test_a_librarys_record_is_a_message_with_the_ids(log: Log, in_call: Context) -> None:
    logger, line = log
    in_call.run(logger.warning, "said %s with Bearer abc.def", "hello")
    found = line()
    assert (found["message"], found["call_id"]) == ("said hello with Bearer ***", "call-0001")
    assert "event" not in found


def test_an_exception_has_no_text(log: Log) -> None:
    logger, line = log
    try:
        raise KeyError("what the user said")
    except KeyError:
        logger.exception("call.failed")
    found = line()
    assert found["exception"].startswith("KeyError at telemetry/test_json_lines.py:")
    assert "said" not in json.dumps(found)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_json_is_null(log: Log, value: float) -> None:
    logger, line = log
    log_event(logger, logging.INFO, "odd", duration_ms=value)
    assert line()["duration_ms"] is None


def test_a_field_cannot_replace_what_every_line_has(log: Log) -> None:
    logger, line = log
    logger.info("odd", extra={"fields": {"level": "DEBUG", "event": "forged", "code": {"a": 1}}})
    found = line()
    assert (found["level"], found["event"], found["code"]) == ("INFO", "odd", "<dict>")


def test_the_text_form_has_the_ids_too(in_call: Context) -> None:
    record = logging.LogRecord("a.library", logging.INFO, "x", 1, "hello", None, None)
    line = in_call.run(LineFormatter().format, record)
    assert line.endswith("INFO a.library hello call_id=call-0001 request_id=request-0001")


@given(
    secret=KEY_LETTERS,
    shape=st.sampled_from(["sk-%s", "Bearer %s", "?token=%s", '"%s', "\\%s\n"]),
    where=st.sampled_from(["args", "exception", "stack", "field"]),
)
def test_no_way_of_logging_lets_a_key_through(secret: str, shape: str, where: str) -> None:
    key = "sk-" + secret
    record = logging.LogRecord("x", logging.INFO, __file__, 1, shape, (key,), None)
    if where == "exception":
        record.exc_text = f"ValueError: {key}"
    elif where == "stack":
        record.stack_info = f"Stack:\n  {key}"
    elif where == "field":
        record.fields = {"code": shape % key}
    Mask().filter(record)
    line = JsonFormatter().format(record)
    assert secret not in line and "\n" not in line
    json.loads(line)
