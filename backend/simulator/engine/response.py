"""PURE: one response: what was asked for, how far it is, and how the protocol writes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backend.simulator.engine import token_usage
from backend.simulator.engine.conversation import Conversation, Item, item_from_client
from backend.simulator.engine.effects import Event, Line
from backend.simulator.engine.errors import invalid
from backend.simulator.engine.parameters import ITEM_REFERENCE, PCM
from backend.simulator.engine.response_stream import Delivery

FAILURES: dict[str, tuple[str, str]] = {
    "rate_limit_exceeded": (
        "invalid_request_error",
        "Rate limit reached for the model on tokens per min (TPM). Please try again in 1.2s.",
    ),
    "speech_synthesis_failed": (
        "server_error",
        "The server had an error while processing your request.",
    ),
}
"""Why a response fails: by code, the error's type and message."""


@dataclass(slots=True)
class Reply:
    """A response on its way.

    `context`: all that it reads. `known`: the part of it that is cached. `prompt_id`: the user's
    sound that it answers. `input_items`: what it answers in place of the conversation. `line` is
    there when it is decided, `delivery` when it is spoken.
    """

    id: str
    is_spoken: bool
    voice: str
    is_in_conversation: bool
    metadata: Any
    max_output_tokens: Any
    context: token_usage.Tokens
    input_items: tuple[Item, ...] | None = None
    known: token_usage.Tokens = token_usage.Tokens()
    prompt_id: str | None = None
    line: Line | None = None
    delivery: Delivery | None = None

    def as_event(
        self,
        conversation_id: str,
        status: str,
        details: Event | None = None,
        usage: Event | None = None,
    ) -> Event:
        """The response as the protocol writes it."""
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [self.delivery.item.as_event()] if self.delivery is not None else [],
            "conversation_id": conversation_id if self.is_in_conversation else None,
            "output_modalities": ["audio"] if self.is_spoken else ["text"],
            "max_output_tokens": self.max_output_tokens,
            "audio": {"output": {"format": dict(PCM), "voice": self.voice}},
            "usage": usage,
            "metadata": self.metadata,
        }


def reply_to(
    params: Event, session: Event, conversation: Conversation, new_id: Callable[[str], str]
) -> Reply:
    """The response that was asked for, by its own parameters or else the session's.

    Raises Refused where `input` holds something that is no item, nor the id of one.
    """
    output = {**session["audio"]["output"], **params.get("audio", {}).get("output", {})}
    reply = Reply(
        id=new_id("resp"),
        is_spoken=params.get("output_modalities", session["output_modalities"]) == ["audio"],
        voice=output["voice"],
        is_in_conversation=params.get("conversation") != "none",
        metadata=params.get("metadata"),
        max_output_tokens=params.get("max_output_tokens", session["max_output_tokens"]),
        context=token_usage.of_text(params.get("instructions") or session["instructions"]),
    )
    items = list(conversation)
    if params.get("input") is not None:
        items = [
            _input_item(given, conversation, new_id("item"), f"response.input[{place}]")
            for place, given in enumerate(params["input"])
        ]
        reply.input_items = tuple(items)
    reply.context += token_usage.total(item.tokens for item in items)
    return reply


def _input_item(given: Event, conversation: Conversation, new_id: str, param: str) -> Item:
    if given.get("type") != "item_reference":
        return item_from_client(given, new_id, param)
    ITEM_REFERENCE(given, param)
    item = conversation.find(given["id"])
    if item is None:
        raise invalid(f"{param}.id", "the id of an item in this conversation")
    return item


def status_details(status: str, reason: str | None, failure: str | None) -> Event | None:
    """Why a response ended as it did; None where it is complete. `failure`: one of `FAILURES`."""
    if status == "completed":
        return None
    details: Event = {"type": status}
    if reason is not None:
        details["reason"] = reason
    if failure is not None:
        type, message = FAILURES[failure]
        details["error"] = {"type": type, "code": failure, "message": message}
    return details
