"""The text of a `response` object of the Responses API."""

from typing import Any

import pytest

from backend.protocol.text_answer import output_text


def message(*parts: Any) -> dict[str, Any]:
    return {"type": "message", "content": list(parts)}


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ([message({"type": "output_text", "text": "It is "}, {"text": "Pochi."})], "It is Pochi."),
        ([{"type": "reasoning", "content": [{"text": "Hm."}]}, message({"text": "Yes."})], "Yes."),
        ([message({"type": "refusal", "refusal": "I cannot."})], "I cannot."),
        ([message({"text": "a\0b\ud800"})], "ab"),
        ([message({"text": 1}), message(), "nothing", None], ""),
        (None, ""),
    ],
)
def test_the_messages_are_joined(output: Any, text: str) -> None:
    assert output_text({"output": output}) == text


def test_without_an_output_there_is_no_text() -> None:
    assert output_text({}) == ""
