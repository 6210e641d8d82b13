"""Every event that the simulator sends, against the official SDK's types."""

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from openai._models import BaseModel
from openai.types.realtime import RealtimeServerEvent

from backend.simulator.engine.client_events import EVENT_FIELDS
from backend.simulator.engine.engine import EngineOptions
from backend.simulator.engine.mishap_actions import Transmit, actions_of
from backend.simulator.engine.mishaps import Kind, Mishap
from backend.simulator.engine.outbox import SERVER_EVENT_TYPES
from backend.simulator.engine.parameters import INPUT_FIELDS, RESPONSE_FIELDS, SESSION_FIELDS
from tests.simulator.equipment import (
    MANUAL,
    TRANSCRIBING,
    EngineBench,
    append,
    only,
    silence,
    speech,
    text_item,
    types,
)

Event = dict[str, Any]


def official_classes() -> dict[str, type[BaseModel]]:
    """The official class of each event type."""
    classes = get_args(get_args(RealtimeServerEvent)[0])
    return {get_args(each.model_fields["type"].annotation)[0]: each for each in classes}


def everything() -> list[Event]:
    """The events of a few sessions that together have every event type."""
    talk = EngineBench(EngineOptions(pace=2, late_every=2))
    talk.configure(TRANSCRIBING)
    turn = silence(600) + speech(900) + silence(800)
    talk.play(turn)
    talk.wait(3)
    talk.recognised_text = None
    talk.play(turn)
    talk.play(speech(600))
    talk.play(silence(800))
    talk.wait(3)
    item = next(each for each in talk.events if each["type"] == "response.output_item.done")["item"]
    talk.send("conversation.item.retrieve", item_id=item["id"])
    cut = {"item_id": item["id"], "content_index": 0, "audio_end_ms": 10}
    talk.send("conversation.item.truncate", **cut)
    talk.send("conversation.item.retrieve", item_id=item["id"])
    talk.send("conversation.item.delete", item_id=item["id"])
    talk.send("response.create", response={"output_modalities": ["text"], "metadata": {"a": "b"}})
    talk.send("response.cancel")
    talk.send("response.create", response={"max_output_tokens": 1})
    talk.wait(1)
    talk.engine.injected_faults.rate_limited_responses = 1
    talk.send("response.create", response={"conversation": "none", "input": []})

    manual = EngineBench(EngineOptions(pace=0, cap_s=600))
    detection = {"type": "server_vad", "idle_timeout_ms": 5_000}
    manual.configure({"audio": {"input": {"turn_detection": detection}}})
    manual.send("response.create")
    manual.wait(10)
    manual.configure({"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}})
    manual.configure({"audio": {"input": {"noise_reduction": {"type": "near_field"}}}}, MANUAL)
    manual.send_raw(append(silence(300)))
    manual.send("input_audio_buffer.commit")
    manual.send("input_audio_buffer.clear")
    for role, kind in (
        ("user", "input_text"),
        ("assistant", "output_text"),
        ("system", "input_text"),
    ):
        content = [{"type": kind, "text": "Hello."}]
        made = {"type": "message", "role": role, "content": content}
        manual.send("conversation.item.create", item=made)
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    manual.send("conversation.item.create", item=call)
    output = {"type": "function_call_output", "call_id": "c1", "output": "{}"}
    manual.send("conversation.item.create", item=output)
    manual.send("nonsense", event_id="e1")
    manual.wait(700)

    webrtc = EngineBench(EngineOptions(pace=0, is_webrtc=True))
    webrtc.send("response.create")
    webrtc.take_audio(2_000)
    webrtc.send("response.create")
    webrtc.take_audio(100)
    webrtc.send("output_audio_buffer.clear")
    return talk.events + manual.events + webrtc.events


EVERYTHING = everything()


def test_every_event_type_was_sent_and_no_other() -> None:
    assert {event["type"] for event in EVERYTHING} == SERVER_EVENT_TYPES


OFFICIAL = official_classes()


def assert_official(event: Event) -> None:
    """Assert that the official type validates the event and knows all its fields."""
    read = OFFICIAL[event["type"]].model_validate_json(json.dumps(event), strict=True)
    assert read.model_extra == {}


@pytest.mark.parametrize("type", sorted(SERVER_EVENT_TYPES))
def test_the_official_types_accept_every_event(type: str) -> None:
    for event in EVERYTHING:
        if event["type"] == type:
            assert_official(event)


def test_the_error_of_an_invalid_key_is_official_too() -> None:
    (message,) = [
        action.message
        for action in actions_of(Mishap(Kind.INVALID_KEY))
        if isinstance(action, Transmit)
    ]
    assert_official(json.loads(message))


# ── Client events with one wrong value ────────────────────────────────────────────────────────────

FORMAT = {"type": "audio/pcm", "rate": 24_000}
SOUND = append(silence(20))["audio"]
FILTER = {"read_only": True, "tool_names": ["t"]}
TOOLS: list[Event] = [
    {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}},
    {
        "type": "mcp",
        "server_label": "s",
        "server_url": "https://tools.example",
        "server_description": "d",
        "connector_id": "connector_gmail",
        "tunnel_id": "t",
        "authorization": "a",
        "headers": {"h": "v"},
        "allowed_tools": FILTER,
        "allowed_callers": ["direct"],
        "require_approval": {"always": FILTER, "never": FILTER},
        "defer_loading": True,
    },
    {"type": "mcp", "server_label": "s", "allowed_tools": ["t"], "require_approval": "never"},
]
BOTH: Event = {
    "output_modalities": ["text"],
    "instructions": "Be brief.",
    "tools": TOOLS,
    "tool_choice": {"type": "mcp", "server_label": "s", "name": "t"},
    "parallel_tool_calls": True,
    "reasoning": {"effort": "low"},
    "max_output_tokens": 4_096,
    "prompt": {
        "id": "p",
        "version": "1",
        "variables": {"a": "b", "c": {"type": "input_text", "text": "d"}},
    },
}
SESSION: Event = {
    **BOTH,
    "type": "realtime",
    "model": "gpt-realtime",
    "audio": {
        "input": {
            "format": FORMAT,
            "transcription": {
                "model": "gpt-transcribe",
                "language": "ja",
                "languages": ["ja", "en"],
                "prompt": "p",
                "keywords": ["k"],
                "delay": "low",
            },
            "noise_reduction": {"type": "near_field", "strength": 0.5},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 500,
                "idle_timeout_ms": 5_000,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": FORMAT, "voice": "marin", "speed": 1.0},
    },
    "truncation": {
        "type": "retention_ratio",
        "retention_ratio": 0.8,
        "token_limits": {"post_instructions": 8_000},
    },
    "tracing": {"workflow_name": "w", "group_id": "g", "metadata": {"a": 1}},
    "include": ["item.input_audio_transcription.logprobs"],
}
RESPONSE: Event = {
    **BOTH,
    "audio": {"output": {"format": FORMAT, "voice": "marin"}},
    "conversation": "none",
    "input": [text_item("Hm?", id="i"), {"type": "item_reference", "id": "known"}],
    "metadata": {"for": "title"},
}
CALL: Event = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
COMMON = {"object": "realtime.item", "status": "completed"}
ITEMS: list[Event] = [
    text_item("Hello.", **COMMON),
    text_item("Hello.", "assistant", **COMMON),
    text_item("Hello.", "system", **COMMON),
    {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_audio", "audio": SOUND, "transcript": "Hm."}],
    },
    {**CALL, **COMMON},
    {"type": "function_call_output", "call_id": "c", "output": "{}", **COMMON},
]
VALID: list[Event] = [
    {"type": "session.update", "session": SESSION},
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}},
            "tool_choice": {"type": "function", "name": "f"},
        },
    },
    {"type": "input_audio_buffer.append", "audio": SOUND},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    *(
        {"type": "conversation.item.create", "item": item, "previous_item_id": "root"}
        for item in ITEMS
    ),
    {"type": "conversation.item.retrieve", "item_id": "none"},
    {"type": "conversation.item.delete", "item_id": "none"},
    {
        "type": "conversation.item.truncate",
        "item_id": "none",
        "content_index": 0,
        "audio_end_ms": 100,
    },
    {"type": "response.create", "response": RESPONSE},
    {"type": "response.cancel", "response_id": "none"},
    {"type": "output_audio_buffer.clear"},
]
WRONG: list[Any] = [None, True, -1, 5, 10**30, 2.5, "", "é" * 600, [], [5], [[]], {}, {"x": {}}]
UNTOLD_KINDS = ("item_", "response_cancel_not_active", "input_audio_buffer_commit_empty")

