"""The request of an answer, and its stream of events as effects."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.chat.reply_logic import Effect, Failed, Finished, ReplyReader, Words, request_of
from backend.protocol.errors import UpstreamError, UpstreamFailed, UpstreamUnavailable
from backend.protocol.transcript.turns import Role, TurnStatus
from backend.relay.plan import PastItem
from tests.chat.equipment import MODEL, completed, created, delta, failed


def read(*events: dict[str, Any]) -> tuple[ReplyReader, list[Effect | None]]:
    reader = ReplyReader()
    return reader, [reader.take(event) for event in events]


def test_the_request_has_the_history_and_stores_nothing() -> None:
    past = (PastItem("a", Role.USER, "My dog is Pochi."), PastItem("b", Role.ASSISTANT, "Nice."))
    assert request_of("gpt-5.6-luna", "Be kind.", past, "Its name?", "hash") == {
        "model": "gpt-5.6-luna",
        "instructions": "Be kind.",
        "input": [
            {"role": "user", "content": "My dog is Pochi."},
            {"role": "assistant", "content": "Nice."},
            {"role": "user", "content": "Its name?"},
        ],
        "max_output_tokens": 8192,
        "store": False,
        "stream": True,
        "safety_identifier": "hash",
    }


def test_deltas_are_words_and_the_end_is_counted() -> None:
    reader, effects = read(created(), delta("It is "), delta("Pochi."), completed())
    assert effects == [None, Words("It is "), Words("Pochi."), Finished(TurnStatus.COMPLETED)]
    assert (reader.text, reader.model) == ("It is Pochi.", MODEL)
    assert reader.usage is not None
    assert (reader.usage.text_in, reader.usage.text_in_cached, reader.usage.text_out) == (
        100, 40, 10,
    )  # fmt: skip


def test_a_character_that_is_divided_between_deltas_is_one_word() -> None:
    reader, effects = read(delta("Nice "), delta("\ud83d"), delta("\ude00 ok\ud83d"), completed())
    assert effects == [Words("Nice "), None, Words("😀 ok"), Finished(TurnStatus.COMPLETED)]
    assert reader.text == "Nice 😀 ok"


def test_an_answer_of_half_a_character_has_the_text_of_its_last_event() -> None:
    content = [{"type": "output_text", "text": "😀\ud83d"}]
    reader, _ = read(delta("\ud83d"), completed(output=[{"type": "message", "content": content}]))
    assert reader.text == "😀"


def test_an_answer_that_the_provider_cuts_off_is_interrupted() -> None:
    _, effects = read(delta("It is"), completed("response.incomplete"))
    assert effects[-1] == Finished(TurnStatus.INTERRUPTED)


def test_a_refusal_is_an_answer() -> None:
    reader, effects = read({"type": "response.refusal.delta", "delta": "I cannot."}, completed())
    assert effects == [Words("I cannot."), Finished(TurnStatus.COMPLETED)]
    assert reader.text == "I cannot."


def test_an_answer_without_deltas_has_the_text_of_its_last_event() -> None:
    content = [{"type": "output_text", "text": "It is Pochi."}]
    output = [{"type": "reasoning"}, {"type": "message", "content": content}]
    reader, _ = read(created(), completed(output=output))
    assert reader.text == "It is Pochi."


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (failed("rate_limit_exceeded"), UpstreamUnavailable),
        (failed("server_error"), UpstreamUnavailable),
        (failed("something_new"), UpstreamFailed),
        ({"type": "error", "code": "server_error", "message": "x"}, UpstreamUnavailable),
        ({"type": "error", "error": {"code": "server_error"}}, UpstreamUnavailable),
        ({"type": "response.failed"}, UpstreamFailed),
    ],
)
def test_a_failure_is_the_providers_error(event: dict[str, Any], kind: type[UpstreamError]) -> None:
    _, (effect,) = read(event)
    assert isinstance(effect, Failed)
    assert type(effect.error) is kind


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": 1},
        {"type": "response.output_text.delta"},
        {"type": "response.output_text.delta", "delta": ["x"]},
        {"type": "response.in_progress"},
        {"type": "something.new", "delta": "x"},
    ],
)
def test_what_is_unknown_or_garbage_changes_nothing(event: dict[str, Any]) -> None:
    reader, effects = read(event)
    assert effects == [None]
    assert reader.text == ""


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_TYPES = st.sampled_from(
    ["response.created", "response.completed", "response.failed", "error",
     "response.output_text.delta", "response.incomplete"]
)  # fmt: skip


@given(st.lists(st.tuples(_TYPES, st.sampled_from(["response", "delta", "error"]), _JSON)))
def test_no_event_breaks_the_reader(events: list[tuple[str, str, Any]]) -> None:
    reader, _ = read(*({"type": kind, field: value} for kind, field, value in events))
    reader.text.encode()
