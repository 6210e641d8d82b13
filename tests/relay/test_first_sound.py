"""The wait for an answer's first sound: when it begins, when it ends, when it is given up."""

import json

import pytest

from backend.relay.first_sound import FirstSound
from tests.relay.equipment import frame, response_created, response_done, typed

KEY = ("item_a", 0)
STARTED = frame(type="input_audio_buffer.speech_started", audio_start_ms=9_000)
STOPPED = frame(type="input_audio_buffer.speech_stopped", audio_end_ms=1)
COMMIT = frame(type="input_audio_buffer.commit")
MESSAGE = {"type": "message", "role": "assistant"}


def waits(*provider_frames: str, client: str = "") -> FirstSound:
    """A wait after these frames, all at 10 s."""
    waits = FirstSound(longest_s=20)
    if client:
        waits.add_client_event(json.loads(client), 10)
    for text in provider_frames:
        waits.add_provider_event(json.loads(text), 10)
    return waits


def waited_ms(waits: FirstSound, now_s: float = 10.62) -> int | None:
    waits.add_audio(KEY, now_s)
    return waits.waited_ms(KEY)


@pytest.mark.parametrize("client", [COMMIT, typed()])
def test_it_begins_with_what_the_client_commits_or_types(client: str) -> None:
    assert waited_ms(waits(client=client)) == 620


def test_it_begins_with_the_end_of_speech_by_the_relays_clock() -> None:
    assert waited_ms(waits(STARTED, STOPPED)) == 620


@pytest.mark.parametrize(
    "frames",
    [
        (),
        (STOPPED, STARTED),
        (STOPPED, response_created(), response_done(output=[MESSAGE])),
    ],
    ids=["nothing was said", "the user goes on", "answered in writing"],
)
def test_without_a_wait_there_is_no_figure(frames: tuple[str, ...]) -> None:
    assert not waits(*frames).is_awaited
    assert waited_ms(waits(*frames)) is None


def test_other_ends_do_not_end_the_wait() -> None:
    call = response_done(output=[{"type": "function_call"}])
    late = response_done("resp_before", "cancelled", output=[MESSAGE])
    assert waited_ms(waits(STOPPED, response_created(), call, late)) == 620


def test_a_late_sound_is_no_answer_and_only_the_first_one_counts() -> None:
    one = waits(STOPPED)
    assert waited_ms(one, 30.1) is None
    assert not one.is_awaited
    two = waits(STOPPED)
    assert waited_ms(two) == 620
    two.add_audio(("item_b", 0), 11)
    assert two.waited_ms(("item_b", 0)) is None


def test_the_assistants_item_that_a_client_creates_begins_nothing() -> None:
    item = {"type": "message", "role": "assistant", "content": []}
    assert not waits(client=frame(type="conversation.item.create", item=item)).is_awaited