Path = tuple[str | int, ...]


def bench_with_an_item() -> EngineBench:
    # `output_audio_buffer.clear` is valid in WebRTC calls only.
    bench = EngineBench(EngineOptions(pace=0, late_every=0, is_webrtc=True))
    bench.send("conversation.item.create", item=text_item("Hm?", id="known"))
    return bench


def paths_in(value: object, path: Path = ()) -> Iterator[Path]:
    """The path of every value inside an event."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, each in inner:
        yield (*path, name)
        yield from paths_in(each, (*path, name))


def with_wrong_value(event: Event, path: Path, wrong: object) -> Event:
    """A copy of the event with another value at this path."""
    # Through JSON, as `deepcopy` keeps an object that is in several places shared.
    made: Event = json.loads(json.dumps(event))
    holder: Any = made
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = wrong
    return made


def as_param(path: Path) -> str:
    """A path in the provider's notation."""
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)[1:]


def test_the_valid_events_have_every_field_that_exists() -> None:
    for type, fields in EVENT_FIELDS.items():
        written = {name for event in VALID if event["type"] == type for name in event}
        assert written == {"type", *fields}
    assert SESSION.keys() == SESSION_FIELDS.keys()
    assert SESSION["audio"]["input"].keys() == INPUT_FIELDS.keys()
    assert RESPONSE.keys() == RESPONSE_FIELDS.keys()


