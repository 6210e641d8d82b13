"""PURE: one `POST /v1/responses`: checks its body, chooses the reply, and makes its events.

The request contains the whole conversation (`input`), so nothing is kept between requests:
`previous_response_id` and `conversation` are refused, whatever `store` says. Only text is read and
written; tools are accepted and never called.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from backend.simulator.engine import token_usage
from backend.simulator.engine.chunking import Chunk, split_words
from backend.simulator.engine.effects import Event
from backend.simulator.engine.errors import ClientEventError, missing_parameter
from backend.simulator.engine.ports import Persona
from backend.simulator.engine.response_stream import chunks_within_budget
from backend.simulator.engine.validators import (
    Validator,
    any_object,
    boolean,
    by_json_type,
    by_type_field,
    integer,
    list_of,
    map_of,
    nullable,
    number,
    object_of,
    one_of,
    string,
    string_of_length,
)

EVENT_TYPES: Final = frozenset(
    {
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
        "response.incomplete",
    }
)
"""Every event type of a streamed reply. A test validates each with the official types."""

DELTA_TYPE: Final = "response.output_text.delta"

_ASKS_FOR_TITLE = re.compile(r"\A\s*write a title\b|\A[^\n。]{0,20}題名を付け", re.IGNORECASE)
"""Instructions that ask for a title of the conversation in the input, not for an answer to it."""
_SPEAKER = re.compile(r"\A\s*\w{1,12}[:：]\s*")
"""The label in front of what one speaker says, such as `User: `."""
_KNOWN_MODEL = re.compile(r"(ft:)?(gpt|chatgpt|whisper|o[0-9])[-\w.:]*")

# ── The request ───────────────────────────────────────────────────────────────────────────────────

_INPUT_PART = by_type_field(
    {"input_text": object_of({"type": string, "text": string}, required=("text",))}
)
_OUTPUT_PART = by_type_field(
    {
        "output_text": object_of(
            {
                "type": string,
                "text": string,
                "annotations": list_of(any_object),
                "logprobs": list_of(any_object),
            },
            required=("text",),
        ),
        "refusal": object_of({"type": string, "refusal": string}, required=("refusal",)),
    }
)
_PARTS_BY_ROLE: Final[dict[str, Validator]] = {
    "user": list_of(_INPUT_PART),
    "system": list_of(_INPUT_PART),
    "developer": list_of(_INPUT_PART),
    "assistant": list_of(_OUTPUT_PART),
}
_MESSAGE = object_of(
    {
        "type": one_of("message"),
        "role": one_of(*_PARTS_BY_ROLE),
        "content": by_json_type({str: string, list: list_of(any_object)}),
        "id": string,
        "status": one_of("in_progress", "completed", "incomplete"),
        "phase": nullable(one_of("commentary", "final_answer")),
    },
    required=("role", "content"),
)


def _item(value: Any, path: str) -> None:
    _MESSAGE(value, path)
    if isinstance(value["content"], list):
        _PARTS_BY_ROLE[value["role"]](value["content"], f"{path}.content")


_OBJECT = nullable(any_object)
_PARAMETERS: Final[dict[str, Validator]] = {
    "access_programs": _OBJECT,
    "background": nullable(one_of(False)),
    "context_management": nullable(list_of(any_object)),
    "conversation": nullable(by_json_type({str: string, dict: any_object})),
    "image": _OBJECT,
    "include": nullable(list_of(string)),
    "input": by_json_type({str: string, list: list_of(_item)}),
    "instructions": nullable(string),
    "max_output_tokens": nullable(integer(16)),
    "max_tool_calls": nullable(integer(1)),
    "metadata": nullable(map_of(string_of_length(0, 512), 16, 64)),
    "model": string,
    "moderation": _OBJECT,
    "parallel_tool_calls": nullable(boolean),
    "previous_response_id": nullable(string),
    "prompt": _OBJECT,
    "prompt_cache_key": nullable(string),
    "prompt_cache_options": _OBJECT,
    "prompt_cache_retention": nullable(one_of("in_memory", "24h")),
    "reasoning": _OBJECT,
    "safety_identifier": nullable(string_of_length(0, 64)),
    "service_tier": nullable(one_of("auto", "default", "flex", "scale", "priority")),
    "store": nullable(boolean),
    "stream": nullable(boolean),
    "stream_options": _OBJECT,
    "temperature": nullable(number(0, 2)),
    "text": _OBJECT,
    "tool_choice": by_json_type({str: one_of("none", "auto", "required"), dict: any_object}),
    "tools": list_of(any_object),
    "top_logprobs": nullable(integer(0, 20)),
    "top_p": nullable(number(0, 1)),
    "truncation": nullable(one_of("auto", "disabled")),
    "user": nullable(string),
}
_BODY = object_of(_PARAMETERS)

_ECHOED: Final[dict[str, Any]] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""The parameters that the response repeats, with their defaults; the official type has no other."""


