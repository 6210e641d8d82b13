"""The listening socket, and an error message a person can act on when there is none."""

import errno
import socket


def listen(host: str, port: int) -> socket.socket:
    """Return a bound, listening socket; port 0 picks a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def listen_error_message(error: OSError, host: str, port: int, command: str) -> str:
    """Return one sentence: why `listen` failed and what to do about it.

    `command` is what the user ran, without its settings.
    """
    if error.errno == errno.EADDRINUSE:
        return (
            f"Kaiwa cannot start: port {port} is in use. "
            f"Stop what uses it, or choose another: PORT={port + 1} {command}"
        )
    if error.errno == errno.EACCES:
        return f"Kaiwa cannot start: port {port} is not allowed. Choose one above 1023 in PORT."
    return f"Kaiwa cannot start: it cannot listen on {host}, port {port}. Check HOST and PORT."
