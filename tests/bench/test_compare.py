"""`make bench` and `make profile`: frames, figures, tables and readings, without a process."""

import json
import os

import pytest

from bench.compare.__main__ import divided_cores, heading, parsed
from bench.compare.figures import Figures, Kind, percentile, ratios_of, spread_of, table_of
from bench.compare.processes import busy_seconds_of, cpu_seconds_of, load_cores, relay_cores
from bench.compare.profile import hottest
from bench.compare.traffic import (
    APPEND_FRAME,
    LONGEST_SMALL_EVENT,
    Action,
    Mark,
    Traffic,
    answer_to_probe,
    audio_delta,
    elapsed_ns,
    exchange_of,
    mark_at,
    probe_frame,
    steps_of,
    text_delta,
)
from bench.compare.websocket import ServerEndpoint, frame, headers_of, unmasked

MASK = b"\x11\x22\x33\x44"
NOW_NS = 12_345_678_901


class Received(ServerEndpoint):
    """An endpoint after its handshake that keeps the messages it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = True
        self.messages: list[bytes] = []

    def message_received(self, data: bytes, start: int, size: int, mask: bytes) -> None:
        self.messages.append(unmasked(data[start : start + size], mask))


def messages_of(data: bytes, *, piece_bytes: int = 0) -> list[bytes]:
    """What an endpoint reads of these bytes, in pieces of this size or at once."""
    received = Received()
    step = piece_bytes or len(data)
    for at in range(0, len(data), step):
        received.data_received(data[at : at + step])
    assert received.frames_received == len(received.messages)
    return received.messages


def payload_of(data: bytes) -> bytes:
    (payload,) = messages_of(data)
    return payload


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
async def test_a_frame_of_any_size_is_read_as_it_was_written(size: int) -> None:
    payload = bytes(number % 251 for number in range(size))
    assert payload_of(frame(payload, is_masked=True)) == payload
    assert payload_of(frame(payload, is_masked=False)) == payload


async def test_frames_are_read_wherever_the_network_cuts_them() -> None:
    payloads = [b"a", b"b" * 130, b"", b"c" * 70_000, b"d" * 126]
    data = b"".join(frame(each, is_masked=True) for each in payloads)
    assert messages_of(data) == payloads
    assert messages_of(data, piece_bytes=1021) == payloads
    assert messages_of(data[:200], piece_bytes=1) == payloads[:3]


def test_a_mask_is_removed() -> None:
    masked = bytes(byte ^ MASK[at % 4] for at, byte in enumerate(b"a message"))
    assert unmasked(masked, MASK) == b"a message"
    assert unmasked(b"a message", b"") == unmasked(b"a message", bytes(4)) == b"a message"


def test_headers_are_read_by_their_names_in_lower_case() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a:80\r\nSec-WebSocket-Key:  k= "
    assert headers_of(head) == {b"host": b"a:80", b"sec-websocket-key": b"k="}


async def test_a_probe_comes_back_with_its_time() -> None:
    probe = payload_of(probe_frame(NOW_NS))
    assert len(probe) < LONGEST_SMALL_EVENT < len(payload_of(APPEND_FRAME))
    assert json.loads(probe)["type"] == "input_audio_buffer.append"
    answered = answer_to_probe(probe)
    assert answered is not None
    answer = payload_of(answered)
    assert json.loads(answer)["type"] == "rate_limits.updated"
    assert mark_at(answer, 0, len(answer)) == (Mark.PROBE, NOW_NS)
    assert answer_to_probe(payload_of(APPEND_FRAME)) is None


async def test_deltas_carry_the_time_at_which_they_were_sent() -> None:
    exchange = exchange_of(3, 7, deltas=4)
    for number, mark in ((0, Mark.FIRST_SOUND), (1, Mark.AUDIO)):
        delta = payload_of(audio_delta(exchange, number, NOW_NS))
        assert mark_at(delta, 0, len(delta)) == (mark, NOW_NS)
        assert json.loads(delta)["type"] == "response.output_audio.delta"
        assert 4000 < len(delta) < 13_300
    delta = payload_of(text_delta(exchange, NOW_NS))
    assert mark_at(b"other" + delta, 5, len(delta)) == (Mark.TEXT, NOW_NS)
    assert json.loads(delta)["item_id"] == "item_a000003x000007"


def test_an_event_without_a_time_has_no_mark() -> None:
    for payload in (b'{"type":"session.created","event_id":"event_created"}', b"{}"):
        assert mark_at(payload, 0, len(payload)) == (0, 0)


def test_a_time_outlives_the_wrap_of_its_digits() -> None:
    assert elapsed_ns(10**16 - 5, 3 * 10**16 + 7) == 12


async def test_an_exchange_has_every_event_around_both_turns_with_ids_of_its_own() -> None:
    exchange, other = exchange_of(1, 1, deltas=2), exchange_of(1, 2, deltas=2)
    frames = messages_of(exchange.user + exchange.begin + exchange.end)
    events = [json.loads(each) for each in frames]
    assert exchange.events == len(events)
    types = [event["type"] for event in events]
    assert types[0] == "input_audio_buffer.speech_started"
    assert types[-1] == "response.done"
    assert "conversation.item.input_audio_transcription.completed" in types
    assert events[-1]["response"]["usage"]["total_tokens"] > 0
    assert events[3]["previous_item_id"] == "item_a000001x000000"
    assert len({event["event_id"] for event in events}) == len(events)
    others = messages_of(other.user + other.begin + other.end)
    assert not {each["event_id"] for each in events} & {
        json.loads(each)["event_id"] for each in others
    }


def test_the_steps_of_an_exchange_are_in_time_order_and_within_it() -> None:
    traffic = Traffic(deltas=3)
    steps = steps_of(traffic)
    times = [step.at_s for step in steps]
    assert times == sorted(times)
    assert times[0] >= 0 and times[-1] < traffic.exchange_s
    assert [step.action for step in steps] == [
        Action.USER, *[Action.AUDIO, Action.TEXT] * 3, Action.END,
    ]  # fmt: skip


CPU = Kind("CPU", "ms")
SHARE = Kind("share", "%", has_ratio=False)


def figures() -> Figures:
    found = Figures()
    for nginx, kaiwa in ((10.0, 40.0), (20.0, 60.0), (10.0, 50.0)):
        found.add("nginx", CPU, nginx)
        found.add("kaiwa", CPU, kaiwa, is_marked=kaiwa == 60.0)
    found.add("kaiwa", SHARE, 7.0)
    return found


def test_the_table_has_medians_their_range_and_ratios_within_a_round() -> None:
    lines = table_of(figures(), ["nginx", "kaiwa"]).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["figure", "unit", "nginx", "kaiwa", "kaiwa ÷ nginx"]
    assert cells[2] == ["CPU", "ms", "10.0 (10.0–20.0)", "50.0† (40.0–60.0)", "4.00 (3.00–5.00)"]
    assert cells[3] == ["share", "%", "–", "7.00", "–"]
    assert len({len(line) for line in lines}) == 1


def test_a_table_without_kaiwa_has_no_ratios() -> None:
    assert "÷" not in table_of(figures(), ["nginx"])


def test_the_figures_are_written_as_json() -> None:
    rows = json.loads(json.dumps(figures().as_json()))
    assert {"title": "share", "unit": "%", "relay": "kaiwa", "rounds": [7.0]} in rows


def test_a_ratio_to_nothing_is_left_out() -> None:
    assert ratios_of([1.0, 2.0], [0.0, 4.0]) == [0.5]
    assert spread_of([float("nan")]) is None


def test_percentiles_are_values_that_occurred() -> None:
    values = list(range(100, 0, -1))
    assert percentile(values, 50) == 51
    assert percentile(values, 99) == 100
    assert percentile([4.0], 99) == 4.0


def test_processor_times_count_threads_and_children() -> None:
    stat = "12 (a (b) c) S " + " ".join(["0"] * 10) + " 100 20 3 7 20 0"
    assert cpu_seconds_of(stat) == pytest.approx(1.3)
    assert busy_seconds_of("cpu0 100 10 20 999 50 1 2 3 0 0") == pytest.approx(1.36)


def test_the_hottest_functions_are_those_at_the_end_of_a_stack() -> None:
    lines = [
        "main (serve.py:1);run (a/b.py:2) 6",
        "main (serve.py:1);run (a/b.py:9) 2",
        "main (serve.py:1) 2",
    ]
    assert hottest(lines) == [("run (a/b.py)", 0.8), ("main (serve.py)", 0.2)]


def test_an_option_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["--only", "pace"], ["--relays", "apache"], ["--also", "old=/nowhere"]):
        with pytest.raises(SystemExit):
            parsed(wrong)
        assert "make" not in capsys.readouterr().out
    options = parsed(["--only", "paced,idle", "--calls", "10,40", "--relays", "kaiwa,nginx"])
    assert (options.only, options.calls) == (["paced", "idle"], [10, 40])
    assert list(options.relays) == ["kaiwa", "nginx"]


def test_more_workers_are_one_more_relay_that_shares_all_cores() -> None:
    options = parsed(["--only", "flood", "--relays", "kaiwa", "--workers", "2"])
    assert list(options.relays) == ["kaiwa", "kaiwa x2"]
    assert "which the relay shares with the load" in heading(options)
    of_relay, of_load = divided_cores(2)
    assert of_relay == of_load == os.sched_getaffinity(0)
    assert divided_cores(1) == (relay_cores(), load_cores())
