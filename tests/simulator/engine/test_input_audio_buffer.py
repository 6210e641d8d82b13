"""The input audio buffer and turn detection."""

import base64
from itertools import count

import pytest

from backend.simulator.engine.errors import ClientEventError
from backend.simulator.engine.input_audio_buffer import (
    MAX_BYTES,
    MIN_COMMIT_MS,
    InputAudioBuffer,
    TurnStarted,
    TurnStopped,
)
from tests.simulator.equipment import (
    MANUAL,
    EngineBench,
    Event,
    append,
    noise,
    only,
    silence,
    speech,
    types,
)

SERVER_VAD: Event = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
}


def buffer_with(detection: Event) -> InputAudioBuffer:
    numbers = count(1)
    made = InputAudioBuffer(lambda prefix: f"{prefix}_{next(numbers)}")
    made.configure(detection)
    return made


def test_a_turn_starts_and_stops_as_one_item_and_leaves_the_buffer() -> None:
    buffer = buffer_with(SERVER_VAD)
    pcm = silence(1_000) + speech(900) + silence(900)
    started, stopped = buffer.append(pcm)
    assert isinstance(started, TurnStarted)
    assert isinstance(stopped, TurnStopped)
    assert started.item_id == stopped.item_id
    assert stopped.pcm == pcm[started.at_ms * 48 : stopped.at_ms * 48]
    assert (buffer.end_ms, buffer.is_speech) == (2_800, False)


def test_a_commit_ends_the_speech_in_progress_under_its_own_id() -> None:
    buffer = buffer_with(SERVER_VAD)
    (started,) = buffer.append(silence(500) + speech(900))
    item_id, pcm = buffer.commit()
    assert item_id == started.item_id
    assert len(pcm) == (1_400 - started.at_ms) * 48
    assert not buffer.is_speech


def test_switching_turn_detection_off_forgets_the_turn_and_keeps_the_audio() -> None:
    buffer = buffer_with(SERVER_VAD)
    (started,) = buffer.append(silence(500) + speech(900))
    buffer.configure({})
    item_id, pcm = buffer.commit()
    assert item_id != started.item_id
    assert len(pcm) == (1_400 - started.at_ms) * 48


def test_turn_detection_switched_on_later_reports_positions_in_the_whole_stream() -> None:
    buffer = buffer_with({})
    buffer.append(speech(5_000))
    buffer.commit()
    buffer.configure(SERVER_VAD)
    pcm = silence(1_000) + speech(900) + silence(900)
    started, stopped = buffer.append(pcm)
    assert isinstance(stopped, TurnStopped)
    assert 5_650 <= started.at_ms <= 5_720
    assert 7_250 <= stopped.at_ms <= 7_450
    assert stopped.pcm == pcm[(started.at_ms - 5_000) * 48 : (stopped.at_ms - 5_000) * 48]


def test_a_change_of_settings_keeps_the_turn_in_progress_and_its_position() -> None:
    buffer = buffer_with(SERVER_VAD)
    (started,) = buffer.append(silence(1_000) + speech(400))
    buffer.configure({**SERVER_VAD, "silence_duration_ms": 800})
    (stopped,) = buffer.append(speech(400) + silence(1_000))
    assert started.item_id == stopped.item_id
    assert 2_500 <= stopped.at_ms <= 2_700


def test_a_silence_duration_of_0_ends_a_turn_at_the_first_quiet_frame() -> None:
    buffer = buffer_with({**SERVER_VAD, "silence_duration_ms": 0})
    word = speech(180)
    started, stopped = buffer.append(silence(1_000) + word + silence(900))
    assert isinstance(started, TurnStarted)
    assert 1_100 <= stopped.at_ms <= 1_240


def test_it_holds_15_mib_and_refuses_more() -> None:
    buffer = buffer_with({})
    buffer.append(bytes(MAX_BYTES))
    with pytest.raises(ClientEventError):
        buffer.append(bytes(2))
    assert len(buffer.commit()[1]) == MAX_BYTES