@pytest.mark.parametrize("event", VALID, ids=lambda event: event["type"])
def test_a_valid_event_is_accepted(event: Event) -> None:
    for answer in bench_with_an_item().send_raw({**event, "event_id": "e1"}):
        assert_official(answer)
        if answer["type"] == "error":
            assert answer["error"]["code"].startswith(UNTOLD_KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("event", VALID, ids=lambda event: event["type"])
def test_a_wrong_value_anywhere_gets_an_official_event_and_the_session_continues(
    event: Event,
) -> None:
    bench = bench_with_an_item()
    checked = 0
    for path in paths_in(event):
        for wrong in WRONG:
            bench.send_raw(with_wrong_value(event | {"event_id": "e1"}, path, wrong))
            bench.send("input_audio_buffer.clear")
            answers, checked = bench.events[checked:], len(bench.events)
            assert answers[-1]["type"] == "input_audio_buffer.cleared"
            for answer in answers:
                assert_official(answer)
                if answer["type"] == "error" and answer["error"]["code"] == "invalid_type":
                    assert answer["error"]["param"].startswith(as_param(path))
                    assert answer["error"]["event_id"] == "e1"
    bench.configure(MANUAL, {"output_modalities": ["text"], "max_output_tokens": "inf"})
    bench.send_raw(append(silence(200)))
    assert "conversation.item.done" in types(bench.send("input_audio_buffer.commit"))
    done = only(bench.send("response.create"), "response.done")
    assert done["response"]["status"] == "completed"


@pytest.mark.parametrize(
    "response",
    [
        {"instructions": 5},
        {"metadata": {"a": 1}},
        {"max_output_tokens": 0.5},
        {"input": [{**CALL, "call_id": 5}]},
    ],
)
def test_a_refused_response_is_an_error_with_the_clients_event_id(response: Event) -> None:
    bench = EngineBench()
    found = bench.send("response.create", event_id="mine", response=response)
    assert types(found) == ["error"]
    error = found[0]["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_type")
    assert error["event_id"] == "mine"
