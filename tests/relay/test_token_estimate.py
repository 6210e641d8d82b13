"""The estimate of a message's tokens, against published counts of the provider's tokeniser."""

import pytest

from backend.relay.token_estimate import MESSAGE_TOKENS, message_tokens

ENGLISH = (
    "Hello, my name is GPT-4o. I'm a new type of language model, it's nice to meet you!",
    24,
)
JAPANESE = (
    "こんにちは、私の名前はGPT-4oです。私は新しいタイプの言語モデルです。初めまして！",
    26,
)


@pytest.mark.parametrize(("text", "tokens"), [ENGLISH, JAPANESE])
def test_it_is_near_the_tokenisers_count(text: str, tokens: int) -> None:
    assert message_tokens(text) - MESSAGE_TOKENS == pytest.approx(tokens, rel=0.2)


@pytest.mark.parametrize(
    ("characters", "character_bytes", "tokens"), [(2053, 1, 432), (1081, 3, 767), (707, 3, 531)]
)
def test_it_is_near_the_count_of_an_essay(
    characters: int, character_bytes: int, tokens: int
) -> None:
    text = ("x" if character_bytes == 1 else "あ") * characters
    assert message_tokens(text) - MESSAGE_TOKENS == pytest.approx(tokens, rel=0.2)


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2)])
def test_it_rounds_up(text: str, tokens: int) -> None:
    assert message_tokens(text) == MESSAGE_TOKENS + tokens


def test_a_lone_surrogate_is_counted() -> None:
    assert message_tokens("\ud800") == MESSAGE_TOKENS + 1