def require_known_model(model: str, message: str) -> None:
    """Check that a model's name begins as the provider's names do.

    Raises ClientEventError `model_not_found` with this message otherwise.
    """
    if _KNOWN_MODEL.fullmatch(model) is None:
        raise ClientEventError("model_not_found", message, "model")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation in `input`."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class TextRequest:
    """A valid request: its JSON (`params`), and the conversation of its `input`."""

    params: Event
    messages: tuple[Message, ...]

    @property
    def is_streamed(self) -> bool:
        return bool(self.params.get("stream"))


def parse_request(body: Any) -> TextRequest:
    """Check the body of a request. Raises ClientEventError; all of them are a 400."""
    _BODY(body, "")
    if "model" not in body:
        raise missing_parameter("model")
    if body.get("previous_response_id"):
        raise ClientEventError(
            "previous_response_not_found",
            f"Previous response with id '{body['previous_response_id']}' not found.",
            "previous_response_id",
        )
    if body.get("conversation"):
        raise ClientEventError(
            "conversation_not_found", "The conversation was not found.", "conversation"
        )
    if not body.get("input"):
        raise missing_parameter("input")
    model = body["model"]
    require_known_model(model, f"The requested model '{model}' does not exist.")
    given = body["input"]
    if isinstance(given, str):
        return TextRequest(body, (Message("user", given),))
    return TextRequest(body, tuple(Message(each["role"], _text_of(each)) for each in given))


def _text_of(item: Event) -> str:
    content = item["content"]
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", part.get("refusal", "")) for part in content)


# ── The reply ─────────────────────────────────────────────────────────────────────────────────────


def _choose_reply(request: TextRequest, persona: Persona) -> str:
    """The persona's answer to the last user message, in the language of the conversation.

    Or, if the instructions ask for one, its title for that message, which quotes a conversation.
    """
    said = [each for each in request.messages if each.role in ("user", "assistant")]
    user_texts = [each.text for each in said if each.role == "user"]
    previous_replies = [each.text for each in said if each.role == "assistant" and each.text]
    user_text = said[-1].text if said and said[-1].role == "user" else ""
    instructions = request.params.get("instructions") or ""
    if _ASKS_FOR_TITLE.search(instructions):
        first_line = _SPEAKER.sub("", user_text).partition("\n")[0]
        return persona.title(first_line, persona.language([first_line], None, instructions))
    language = persona.language(user_texts, None, instructions)
    return persona.answer(user_text, previous_replies, language).caption


def _count_input(request: TextRequest) -> tuple[token_usage.Tokens, token_usage.Tokens]:
    """The tokens of the whole input, and the part that the previous response also read.

    As in a session, the previous response read everything before its own reply.
    """
    instructions = token_usage.text_tokens(request.params.get("instructions") or "")
    counts = [token_usage.text_tokens(each.text) for each in request.messages]
    replies = [index for index, each in enumerate(request.messages) if each.role == "assistant"]
    all_input = instructions + token_usage.sum_tokens(counts)
    if not replies:
        return all_input, token_usage.Tokens()
    previous = instructions + token_usage.sum_tokens(counts[: replies[-1]])
    return all_input, token_usage.cached_tokens(previous, all_input)


