"""PURE: which events a client may send, and which fields each may have (protocol §1.2)."""

from backend.simulator.effects import Event
from backend.simulator.refusals import Refused, invalid, unknown
from backend.simulator.session import ANYTHING, OUTPUT, checked

FIELDS: dict[str, tuple[str, ...]] = {
    "session.update": ("session",),
    "input_audio_buffer.append": ("audio",),
    "input_audio_buffer.commit": (),
    "input_audio_buffer.clear": (),
    "conversation.item.create": ("item", "previous_item_id"),
    "conversation.item.retrieve": ("item_id",),
    "conversation.item.delete": ("item_id",),
    "conversation.item.truncate": ("item_id", "content_index", "audio_end_ms"),
    "response.create": ("response",),
    "response.cancel": ("response_id",),
}
_ALWAYS = ("type", "event_id")

RESPONSE_FIELDS = frozenset(
    {
        "audio",
        "conversation",
        "input",
        "instructions",
        "max_output_tokens",
        "metadata",
        "output_modalities",
        "parallel_tool_calls",
        "prompt",
        "reasoning",
        "tool_choice",
        "tools",
    }
)


def known_event(event: object) -> Event:
    """The event, if its type and its fields are known. Raises Refused."""
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise Refused("invalid_event", "The event is not a JSON object with a 'type'.", "type")
    fields = FIELDS.get(event["type"])
    if fields is None:
        known = ", ".join(f"'{name}'" for name in FIELDS)
        raise Refused(
            "invalid_value",
            f"Invalid value: '{event['type'][:64]}'. Supported values are: {known}.",
            "type",
        )
    for name in event:
        if name not in fields and name not in _ALWAYS:
            raise unknown(name)
    return event


def response_params(event: Event) -> Event:
    """What a `response.create` asks for; empty where it asks for nothing. Raises Refused."""
    params = event.get("response") or {}
    if not isinstance(params, dict):
        raise invalid("response", "an object")
    for name in params:
        if name not in RESPONSE_FIELDS:
            raise unknown(f"response.{name}")
    if params.get("output_modalities", ["audio"]) not in (["audio"], ["text"]):
        raise invalid("response.output_modalities", "['audio'] or ['text']")
    output = checked(params.get("audio", {}), {"output": ANYTHING}, "response.audio")
    checked(output.get("output", {}), OUTPUT, "response.audio.output")
    if not isinstance(params.get("input", []), list):
        raise invalid("response.input", "a list of items")
    return params
