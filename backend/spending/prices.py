"""What is reserved for a call, a typed answer and a clip, from the prices of their models. PURE.

A reservation is an estimate: what is settled is the ledger (`conversations.models.Usage`). None is
returned for a model of which a price is unknown; where a budget of money applies, it is refused.
"""

import math
from decimal import Decimal

from backend import catalogue
from backend.protocol.usage import Usage

_MINUTE_OF_ANSWERS = Usage(
    "", "response",
    text_in=2000, text_in_cached=1000, audio_in=1200, audio_in_cached=600,
    text_out=200, audio_out=1200,
)  # fmt: skip
"""A minute in which both sides talk: what an open call reserves. Its usage is in the ledger within
seconds of each answer. The user's audio has 10 tokens a second and the model's 20
(protocol section 6); the earlier conversation is sent again with each answer, mostly cached. Every
price that a call needs is in it, so that an unknown one is noticed."""
_AUDIO_TOKENS_PER_S, _TEXT_TOKENS_PER_S = 10, 4
"""Of speech and of its transcript, for a transcription model that is sold by tokens."""
MAX_ANSWER_TOKENS = 8192
"""The longest typed answer, its reasoning included: some 6,000 words. The request says so, so that
an answer costs no more than it has reserved."""
MESSAGE_TOKENS = 9000
"""What a message and our instructions are reserved with. The longest message, 32,000 characters of
Japanese, can have four times as many; they cost a fraction of an answer's."""


def usd_of_talk(model: str, transcription_model: str) -> Decimal | None:
    """Return what a call reserves, in USD; None if a price is unknown."""
    answers = catalogue.cost_usd(_MINUTE_OF_ANSWERS, model)
    transcripts = _usd_of_minute(transcription_model)
    return None if answers is None or transcripts is None else answers + transcripts


def usd_of_answer(model: str, history_tokens: int) -> Decimal | None:
    """Return what a typed answer reserves, in USD; None if a price is unknown."""
    tokens = history_tokens + MESSAGE_TOKENS
    asked = Usage("", "response", text_in=tokens, text_in_cached=1, text_out=MAX_ANSWER_TOKENS)
    return catalogue.cost_usd(asked, model)


def usage_of_clip(source_id: str, model: str, seconds: float) -> Usage | None:
    """Return the estimated usage of a clip; None if a price is unknown."""
    by_tokens = Usage(
        source_id,
        "transcription",
        audio_in=math.ceil(seconds * _AUDIO_TOKENS_PER_S),
        text_out=math.ceil(seconds * _TEXT_TOKENS_PER_S),
    )
    for usage in (Usage(source_id, "transcription", seconds=seconds), by_tokens):
        if catalogue.cost_usd(usage, model) is not None:
            return usage
    return None


def _usd_of_minute(transcription_model: str) -> Decimal | None:
    usage = usage_of_clip("", transcription_model, 60)
    return None if usage is None else catalogue.cost_usd(usage, transcription_model)
