"""The listening socket and its error messages."""

import errno

import pytest

from backend.serving.listener import listen, listen_error_message


def test_the_message_for_a_busy_port_says_what_to_do() -> None:
    with listen("127.0.0.1", 0) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(OSError, match="in use") as raised:
            listen("127.0.0.1", port)
    message = listen_error_message(raised.value, "127.0.0.1", port, "make run")
    assert f"port {port} is in use" in message
    assert f"PORT={port + 1} make run" in message


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.EACCES, "above 1023"), (errno.EADDRNOTAVAIL, "Check HOST")]
)
def test_other_errors_have_a_message_too(number: int, expected: str) -> None:
    assert expected in listen_error_message(OSError(number, "x"), "10.0.0.1", 80, "make run")