class TextResponse:
    """The reply to one request.

    `new_id` takes a prefix and returns a unique id; `created_at` is in Unix seconds; the words come
    at intervals of `word_interval_s` seconds.
    """

    def __init__(
        self,
        request: TextRequest,
        persona: Persona,
        new_id: Callable[[str], str],
        created_at: float,
        word_interval_s: float = 0.0,
    ) -> None:
        self._params = request.params
        self._id = new_id("resp")
        self._item_id = new_id("msg")
        self._created_at = int(created_at)
        limit = self._params.get("max_output_tokens") or "inf"
        words = split_words(_choose_reply(request, persona))
        kept = chunks_within_budget([Chunk(word) for word in words], limit)
        self.words = [chunk.text for chunk in kept]
        self.duration_s = word_interval_s * len(self.words)
        self._is_truncated = len(self.words) < len(words)
        self._all_input, self._cached = _count_input(request)

    @property
    def text(self) -> str:
        """The whole reply."""
        return "".join(self.words)

    def whole(self) -> Event:
        """The finished response."""
        return self._response("incomplete" if self._is_truncated else "completed")

    def events(self) -> Iterator[Event]:
        """The events of the streamed reply, in order; one delta for each word."""
        for index, (type, fields) in enumerate(self._events()):
            yield {"type": type, "sequence_number": index, **fields}

    def _events(self) -> Iterator[tuple[str, Event]]:
        in_item = {"output_index": 0}
        in_part = {**in_item, "item_id": self._item_id, "content_index": 0}
        end = self.whole()
        for type in ("response.created", "response.in_progress"):
            yield type, {"response": self._response("in_progress")}
        yield "response.output_item.added", {**in_item, "item": self._item("in_progress")}
        yield "response.content_part.added", {**in_part, "part": _part("")}
        for word in self.words:
            yield DELTA_TYPE, {**in_part, "delta": word, "logprobs": []}
        yield "response.output_text.done", {**in_part, "text": self.text, "logprobs": []}
        yield "response.content_part.done", {**in_part, "part": _part(self.text)}
        yield "response.output_item.done", {**in_item, "item": end["output"][0]}
        yield f"response.{end['status']}", {"response": end}

    def _item(self, status: str) -> Event:
        content = [] if status == "in_progress" else [_part(self.text)]
        return {
            "id": self._item_id,
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": content,
        }

    def _response(self, status: str) -> Event:
        is_ended = status != "in_progress"
        echoed = {
            name: default if self._params.get(name) is None else self._params[name]
            for name, default in _ECHOED.items()
        }
        for name in ("reasoning", "text"):
            echoed[name] = {**_ECHOED[name], **echoed[name]}
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created_at,
            "completed_at": self._created_at + int(self.duration_s) if is_ended else None,
            "status": status,
            "error": None,
            "incomplete_details": (
                {"reason": "max_output_tokens"} if status == "incomplete" else None
            ),
            "model": self._params["model"],
            "output": [self._item(status)] if is_ended else [],
            "usage": self._usage() if is_ended else None,
            **echoed,
        }

    def _usage(self) -> Event:
        """The tokens. Whole blocks of input that were not cached are written to the cache."""
        block = token_usage.CACHE_BLOCK_TOKENS
        all_input, cached = self._all_input.total, self._cached.total
        output = token_usage.text_tokens(self.text).total
        return {
            "input_tokens": all_input,
            "input_tokens_details": {
                "cached_tokens": cached,
                "cache_write_tokens": all_input // block * block - cached,
            },
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": all_input + output,
        }


def _part(text: str) -> Event:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
