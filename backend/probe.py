"""A container's health check: exits with 0 if the server in it answers 200 within 3 s.

    python -m backend.probe [PATH]            asks for PATH (/healthz)
    python -m backend.probe --show /readyz    prints the answer as well, for an operator

It asks port `PORT` (8000) of this machine. It runs every few seconds, so it imports neither Django
nor the settings. Docker keeps what a health check prints, so without `--show` no answer is printed.
"""

import http.client
import os
import sys
from collections.abc import Mapping, Sequence

TIMEOUT_S = 3.0
MOST_BODY_BYTES = 4096


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Ask once. Returns the exit code: 0, or 1 with a sentence."""
    is_shown = arguments[:1] == ["--show"]
    path = next(iter(arguments[is_shown:]), "/healthz")
    port = int(environ.get("PORT") or "8000")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        status, body = response.status, response.read(MOST_BODY_BYTES)
    except (OSError, http.client.HTTPException) as error:
        print(f"Port {port} does not answer ({type(error).__name__}).")
        return 1
    finally:
        connection.close()
    if is_shown:
        print(body.decode(errors="replace"))
    if status != 200:
        print(f"Port {port} answers {path} with {status}.")
    return int(status != 200)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
