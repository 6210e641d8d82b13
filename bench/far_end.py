"""A lean provider: it answers each frame of the microphone at once with as much audio.

`make bench-attacks` measures with it, because the simulator's own work (speech, pauses, pace) would
hide some milliseconds. Each answer has the time at which the frame arrived, `arrived_s`, on the
monotonic clock, which all processes of a machine share.

    python -m bench.far_end PORT
"""

import asyncio
import json
import sys
import time

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

CREATED = '{"type":"session.created","event_id":"event_0","session":{"type":"realtime"}}'
UPDATED = '{"type":"session.updated","event_id":"event_1","session":{"type":"realtime"}}'
APPEND = '"input_audio_buffer.append"'


def echo_of(frame: str, arrived_s: float) -> str:
    """Return the audio delta for one frame of the microphone."""
    return json.dumps(
        {
            "type": "response.output_audio.delta",
            "event_id": f"event_{arrived_s}",
            "response_id": "resp_1",
            "item_id": "item_1",
            "output_index": 0,
            "content_index": 0,
            "delta": json.loads(frame)["audio"],
            "arrived_s": arrived_s,
        }
    )


async def answer(connection: ServerConnection) -> None:
    """Serve one call."""
    try:
        await connection.send(CREATED)
        async for frame in connection:
            arrived_s = time.monotonic()
            assert isinstance(frame, str)
            if APPEND in frame:
                await connection.send(echo_of(frame, arrived_s))
            elif '"session.update"' in frame:
                await connection.send(UPDATED)
    except ConnectionClosed:
        pass


async def main(port: int) -> None:
    """Listen on this port of 127.0.0.1; print `listening`; serve until the process is ended."""
    async with serve(answer, "127.0.0.1", port, compression=None) as server:
        print("listening", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
