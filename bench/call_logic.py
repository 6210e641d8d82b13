"""Measure the processor time of one frame in `CallLogic`, in microseconds.

    python -m bench.call_logic

Decisions only: no sockets, tasks or database. Frames have the sizes of a real call: 40 ms of
microphone audio upstream, 8 KB of audio and one word downstream. First the best of five rounds in
one call, then each event of an exchange in 50 calls that take turns: the median of five exchanges.
"""

import base64
import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from backend.relay.call import UNTIMED_FRAMES
from backend.relay.call_logic import CallLogic, State
from backend.relay.limits import Limits
from backend.relay.plan import CallPlan
from backend.telemetry.counters import ProcessCounters
from bench.compare import traffic

FRAMES = 20_000
ROUNDS = 5

CALLS = 50
DELTAS = 60
"""Of sound and of words, in an exchange of three seconds."""
TICK_EVERY = 20
"""So many events: twice a second."""

_START = datetime(2026, 1, 1, tzinfo=UTC)


def ready() -> CallLogic:
    """Return a CallLogic in state READY whose client has no rate limit."""
    limits = Limits(client_burst_frames=1e12, client_burst_bytes=1e15)
    plan = CallPlan("c", "s", "en", "m", "v", {}, limits=limits)
    call_logic = CallLogic(plan, _START)
    call_logic.open('{"type":"session.created","session":{}}', _START)
    call_logic.from_upstream('{"type":"session.updated","session":{}}', _START)
    if call_logic.state is not State.READY:
        raise SystemExit("CallLogic is not ready: nothing would be measured")
    return call_logic


def event_text(**event: object) -> str:
    """An event as compact JSON."""
    return json.dumps(event, separators=(",", ":"))


def audio(size_bytes: int) -> str:
    """So many bytes of sound in base64."""
    return base64.b64encode(os.urandom(size_bytes)).decode()


def delta(kind: str, content: str, number: int = 0, response_id: str = "resp_0123456789") -> str:
    """A response's delta as the provider sends it."""
    return event_text(
        type=f"response.{kind}.delta",
        event_id=f"event_{number:020}",
        response_id=response_id,
        item_id=f"item_{response_id}",
        output_index=0,
        content_index=0,
        delta=content,
    )


def microseconds(frames: list[str], feed: Callable[[CallLogic], Callable[..., object]]) -> float:
    """Return the cost of one frame in the best round, the one least disturbed by other load."""
    best = float("inf")
    for _ in range(ROUNDS):
        decide = feed(ready())
        moment = _START + timedelta(seconds=1)
        began = time.perf_counter()
        for frame in frames:
            decide(frame, moment)
        best = min(best, time.perf_counter() - began)
        if not decide(frames[-1], moment):
            raise SystemExit("frames do not pass: nothing was measured")
    return best / len(frames) * 1e6


def counting_microseconds() -> float:
    """Return the cost of what `relay.call` counts for one frame that passes, in the best round.

    One received and one sent frame; for one frame in eight also its latency.
    """
    counters, best = ProcessCounters(), float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for frames in range(FRAMES):
            received_s = 0.0 if frames & UNTIMED_FRAMES else time.perf_counter()
            counters.frames_from_client += 1
            counters.frames_to_provider += 1
            if received_s:
                counters.relay_latency.observe(time.perf_counter() - received_s)
        best = min(best, time.perf_counter() - began)
    return best / FRAMES * 1e6


def exchange(call: int, number: int) -> list[tuple[str, str]]:
    """The type and the text of each event of an exchange."""
    user, begin, end = traffic.events_of(call, number, DELTAS)
    place = {name: end[0][name] for name in ("response_id", "item_id", "content_index")}
    sound = {"type": "response.output_audio.delta", **place, "delta": "A" * 8192}
    word = {"type": "response.output_audio_transcript.delta", **place, "delta": " word"}
    events = [*user, *begin, *[sound, word] * DELTAS, *end]
    return [
        (event["type"], event_text(event_id=f"event_{number}_{index}", **event))
        for index, event in enumerate(events)
    ]


def exchange_microseconds() -> dict[str, list[float]]:
    """Return the cost of every event of the exchanges after the first one, by type."""
    logics = [ready() for _ in range(CALLS)]
    moment, costs = _START, defaultdict[str, list[float]](list)
    for number in range(ROUNDS + 1):
        exchanges = [exchange(call, number) for call in range(CALLS)]
        if number == 1:
            costs.clear()
        for position, (event_type, _) in enumerate(exchanges[0]):
            moment += timedelta(milliseconds=20)
            began = time.process_time()
            for logic, events in zip(logics, exchanges, strict=True):
                logic.from_upstream(events[position][1], moment)
            costs[event_type].append((time.process_time() - began) / CALLS * 1e6)
            if position % TICK_EVERY == 0:
                began = time.process_time()
                for logic in logics:
                    logic.tick(moment)
                costs["tick"].append((time.process_time() - began) / CALLS * 1e6)
    return costs


def print_exchange() -> None:
    """Print one line per event of an exchange, dearest first, and the sums."""
    lines, whole_us = [], 0.0
    for name, values in exchange_microseconds().items():
        times, us = len(values) / ROUNDS, statistics.median(values)
        lines.append((times * us, f"{name:57} {us:7.2f} µs × {times:2.0f} = {times * us:5.0f} µs"))
        if name != "tick" and times < DELTAS:
            whole_us += times * us
    for _, line in sorted(lines, reverse=True):
        print(line)
    print(f"an exchange: {sum(us for us, _ in lines):.0f} µs, of it whole events {whole_us:.0f} µs")


def main() -> None:
    """Print one line per kind of frame, what counting for `/metrics` adds to each, an exchange."""
    audio_40_ms, audio_128_ms = audio(1920), audio(6144)
    plain = event_text(type="input_audio_buffer.append", audio=audio_40_ms)
    named = event_text(type="input_audio_buffer.append", event_id="e", audio=audio_40_ms)
    # Each with an id of its own: a repetition would be dropped, which costs less.
    down = [delta("output_audio", audio_128_ms, number) for number in range(1000)]
    # A response of a hundred words.
    spoken = [delta("output_audio_transcript", " word", number) for number in range(100)]
    unknown = event_text(type="something.new", event_id="event_1", value="x" * 200)
    cases: list[tuple[str, list[str], Callable[[CallLogic], Callable[..., object]]]] = [
        ("up    append, 40 ms", [plain] * FRAMES, lambda logic: logic.from_client),
        ("up    append with an event_id", [named] * FRAMES, lambda logic: logic.from_client),
        ("down  audio delta, 128 ms", down, lambda logic: logic.from_upstream),
        ("down  transcript delta", spoken, lambda logic: logic.from_upstream),
        ("down  unknown event", [unknown] * FRAMES, lambda logic: logic.from_upstream),
    ]
    for name, frames, feed in cases:
        print(f"{name:32} {len(frames[0]):6} bytes {microseconds(frames, feed):7.2f} µs")
    print(f"{'in relay.call: counting':32} {'':12} {counting_microseconds():7.2f} µs")
    print_exchange()


if __name__ == "__main__":
    main()
