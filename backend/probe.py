"""A container's health check: exits with 0 if the server in it answers 200 within 3 s.

    python -m backend.probe [PATH]

Asks port `PORT` (8000) of this machine for PATH (/healthz, which answers to an address as its
host). It runs every few seconds, so it imports neither Django nor the settings.
"""

import http.client
import os
import sys
from collections.abc import Mapping, Sequence

TIMEOUT_S = 3.0


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Ask once. Returns the exit code: 0, or 1 with a sentence."""
    path = arguments[0] if arguments else "/healthz"
    port = int(environ.get("PORT") or "8000")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        print(f"Port {port} does not answer ({type(error).__name__}).")
        return 1
    finally:
        connection.close()
    if status != 200:
        print(f"Port {port} answers {path} with {status}.")
    return int(status != 200)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
