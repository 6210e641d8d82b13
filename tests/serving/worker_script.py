"""A worker for tests of the supervisor: it accepts connections and answers with what it is.

    python -m tests.serving.worker_script [--stubborn | --deaf | --loses-turns | --dies | --beats]

Its answer is one line: its number and its process id. Each signal is answered by a line in the file
`signals-NUMBER` of the folder. The first one ends it; with `--stubborn` only the second one does,
and with `--deaf` none. `--dies`: it ends at once with 3. `--beats`: its loop beats, every 10 ms.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from backend.serving.worker_beats import WorkerBeats
from backend.serving.worker_place import end_with_supervisor, take_place


async def serve() -> int:
    """Answer until a signal. Returns the exit code."""
    place = take_place(os.environ)
    assert place is not None
    if "--dies" in sys.argv:
        return 3
    end_with_supervisor(place.lifeline, 30)
    needed = {"--stubborn": 2, "--deaf": 99}.get(sys.argv[1] if len(sys.argv) > 1 else "", 1)
    received: list[str] = []
    is_over = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        received.append(number.name)
        (Path(place.folder) / f"signals-{place.number}").write_text("\n".join(received))
        if len(received) >= needed:
            is_over.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{place.number} {os.getpid()}\n".encode())
        await writer.drain()
        writer.close()

    beats = WorkerBeats(place.memory, place.number, place.count)

    async def beat() -> None:
        while "--beats" in sys.argv:
            beats.beat()
            await asyncio.sleep(0.01)

    beating = asyncio.create_task(beat())
    async with await asyncio.start_server(answer, sock=place.listening_socket()):
        await is_over.wait()
    beating.cancel()
    return 1 if "--loses-turns" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(serve()))
