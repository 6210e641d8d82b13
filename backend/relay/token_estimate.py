"""An estimate of the tokens of a text, without the provider's tokeniser. PURE.

The rule: four bytes of UTF-8 are a token. A tokeniser's tables would have to be downloaded, and a
bound on the history needs no exact number. Counted with `o200k_base`, the tokeniser of GPT-4o and
later models, the rule is:

| text | characters | tokens | estimate |
|---|---|---|---|
| English essay | 2,053 | 432 | 514 (+19 %) |
| the same in Japanese | 1,081 | 767 | 811 (+6 %) |
| the same in Chinese | 707 | 531 | 531 (0 %) |
| English greeting | 82 | 24 | 21 (-13 %) |
| Japanese greeting | 43 | 26 | 30 (+15 %) |

Sources: the essay is from dylancastillo.co/til/counting-tokens.html, 2025 (its estimates take one
byte for an English character and three for the others); the greetings are from OpenAI,
openai.com/index/hello-gpt-4o, "Language tokenization". Other alphabets are estimated too high
(Russian twice), which is the safe side.
"""

BYTES_PER_TOKEN = 4
MESSAGE_TOKENS = 4
"""What a message costs besides its text: its role and its delimiters, 3 to 4 by OpenAI's cookbook
("How to count tokens with tiktoken")."""


def message_tokens(text: str) -> int:
    """The estimated tokens of one message with this text, rounded up."""
    return MESSAGE_TOKENS + text_tokens(text)


def text_tokens(text: str) -> int:
    """The estimated tokens of this text, rounded up."""
    # A lone surrogate cannot be encoded otherwise.
    size_bytes = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return -(-size_bytes // BYTES_PER_TOKEN)
