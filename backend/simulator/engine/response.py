"""PURE: one response: its parameters, its progress, and its JSON in `response.*` events."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backend.simulator.engine import token_usage
from backend.simulator.engine.conversation import Conversation, Item, item_from_client
from backend.simulator.engine.effects import Event, Utterance
from backend.simulator.engine.errors import invalid_value
from backend.simulator.engine.parameters import ITEM_REFERENCE, PCM
from backend.simulator.engine.response_stream import ResponseStream

RESPONSE_ERRORS: dict[str, tuple[str, str]] = {
    "rate_limit_exceeded": (
        "invalid_request_error",
        "Rate limit reached for the model on tokens per min (TPM). Please try again in 1.2s.",
    ),
    "speech_synthesis_failed": (
        "server_error",
        "The server had an error while processing your request.",
    ),
}
"""Type and message by error code, for the `status_details` of a failed response."""


@dataclass(slots=True)
class Response:
    """A response in progress.

    `input_items`: the items given in `input`, read in place of the conversation.
    `input_tokens`: everything the response reads; `cached_tokens`: the cached part of it.
    `answered_item_id`: the item of user audio that it answers, if it answers audio.
    `utterance`: None until the persona chose it; `stream`: None until its first event.
    """

    id: str
    is_spoken: bool
    voice: str
    is_in_conversation: bool
    metadata: Any
    max_output_tokens: Any
    input_tokens: token_usage.Tokens
    input_items: tuple[Item, ...] | None = None
    cached_tokens: token_usage.Tokens = token_usage.Tokens()
    answered_item_id: str | None = None
    utterance: Utterance | None = None
    stream: ResponseStream | None = None

    def as_event(
        self,
        conversation_id: str,
        status: str,
        details: Event | None = None,
        usage: Event | None = None,
    ) -> Event:
        """The response in the protocol's JSON; `details` is its `status_details`."""
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [self.stream.item.as_event()] if self.stream is not None else [],
            "conversation_id": conversation_id if self.is_in_conversation else None,
            "output_modalities": ["audio"] if self.is_spoken else ["text"],
            "max_output_tokens": self.max_output_tokens,
            "audio": {"output": {"format": dict(PCM), "voice": self.voice}},
            "usage": usage,
            "metadata": self.metadata,
        }


def new_response(
    params: Event, session: Event, conversation: Conversation, new_id: Callable[[str], str]
) -> Response:
    """Make a response from the parameters of a `response.create`; the session has the defaults.

    Raises ClientEventError if an element of `input` is neither a valid item nor a reference to one
    of the conversation.
    """
    output = {**session["audio"]["output"], **params.get("audio", {}).get("output", {})}
    response = Response(
        id=new_id("resp"),
        is_spoken=params.get("output_modalities", session["output_modalities"]) == ["audio"],
        voice=output["voice"],
        is_in_conversation=params.get("conversation") != "none",
        metadata=params.get("metadata"),
        max_output_tokens=params.get("max_output_tokens", session["max_output_tokens"]),
        input_tokens=token_usage.text_tokens(params.get("instructions") or session["instructions"]),
    )
    items = list(conversation)
    if params.get("input") is not None:
        items = [
            _input_item(given, conversation, new_id("item"), f"response.input[{index}]")
            for index, given in enumerate(params["input"])
        ]
        response.input_items = tuple(items)
    response.input_tokens += token_usage.sum_tokens(item.tokens for item in items)
    return response


def _input_item(given: Event, conversation: Conversation, new_id: str, param: str) -> Item:
    if given.get("type") != "item_reference":
        return item_from_client(given, new_id, param)
    ITEM_REFERENCE(given, param)
    item = conversation.find(given["id"])
    if item is None:
        raise invalid_value(f"{param}.id", "the id of an item in this conversation")
    return item


def status_details(status: str, reason: str | None, error_code: str | None) -> Event | None:
    """The `status_details` of a response; None if it completed.

    `error_code`: a key of `RESPONSE_ERRORS`, for a failed response.
    """
    if status == "completed":
        return None
    details: Event = {"type": status}
    if reason is not None:
        details["reason"] = reason
    if error_code is not None:
        type, message = RESPONSE_ERRORS[error_code]
        details["error"] = {"type": type, "code": error_code, "message": message}
    return details