def test_less_than_100_ms_cannot_be_committed() -> None:
    buffer = buffer_with({})
    buffer.append(silence(MIN_COMMIT_MS - 1))
    with pytest.raises(ClientEventError) as caught:
        buffer.commit()
    assert caught.value.code == "input_audio_buffer_commit_empty"
    assert "only has 99.00ms" in caught.value.message
    buffer.append(silence(1))
    assert len(buffer.commit()[1]) == MIN_COMMIT_MS * 48


def test_committed_audio_is_bit_exact_from_the_prefix_to_the_silence() -> None:
    bench = EngineBench()
    pcm = silence(1_000) + speech(900) + silence(900)
    found = bench.play(pcm)
    start = only(found, "input_audio_buffer.speech_started")["audio_start_ms"]
    end = only(found, "input_audio_buffer.speech_stopped")["audio_end_ms"]
    assert 650 <= start <= 720
    assert 2_050 <= end <= 2_150
    item = only(
        bench.send("conversation.item.retrieve", item_id=found[0]["item_id"]),
        "conversation.item.retrieved",
    )
    kept = base64.b64decode(item["item"]["content"][0]["audio"])
    assert kept == pcm[start * 48 : end * 48]


def test_silence_starts_no_turn_and_steady_noise_at_most_one_that_ends() -> None:
    assert EngineBench().play(silence(5_000)) == []
    found = EngineBench().play(silence(1_000) + noise(12_000))
    assert types(found).count("input_audio_buffer.speech_started") <= 1
    started = "input_audio_buffer.speech_started" in types(found)
    assert started == ("input_audio_buffer.speech_stopped" in types(found))


def test_without_turn_detection_only_the_client_commits() -> None:
    bench = EngineBench()
    bench.configure(MANUAL)
    assert bench.play(speech(1_000) + silence(1_000)) == []
    found = bench.send("input_audio_buffer.commit")
    assert types(found) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert "response.done" in types(bench.send("response.create"))


def test_a_cleared_buffer_cannot_be_committed() -> None:
    bench = EngineBench()
    bench.configure(MANUAL)
    bench.send_raw(append(silence(500)))
    assert types(bench.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert "error" in types(bench.send("input_audio_buffer.commit"))


def test_semantic_vad_waits_longer_with_low_eagerness() -> None:
    def turns(eagerness: str) -> int:
        bench = EngineBench()
        detection = {"type": "semantic_vad", "eagerness": eagerness}
        bench.configure({"audio": {"input": {"turn_detection": detection}}})
        found = bench.play(speech(700) + silence(600) + speech(700) + silence(1_500))
        return types(found).count("input_audio_buffer.committed")

    assert (turns("high"), turns("low")) == (2, 1)


@pytest.mark.parametrize("step", [1_921, 8_001])
def test_pieces_that_divide_a_sample_are_one_stream(step: int) -> None:
    pcm = silence(1_000) + speech(900) + silence(900)
    whole, divided = buffer_with(SERVER_VAD), buffer_with(SERVER_VAD)
    pieces = [pcm[start : start + step] for start in range(0, len(pcm), step)]
    changes = [change for piece in pieces for change in divided.append(piece)]
    assert changes == whole.append(pcm)
    assert divided.end_ms == 2_800


def test_an_append_may_end_in_half_a_sample() -> None:
    bench = EngineBench()
    bench.configure(MANUAL)
    assert bench.send_raw(append(silence(500) + b"\1")) == []
    assert bench.send_raw(append(b"\1" + silence(500))) == []
    found = bench.send("input_audio_buffer.commit")
    assert "error" not in types(found)


def test_a_commit_counts_all_bytes_of_its_pieces_and_drops_half_a_sample() -> None:
    buffer = buffer_with({})
    pcm = speech(500)
    for piece in (pcm[:8001], pcm[8001:16_002], pcm[16_002:] + b"\1"):
        buffer.append(piece)
    assert buffer.end_ms == 500
    assert buffer.commit()[1] == pcm
    buffer.append(pcm)
    assert buffer.commit()[1] == pcm
    buffer.append(b"\1")
    buffer.clear()
    buffer.append(pcm)
    assert buffer.commit()[1] == pcm
