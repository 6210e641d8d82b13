"""The conversation's items, and parsing of a client's items."""

import pytest

from backend.simulator.engine.conversation import (
    Conversation,
    Item,
    Part,
    decode_pcm,
    item_from_client,
)
from backend.simulator.engine.errors import ClientEventError


def test_items_keep_their_order_of_insertion_points() -> None:
    conversation = Conversation()
    assert conversation.insert(Item("b", "user"), None) is None
    assert conversation.insert(Item("a", "user"), "root") is None
    assert conversation.insert(Item("c", "user"), None) == "b"
    assert conversation.insert(Item("between", "user"), "a") == "a"
    assert [item.id for item in conversation] == ["a", "between", "b", "c"]
    assert conversation.last_id == "c"


def test_the_oldest_audio_is_dropped_first() -> None:
    conversation = Conversation()
    for name in "abc":
        conversation.insert(Item(name, "user", [Part("input_audio", None, 10, bytes(480))]), None)
    conversation.drop_old_audio(1_000)
    kept = [(len(item.parts[0].pcm), item.parts[0].audio_ms) for item in conversation]
    assert kept == [(0, 10), (480, 10), (480, 10)]


def test_the_audio_of_an_item_has_a_duration() -> None:
    content = [{"type": "input_audio", "audio": "AAAA" * 64, "transcript": "Hm."}]
    item = item_from_client({"type": "message", "role": "user", "content": content}, "item_1")
    assert (item.parts[0].audio_ms, item.parts[0].text) == (4, "Hm.")
    assert "audio" not in item.as_event()["content"][0]
    assert item.as_event(with_audio=True)["content"][0]["audio"] == "AAAA" * 64


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "message", "role": "narrator", "content": []}, "item.role"),
        ({"type": "message", "role": "user", "content": []}, "item.content"),
        ({"type": "message", "role": "user"}, "item.content"),
        ({"type": "picture"}, "item.type"),
        ({"type": "message", "role": "user", "content": [5]}, "item.content[0]"),
        ({"type": "message", "role": "user", "content": [], "id": "x" * 33}, "item.id"),
        ({"type": "message", "role": "user", "content": [], "mood": "good"}, "item.mood"),
        ({"type": "function_call", "name": "f"}, "item.arguments"),
        (
            {"type": "function_call", "name": "f", "arguments": "{}", "call_id": 5},
            "item.call_id",
        ),
        ({"type": "function_call_output", "call_id": "c", "output": {}}, "item.output"),
        (
            {"type": "message", "role": "user", "content": [{"type": "output_text", "text": "x"}]},
            "item.content[0].type",
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_text"}]},
            "item.content[0].text",
        ),
        (
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_audio", "audio": "", "transcript": 5}],
            },
            "item.content[0].transcript",
        ),
    ],
)
def test_an_invalid_item_is_refused_with_its_path(item: dict[str, object], param: str) -> None:
    with pytest.raises(ClientEventError) as refused:
        item_from_client(item, "item_1")
    assert refused.value.param == param
    with pytest.raises(ClientEventError) as refused:
        item_from_client(item, "item_1", "response.input[0]")
    assert refused.value.param == param.replace("item", "response.input[0]", 1)


@pytest.mark.parametrize("audio", ["A", "AA*=", "AAA=AAAA", "AAAA", "é"])
def test_half_a_sample_and_broken_base64_are_refused(audio: str) -> None:
    with pytest.raises(ClientEventError):
        decode_pcm(audio, "audio")
