"""Log lines: their form, and that secrets and content never appear."""

import asyncio
import io
import logging
import os
import string
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.endings import Ending
from backend.telemetry import logs
from backend.telemetry.logs import ALLOWED_FIELDS, LineFormatter, Mask, log_event, masked
from backend.telemetry.request_ids import remember_request_id

ROOT = Path(__file__).resolve().parent.parent.parent
KEY_LETTERS = st.text(string.ascii_letters + string.digits + "_-", min_size=24, max_size=60)
HEX_40 = st.text("0123456789abcdef", min_size=40, max_size=40)
NOISE = st.text(max_size=20)


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger with the filter and formatter of the settings, and its output."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(Mask())
    handler.setFormatter(LineFormatter())
    logger = logging.Logger("somebody", logging.DEBUG)
    logger.addHandler(handler)
    yield logger, written
    handler.close()


def test_an_event_is_one_line_with_its_fields(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    log_event(
        logger,
        logging.INFO,
        "call.ended",
        call_id=UUID(int=7),
        ending=Ending.CLIENT_LEFT,
        duration_ms=1234.5678,
        bytes=3,
        retryable=False,
        status=None,
        event_type="two words",
    )
    stamp, _, rest = written.getvalue().partition(" ")
    assert stamp.endswith("Z") and len(stamp) == 24
    assert rest == (
        "INFO call.ended call_id=00000000-0000-0000-0000-000000000007 ending=client_left"
        ' duration_ms=1234.568 bytes=3 retryable=False status=None event_type="two words"\n'
    )


@pytest.mark.parametrize("name", ["websockets.client", "uvicorn.error", "django.db.backends"])
def test_no_level_makes_a_library_log_what_was_sent(
    log: tuple[logging.Logger, io.StringIO], name: str
) -> None:
    logger, written = log
    logger.name = name
    logger.debug("< TEXT %s", "my secret")
    assert written.getvalue() == ""
    logger.info("started")
    assert "started" in written.getvalue()


def test_our_own_lines_for_debugging_are_kept(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    logger.name = "backend.relay.call"
    log_event(logger, logging.DEBUG, "call.ended", code="x")
    assert "code=x" in written.getvalue()


@pytest.mark.parametrize("secret", ["0123456789abcdef" * 2 + "01234567", "aB3-_" * 8 + "xyz"])
def test_a_token_or_a_ticket_alone_in_a_path_is_redacted(secret: str) -> None:
    assert masked(f"Not Found: /api/{secret}/x") == "Not Found: /api/***/x"
    assert masked(f"Not Found: /{secret}") == "Not Found: /***"
    longer = f"/static/{secret}{secret}"
    assert masked(longer) == longer


@pytest.mark.parametrize(
    "name",
    [
        "kaiwa-web-7d9f8b6c5d-x2x4z-and-more-1234567",
        "conversation_item_input_audio_transcription",
        "-" * 43,
    ],
)
def test_a_name_as_long_as_a_ticket_is_kept(name: str) -> None:
    assert len(name) == 43
    assert masked(f"worker={name}:7") == f"worker={name}:7"


def test_a_field_outside_the_list_is_dropped_and_its_name_logged(
    log: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, written = log
    log_event(logger, logging.INFO, "call.ended", code="x", transcript="my secret")  # type: ignore[call-arg]
    assert "my secret" not in written.getvalue()
    assert "code=x dropped=transcript" in written.getvalue()


async def test_a_line_about_a_request_has_its_id(
    log: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, written = log

    async def request() -> None:
        remember_request_id("0f3c")
        log_event(logger, logging.INFO, "call.opened", code="x")

    await asyncio.create_task(request())
    log_event(logger, logging.INFO, "heartbeat.failed", code="y")
    first, second = written.getvalue().splitlines()
    assert first.endswith("INFO call.opened code=x request_id=0f3c")
    assert second.endswith("INFO heartbeat.failed code=y")


def test_no_field_of_the_list_is_for_content() -> None:
    assert not ALLOWED_FIELDS & {
        "text", "message", "transcript", "audio", "body", "instructions", "token", "ticket", "key",
        "headers", "username", "password", "exception", "reason", "frame", "event", "delta",
    }  # fmt: skip


def test_a_value_of_another_type_is_logged_as_its_type(
    log: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, written = log
    log_event(logger, logging.INFO, "odd", code={"text": "said aloud"})  # type: ignore[arg-type]
    assert "code=<dict>" in written.getvalue()


def test_a_value_cannot_forge_a_line_or_a_field(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    log_event(logger, logging.INFO, "odd", code='a\nERROR fake b="1" \x1b[31m', where="a=b")
    assert written.getvalue().count("\n") == 1
    assert 'where="a=b"' in written.getvalue()
    assert "\x1b" not in written.getvalue()


def test_nothing_is_formatted_for_a_disabled_level(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    logger.setLevel(logging.WARNING)
    log_event(logger, logging.INFO, "quiet")
    assert written.getvalue() == ""


def test_an_exception_is_logged_without_its_text(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log

    def fail() -> None:
        raise KeyError("what the user said")

    try:
        try:
            fail()
        except KeyError as error:
            raise ExceptionGroup("she said", [ValueError("he said")]) from error
    except ExceptionGroup:
        logger.exception("It broke")
    line = written.getvalue()
    assert "said" not in line
    assert line.count("\n") == 1
    assert "It broke | ExceptionGroup(ValueError) at telemetry/test_logs.py:" in line
    assert "from KeyError at telemetry/test_logs.py:" in line
    assert line.endswith(" fail\n")


def test_an_exception_among_the_arguments_is_logged_as_its_type(
    log: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, written = log
    logger.error("Inside: %s", ValueError("what the user said"))
    logger.error("%(why)s", {"why": ValueError("what the user said")})
    logger.error(ValueError("what the user said"))
    assert "said" not in written.getvalue()
    assert written.getvalue().count("ValueError") == 3


def test_a_record_that_cannot_be_formatted_is_logged_without_its_arguments(
    log: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, written = log
    logger.error("%d of %d", "what the user said")
    assert "said" not in written.getvalue()
    assert "cannot be formatted, at test_logs.py:" in written.getvalue()


def test_a_stack_stays_on_the_line(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    logger.warning("here", stack_info=True)
    assert written.getvalue().count("\n") == 1


def test_the_formatter_alone_masks_and_omits_exception_texts() -> None:
    try:
        raise ValueError("Bearer abcdefgh")
    except ValueError:
        record = logging.LogRecord("x", 40, __file__, 1, "sk-%s", ("abcdefgh",), sys.exc_info())
    line = LineFormatter().format(record)
    assert "abcdefgh" not in line


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("authorization=bearer%20abcdef", "abcdef"),
        ("{b'authorization': b'Bearer abcdef'}", "abcdef"),
        ("Token " + "0123456789" * 4, "0123456789"),
        ("'Token': '" + "0123456789" * 4, "0123456789"),
        ("realtime, relay.ticket.abc_DEF-1", "abc_DEF-1"),
        ("openai-insecure-api-key.ek_68af", "68af"),
        ("GET /ws/realtime/1/?token=abcdef&x=1", "abcdef"),
        ("GET /openai/realtime?api-key=abcdef&x=1", "abcdef"),
        ("> api-key: 0123abcd", "0123abcd"),
        ("{b'api-key': b'0123abcd'}", "0123abcd"),
        ("[('API-Key', '0123abcd')]", "0123abcd"),
        ("postgres://kaiwa:hunter2@db:5432/kaiwa", "hunter2"),
        ("Incorrect API key provided: sk-proj-ab*****yz.", "ab*****yz"),
        ("key ek_abc", "ek_abc"),
        ("\\nsk-" + "a1" * 12, "a1a1"),
    ],
)
def test_a_secret_is_redacted(text: str, secret: str) -> None:
    assert secret not in masked(text)
    assert masked(masked(text)) == masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "Task-12 finished",
        "the bearer",
        "token refused",
        "call 7f0c1d62-8a53-4bb5-9a38-9a3cf3a0c0de ended",
        "http://127.0.0.1:8000/healthz",
        "GET /api/sessions/?page=2",
        "relay.ready after relay.ticket",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert masked(text) == text


@given(before=NOISE, secret=KEY_LETTERS, after=NOISE, prefix=st.sampled_from(["sk-", "ek_"]))
def test_a_long_key_never_survives_wherever_it_stands(
    before: str, secret: str, after: str, prefix: str
) -> None:
    assert secret[:20] not in masked(before + prefix + secret + after).replace(before, "", 1)


@given(before=NOISE, secret=HEX_40, after=NOISE)
def test_a_token_never_survives_behind_its_word(before: str, secret: str, after: str) -> None:
    assert secret not in masked(f"{before}Token {secret}{after}")


@given(
    secret=KEY_LETTERS,
    after=NOISE,
    prefix=st.sampled_from(["Bearer ", "relay.ticket.", "openai-insecure-api-key.", "?token="]),
)
def test_a_ticket_never_survives_behind_its_prefix(secret: str, after: str, prefix: str) -> None:
    assert secret not in masked(prefix + secret + after)


@given(
    secret=KEY_LETTERS,
    shape=st.sampled_from(["sk-%s", "Bearer %s", "?token=%s", "%s"]),
    where=st.sampled_from(["args", "named", "exception", "stack", "field"]),
)
def test_no_way_of_logging_lets_a_key_through(secret: str, shape: str, where: str) -> None:
    key = "sk-" + secret
    record = logging.LogRecord("x", logging.INFO, __file__, 1, shape, (key,), None)
    if where == "named":
        record.msg, record.args = shape.replace("%s", "%(k)s"), ({"k": key},)
        record.args = {"k": key}
    elif where == "exception":
        record.exc_text = f"ValueError: {key}"
    elif where == "stack":
        record.stack_info = f"Stack:\n  {key}"
    elif where == "field":
        record.fields = {"code": key}
    Mask().filter(record)
    line = LineFormatter().format(record)
    assert secret not in line
    assert secret not in str(vars(record) | {"fields": None})


@given(text=st.text(max_size=200))
def test_masking_never_fails_and_is_idempotent(text: str) -> None:
    assert masked(masked(text)) == masked(text)


def test_masking_a_long_line_is_not_quadratic() -> None:
    # Processor time, as a loaded machine makes wall time longer. Measured: 0.08 s.
    began_s = time.thread_time()
    for text in (
        "sk-" * 20_000,
        "bearer" * 10_000,
        "://" * 20_000,
        "token " * 10_000,
        "a:" * 30_000,
    ):
        masked(text)
    assert time.thread_time() - began_s < 0.5


@pytest.mark.slow  # It starts a process.
@pytest.mark.parametrize("debug", ["on", "off"])
def test_djangos_records_are_masked_and_written_once(debug: str) -> None:
    loggers = ("django", "django.request", "django.security.csrf", "django.server", "elsewhere")
    code = (
        "import django, logging\n"
        "django.setup()\n"
        f"for name in {loggers}:\n"
        "    logging.getLogger(name).error('said by %s with Bearer abc.def', name)\n"
    )
    env = {"DJANGO_SETTINGS_MODULE": "backend.settings", "DEBUG": debug, "SECRET_KEY": "s" * 50}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env={**os.environ, **env, "ALLOWED_HOSTS": "x.example"},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert [said.count(f"said by {name} with Bearer ***") for name in loggers] == [1] * 5
    assert "abc.def" not in said


SECRET_PARTS = st.sampled_from(
    [
        "Bearer", "beare\u017f", "tOKEN", "relay.ticket.", "openai-insecure-api-key.", "api-key",
        "sk-", "EK_", "\u017f\u212a-", "&key=", "?ticket=", "://", "a:b@", "=", " ", "%20", ":",
        "0123456789abcdef" * 2 + "01234567", "aB3" * 14 + "c", "x", "-", "_",
    ]
)  # fmt: skip


@given(st.lists(SECRET_PARTS | st.text(max_size=3), max_size=8).map("".join))
def test_no_secret_is_passed_over_unread(text: str) -> None:
    expected = text
    for pattern, replacement in logs._SECRETS:
        expected = pattern.sub(replacement, expected)
    assert masked(text) == expected
