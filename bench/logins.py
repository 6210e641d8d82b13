"""What many wrong passwords at once do to a voice. Prints the waits for `relay.pong`.

    python -m bench.logins [--logins 50]

One caller asks `relay.ping` without a pause while strangers try to sign in, all at the same time,
once with passwords hashed one at a time and once with as many at once as are asked about. A pong
that waits is a sound that waits: both pass the same loop.
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


async def waits_during(strangers: asyncio.Future[list[int]], live: LiveCall) -> list[float]:
    """Milliseconds from each ping to its pong, until the strangers have their answers."""
    waits_ms = []
    while not strangers.done():
        asked_at, after = time.monotonic(), len(live.events)
        await live.send({"type": "relay.ping"})
        pong = await live.until_type("relay.pong", after=after, seconds=60)
        waits_ms.append((live.arrived[pong] - asked_at) * 1000)
        await asyncio.sleep(0.02)
    return waits_ms


def wrong_login(stack: Stack, number: int) -> int:
    """The status of the answer."""
    body = {"username": f"stranger-{number}", "password": "not-the-password"}
    return http("POST", f"{stack.url}/api/auth/login/", body).status


async def measure(stack: Stack, logins: int) -> tuple[list[float], list[int]]:
    """The waits of a caller, and what the strangers were answered."""
    person = await Person.register(stack)
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(logins) as threads:
        async with person.call(await person.new_session()) as live:
            strangers = asyncio.gather(
                *(loop.run_in_executor(threads, wrong_login, stack, n) for n in range(logins))
            )
            return await waits_during(strangers, live), await strangers


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what wrong passwords do to a voice.")
    parser.add_argument("--logins", type=int, default=50, help="at once; 60 a minute are let in")
    options = parser.parse_args()
    for name, settings in VARIANTS.items():
        with (
            tempfile.TemporaryDirectory() as folder,
            running_stack(Path(folder), DEBUG="on", DJANGO_SETTINGS_MODULE=settings) as stack,
        ):
            waits_ms, statuses = asyncio.run(measure(stack, options.logins))
        told = {status: statuses.count(status) for status in sorted(set(statuses))}
        print(
            f"{name:14} median {statistics.median(waits_ms):7.1f} ms,"
            f" p90 {statistics.quantiles(waits_ms, n=10)[-1]:7.1f} ms,"
            f" worst {max(waits_ms):7.1f} ms; answers {told}"
        )


if __name__ == "__main__":
    main()
