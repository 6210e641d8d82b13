"""Measure how many wrong passwords at once delay a call. Prints the waits for `relay.pong`.

    python -m bench.logins [--logins 50]

One client sends `relay.ping` again and again while others try to log in, all at the same time:
once with passwords hashed one at a time and once with all of them at once. A delayed pong means
delayed audio, because both pass the same event loop.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
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


async def measure(stack: Stack, logins: int) -> tuple[list[float], list[int]]:
    """Return the client's waits in milliseconds and the HTTP statuses of the logins."""
    person = await Person.register(stack)
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(logins) as threads:
        async with person.call(await person.new_session()) as live:
            logins_done = asyncio.gather(
                *(loop.run_in_executor(threads, wrong_login, stack, n) for n in range(logins))
            )
            return await waits_during(logins_done, live), await logins_done


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
            waits_ms, statuses = asyncio.run(measure(stack, options.logins))
        counts = {status: statuses.count(status) for status in sorted(set(statuses))}
        print(
            f"{name:14} median {statistics.median(waits_ms):7.1f} ms,"
            f" p90 {statistics.quantiles(waits_ms, n=10)[-1]:7.1f} ms,"
            f" worst {max(waits_ms):7.1f} ms; answers {counts}"
        )


if __name__ == "__main__":
    main()
