"""How the model is asked for a title, and what is taken of its answer. PURE."""

import re
from collections.abc import Mapping
from typing import Any, Final

from backend.protocol.graphemes import cut, without_invisible
from backend.wording import Language

MAX_TITLE_CHARACTERS: Final = 60
MAX_EXCERPT_CHARACTERS: Final = 1_000
"""Of the question, and of the answer: their beginnings say what a conversation is about."""
MAX_OUTPUT_TOKENS: Final = 1_000
"""A title has about ten tokens. The rest is for a model that reasons before it writes."""

INSTRUCTIONS: Final[Mapping[Language, str]] = {
    "en": (
        "Write a title for the conversation below. Do not continue it. The title has at most six"
        " words, on one line, in the language in which the user writes; if that is unclear, in"
        " English. Answer with the title only, without quotation marks and without a full stop."
    ),
    "ja": (
        "次の会話に題名を付けてください。会話の続きは書かないでください。題名は一行で二十文字以内と"
        "し、利用者が使っている言語で、それが分からなければ日本語で書いてください。引用符や句点を"
        "付けず、題名だけを答えてください。"
    ),
}
"""By the language of the session. The simulator recognises these instructions by their beginning
(`simulator.engine.text_response`)."""

_LABEL = re.compile(r"^(?:title|題名|タイトル)\s*[:：]\s*", re.IGNORECASE)
_AROUND: Final = " \t#*_`\"'“”‘’«»「」『』【】"
_AFTER: Final = ".。．"


def title_request(
    model: str, language: Language, question: str, answer: str, safety_identifier: str
) -> dict[str, Any]:
    """The body of the request. Nothing is stored at the provider (`store`).

    The conversation is one message of the user's: as messages of its own, a model goes on with it.
    """
    return {
        "model": model,
        "instructions": INSTRUCTIONS[language],
        "input": f"User: {_excerpt(question)}\nAssistant: {_excerpt(answer)}",
        "max_output_tokens": MAX_OUTPUT_TOKENS,
        "store": False,
        "safety_identifier": safety_identifier,
    }


def title_in(answer: str) -> str:
    """The title in the model's answer, at most `MAX_TITLE_CHARACTERS`; empty if there is none.

    It is the first line with words, without quotes, Markdown, a label, a full stop at the end, and
    characters that cannot be seen, such as those that reverse the direction of writing.
    """
    for line in answer.splitlines():
        bare = _LABEL.sub("", without_invisible(line).strip(_AROUND)).strip(_AROUND)
        title = " ".join(bare.rstrip(_AFTER).strip(_AROUND).split())
        if title:
            return _cut(title)
    return ""


def _excerpt(text: str) -> str:
    words = " ".join(text[: MAX_EXCERPT_CHARACTERS * 2].split())
    return cut(words, MAX_EXCERPT_CHARACTERS)


def _cut(title: str) -> str:
    if len(title) <= MAX_TITLE_CHARACTERS:
        return title
    return cut(title, MAX_TITLE_CHARACTERS - 1).rstrip() + "…"
