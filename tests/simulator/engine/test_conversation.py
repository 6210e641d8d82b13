"""Items in order."""

import pytest

from backend.simulator.engine.conversation import Conversation, Item, Part, item_from_client, pcm_of
from backend.simulator.engine.errors import Refused


def test_items_stand_where_they_were_put() -> None:
    conversation = Conversation()
    assert conversation.put(Item("b", "user"), None) is None
    assert conversation.put(Item("a", "user"), "root") is None
    assert conversation.put(Item("c", "user"), None) == "b"
    assert conversation.put(Item("between", "user"), "a") == "a"
    assert [item.id for item in conversation] == ["a", "between", "b", "c"]
    assert conversation.last_id == "c"


def test_the_oldest_sound_is_forgotten_first() -> None:
    conversation = Conversation()
    for name in "abc":
        conversation.put(Item(name, "user", [Part("input_audio", None, 10, bytes(480))]), None)
    conversation.forget_old_sound(1_000)
    kept = [(len(item.parts[0].pcm), item.parts[0].audio_ms) for item in conversation]
    assert kept == [(0, 10), (480, 10), (480, 10)]


def test_sound_in_an_item_is_measured() -> None:
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
def test_an_item_that_is_not_one_is_refused(item: dict[str, object], param: str) -> None:
    with pytest.raises(Refused) as refused:
        item_from_client(item, "item_1")
    assert refused.value.param == param
    with pytest.raises(Refused) as refused:
        item_from_client(item, "item_1", "response.input[0]")
    assert refused.value.param == param.replace("item", "response.input[0]", 1)


@pytest.mark.parametrize("audio", ["A", "AA*=", "AAA=AAAA", "AAAA", "é"])
def test_half_a_sample_and_broken_base64_are_refused(audio: str) -> None:
    with pytest.raises(Refused):
        pcm_of(audio, "audio")
