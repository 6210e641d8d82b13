"""The `conversation.item.*` events of a client."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulator.equipment import EngineBench, error_of, only, speech, text_item, types


def test_previous_item_id_sets_the_position_of_a_new_item() -> None:
    bench = EngineBench()
    creations: list[Callable[[], Any]] = [
        lambda: bench.send("conversation.item.create", item=text_item("b", id="b")),
        lambda: bench.send(
            "conversation.item.create", item=text_item("a", id="a"), previous_item_id="root"
        ),
        lambda: bench.send(
            "conversation.item.create",
            item=text_item("c", "assistant", id="c"),
            previous_item_id="a",
        ),
    ]
    before = [[each["previous_item_id"] for each in create()] for create in creations]
    assert before == [[None, None], [None, None], ["a", "a"]]
    assert types(bench.events[1:3]) == ["conversation.item.added", "conversation.item.done"]


def test_a_duplicate_id_and_an_unknown_previous_item_are_refused() -> None:
    bench = EngineBench()
    bench.send("conversation.item.create", item=text_item("x", id="x"))
    again = bench.send("conversation.item.create", item=text_item("y", id="x"))
    assert error_of(again)["code"] == "item_create_duplicate_item_id"
    lost = bench.send("conversation.item.create", item=text_item("z"), previous_item_id="nowhere")
    assert error_of(lost)["param"] == "previous_item_id"


def test_assistant_audio_cannot_be_created() -> None:
    sound = {"type": "output_audio", "transcript": "Hello."}
    item = {"type": "message", "role": "assistant", "content": [sound]}
    error = error_of(EngineBench().send("conversation.item.create", item=item))
    assert (error["code"], error["param"]) == (
        "missing_required_parameter",
        "item.content[0].text",
    )


def test_an_item_can_be_deleted_once() -> None:
    bench = EngineBench()
    bench.send("conversation.item.create", item=text_item("x", id="x"))
    assert types(bench.send("conversation.item.delete", item_id="x")) == [
        "conversation.item.deleted"
    ]
    gone = error_of(bench.send("conversation.item.delete", item_id="x"))
    assert gone["code"] == "item_delete_invalid_item_id"
    lost = error_of(bench.send("conversation.item.retrieve", item_id="x"))
    assert lost["code"] == "item_retrieve_invalid_item_id"


def test_truncation_shortens_the_audio_and_removes_the_transcript() -> None:
    bench = EngineBench()
    item = only(bench.send("response.create"), "response.output_item.done")["item"]
    assert item["content"][0]["transcript"]
    cut = {"item_id": item["id"], "content_index": 0}
    found = bench.send("conversation.item.truncate", **cut, audio_end_ms=400)
    assert only(found, "conversation.item.truncated")["audio_end_ms"] == 400
    kept = only(
        bench.send("conversation.item.retrieve", item_id=item["id"]), "conversation.item.retrieved"
    )["item"]["content"][0]
    assert kept["transcript"] is None
    assert base64.b64decode(kept["audio"]) == speech(1_000)[: 400 * 48]
    longer = error_of(bench.send("conversation.item.truncate", **cut, audio_end_ms=401))
    assert longer["code"] == "invalid_value"
    assert "already shorter than 401ms" in longer["message"]


@pytest.mark.parametrize(
    "fields",
    [
        {"item_id": "nobody", "content_index": 0, "audio_end_ms": 1},
        {"item_id": "x", "content_index": 0, "audio_end_ms": 1},
        {"item_id": "x", "content_index": 1, "audio_end_ms": 1},
        {"item_id": "x", "content_index": 0, "audio_end_ms": -1},
        {"item_id": "x", "content_index": 0, "audio_end_ms": 1.5},
        {"item_id": "x", "content_index": 0},
    ],
)
def test_only_assistant_audio_can_be_truncated(fields: dict[str, Any]) -> None:
    bench = EngineBench()
    bench.send("conversation.item.create", item=text_item("x", id="x"))
    assert types(bench.send("conversation.item.truncate", **fields)) == ["error"]
