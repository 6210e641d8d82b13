"""Measure how many wrong passwords at once delay a call. Prints the waits for `relay.pong`.

    python -m bench.logins [--logins 50]

One client sends `relay.ping` again and again while others try to log in, all at the same time:
once with passwords hashed one at a time and once with all of them at once. A delayed pong means
delayed audio, because both pass the same event loop. Meanwhile somebody logs in from another
address: prints how long that takes, and how long it takes alone.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

from tests.journeys.person import LiveCall, Person
from tests.journeys.stack import Stack, http, running_stack

VARIANTS = {
    "one at a time": "backend.settings",
    "all at once": "bench.settings_hashes_at_once",
}


async def waits_during(logins_done: asyncio.Future[list[int]], live: LiveCall) -> list[float]:
    """Return the milliseconds from each ping to its pong, until all logins are answered."""
    waits_ms = []
    while not logins_done.done():
        asked_at, after = time.monotonic(), len(live.events)
        await live.send({"type": "relay.ping"})
        pong = await live.until_type("relay.pong", after=after, seconds=60)
        waits_ms.append((live.arrived[pong] - asked_at) * 1000)
        await asyncio.sleep(0.02)
    return waits_ms


def wrong_login(stack: Stack, number: int) -> int:
    """Try to log in with a wrong password; return the HTTP status."""
    body = {"username": f"stranger-{number}", "password": "not-the-password"}
    return http("POST", f"{stack.url}/api/auth/login/", body).status


def login_from_elsewhere(stack: Stack) -> float:
    """Log in from another address than the others' 127.0.0.1; return the seconds that it takes."""
    began_at = time.monotonic()
    client = HTTPConnection("127.0.0.1", stack.port, timeout=60, source_address=("127.0.0.2", 0))
    body = json.dumps({"username": "somebody", "password": "not-the-password"})
    client.request("POST", "/api/auth/login/", body, {"Content-Type": "application/json"})
    status = client.getresponse().status
    client.close()
    assert status == 401, status
    return time.monotonic() - began_at


async def measure(stack: Stack, logins: int) -> tuple[list[float], list[int], float, float]:
    """Return the client's waits in milliseconds, the HTTP statuses of the logins, and the seconds
    of the login from another address: alone, and behind the others.
    """
    person = await Person.register(stack)
    loop = asyncio.get_running_loop()
    alone_s = await asyncio.to_thread(login_from_elsewhere, stack)
    with ThreadPoolExecutor(logins) as threads:
        async with person.call(await person.new_session()) as live:
            logins_done = asyncio.gather(
                *(loop.run_in_executor(threads, wrong_login, stack, n) for n in range(logins))
            )
            elsewhere = asyncio.create_task(_login_behind(stack))
            waits_ms = await waits_during(logins_done, live)
            return waits_ms, await logins_done, alone_s, await elsewhere


async def _login_behind(stack: Stack) -> float:
    await asyncio.sleep(0.3)  # The others are in the queue by then.
    return await asyncio.to_thread(login_from_elsewhere, stack)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how wrong passwords delay a call.")
    parser.add_argument(
        "--logins", type=int, default=50, help="at once; the rate limit is 60 a minute"
    )
    options = parser.parse_args()
    for name, settings in VARIANTS.items():
        with (
            tempfile.TemporaryDirectory() as folder,
            running_stack(Path(folder), DEBUG="on", DJANGO_SETTINGS_MODULE=settings) as stack,
        ):
            waits_ms, statuses, alone_s, behind_s = asyncio.run(measure(stack, options.logins))
        counts = {status: statuses.count(status) for status in sorted(set(statuses))}
        print(
            f"{name:14} median {statistics.median(waits_ms):7.1f} ms,"
            f" p90 {statistics.quantiles(waits_ms, n=10)[-1]:7.1f} ms,"
            f" worst {max(waits_ms):7.1f} ms; answers {counts};"
            f" a login from another address: {alone_s:.2f} s alone, {behind_s:.2f} s meanwhile"
        )


if __name__ == "__main__":
    main()
