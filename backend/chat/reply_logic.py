"""One answer of the Responses API: builds its request, converts its events to effects. PURE.

Source: the provider's API reference of `POST /v1/responses` and of its streaming events.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from backend.protocol.delta_text import DeltaText
from backend.protocol.errors import UpstreamError
from backend.protocol.reading import JsonObject, mapping_at, text_at
from backend.protocol.text_answer import output_text
from backend.protocol.transcript.turns import Role, TurnStatus
from backend.protocol.usage import TextUsage, text_usage_of
from backend.relay.plan import PastItem
from backend.spending.prices import MAX_ANSWER_TOKENS
from backend.upstream.failures import error_named_in


@dataclass(frozen=True, slots=True)
class Words:
    """The next piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The provider ended the answer.

    `status` is `completed`, or `interrupted` if the provider cut it off (length limit, content
    filter).
    """

    status: TurnStatus


@dataclass(frozen=True, slots=True)
class Failed:
    """The provider reported an error instead of finishing the answer."""

    error: UpstreamError


Effect = Words | Finished | Failed


def request_of(
    model: str, instructions: str, past: Iterable[PastItem], message: str, safety_identifier: str
) -> dict[str, Any]:
    """The body of the request. Nothing is stored at the provider (`store`)."""
    items = [_input_item(item.role, item.text) for item in past]
    return {
        "model": model,
        "instructions": instructions,
        "input": [*items, _input_item(Role.USER, message)],
        "max_output_tokens": MAX_ANSWER_TOKENS,
        "store": False,
        "stream": True,
        "safety_identifier": safety_identifier,
    }


def _input_item(role: Role, text: str) -> dict[str, Any]:
    """A message in its short form.

    The provider accepts an assistant's earlier message only in this form or by its id.
    """
    return {"role": str(role), "content": text}


class ReplyReader:
    """Reads the events of one answer.

    `text` is the text received so far. `usage` is the token usage, `model` the model that answered,
    which may be a dated snapshot of the requested one, and `response_id` the answer's; all are None
    until known. `has_failed`: the provider reported an error.
    """

    def __init__(self) -> None:
        self.usage: TextUsage | None = None
        self.model: str | None = None
        self.response_id: str | None = None
        self.has_failed = False
        self._deltas = DeltaText()
        self._parts: list[str] = []

    @property
    def text(self) -> str:
        """The text received so far."""
        return "".join(self._parts)

    def take(self, event: JsonObject) -> Effect | None:
        """Read the next event; return its effect. None if it has none or its type is unknown."""
        read = _READERS.get(text_at(event, "type") or "")
        return None if read is None else read(self, event)

    def _created(self, event: JsonObject) -> None:
        response = mapping_at(event, "response")
        self.model = text_at(response, "model") or None
        self.response_id = text_at(response, "id") or None

    def _delta(self, event: JsonObject) -> Words | None:
        return self._append(self._deltas.add(text_at(event, "delta") or ""))

    def _append(self, text: str) -> Words | None:
        if not text:
            return None
        self._parts.append(text)
        return Words(text)

    def _completed(self, event: JsonObject) -> Finished:
        self._ended(event)
        return Finished(TurnStatus.COMPLETED)

    def _incomplete(self, event: JsonObject) -> Finished:
        self._ended(event)
        return Finished(TurnStatus.INTERRUPTED)

    def _failed(self, event: JsonObject) -> Failed:
        self._ended(event)
        self.has_failed = True
        return Failed(error_named_in(mapping_at(event, "response", "error")))

    def _error(self, event: JsonObject) -> Failed:
        self.has_failed = True
        return Failed(error_named_in(mapping_at(event, "error") or event))

    def _ended(self, event: JsonObject) -> None:
        response = mapping_at(event, "response")
        self.model = text_at(response, "model") or self.model
        self.usage = text_usage_of(response)
        if not self._parts:
            # A provider that streams no deltas sends the whole text in its last event.
            self._append(output_text(response))


_Read = Callable[[ReplyReader, JsonObject], Effect | None]

_READERS: Mapping[str, _Read] = {
    "response.created": ReplyReader._created,
    "response.output_text.delta": ReplyReader._delta,
    "response.refusal.delta": ReplyReader._delta,
    "response.completed": ReplyReader._completed,
    "response.incomplete": ReplyReader._incomplete,
    "response.failed": ReplyReader._failed,
    "error": ReplyReader._error,
}
"""By the event's type. A refusal is text too: it is shown and stored like any other answer."""
