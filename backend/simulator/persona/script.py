"""PURE: the customer's script in both languages, and the rules for when its lines are used.

The customer runs the order desk of a food wholesaler: orders come by telephone and fax and are
typed by hand. The lines follow the questions of a good sales conversation (situation, problem,
implication, need-payoff; then the price, then the next step). Each line also makes sense without
its question, since the customer continues the story when the user asks something else.
"""

from typing import Final

from backend.simulator.engine.effects import Language, Sentence
from backend.simulator.persona import lines_english, lines_japanese

PHRASES: Final[dict[Language, tuple[Sentence, ...]]] = {
    "en": lines_english.PHRASES,
    "ja": lines_japanese.PHRASES,
}
"""The user's sentences that speech recognition knows; the page suggests them in the demo."""

WHOLE_UTTERANCES: Final[dict[Language, dict[str, str]]] = {
    "en": lines_english.WHOLE_UTTERANCES,
    "ja": lines_japanese.WHOLE_UTTERANCES,
}
"""User texts that must match as a whole, by intent: alternatives joined by ", "."""

KEYWORDS: Final[dict[Language, tuple[dict[str, str], ...]]] = {
    "en": lines_english.KEYWORDS,
    "ja": lines_japanese.KEYWORDS,
}
"""Keywords by intent, joined by ", "; a match in an earlier table beats one in a later table."""

LINES: Final[dict[Language, dict[str, tuple[Sentence, ...]]]] = {
    "en": lines_english.LINES,
    "ja": lines_japanese.LINES,
}
"""The customer's lines by intent, in the order of use."""

STORY: Final = ("situation", "problem", "implication", "payoff")
"""The stages of the story, which the customer continues when it has no direct answer."""

PREMATURE: Final = {
    "price": "price_early",
    "price_talk": "price_early",
    "trial": "trial_early",
}
"""Intents that come too early before the customer told a problem, and what to answer then."""

FACTS: Final = frozenset(
    {
        *STORY,
        "self",
        "company",
        "volume",
        "time",
        "tools",
        "tried",
        "team",
        "loss",
        "rival",
        "decision",
        "budget",
    }
)
"""Intents that ask for facts: once all their lines are said, the customer says so (`told`)."""

COURTESIES: Final = frozenset(
    {
        "greeting",
        "introduction",
        "permission",
        "well_being",
        "sympathy",
        "thanks",
        "yes",
        "no",
        "robot",
        "farewell",
        "joke",
        "weather",
        "leisure",
        "sound_check",
    }
)
"""Intents whose lines are reused once all are said: a story is no answer to a goodbye."""

_WITHOUT_GREETING: Final = {"robot", "farewell", "joke", "weather", "leisure", "sound_check"}
"""Courtesies that have an answer of their own also at the start."""

OPENINGS: Final = (COURTESIES - _WITHOUT_GREETING) | {"more", "acknowledgement", "opinion"}
"""Intents that get the greeting as an answer when the conversation starts with them."""

CONTINUATION_PROMPTS: Final = frozenset({"more", "acknowledgement"})
"""Intents without lines of their own: the customer continues its last subject."""

FOLLOW_UPS: Final = {
    "product": "product",
    "price": "savings",
    "price_talk": "price",
    "savings": "savings",
    "questions": "questions",
    "opinion": "opinion",
    "trial": "trial",
    "meeting": "meeting",
    "papers": "papers",
}
"""By the intent of the customer's last line: the intent of the line after the user's answer."""

CONFIRMABLE: Final = frozenset({"product", "questions", "trial", "meeting", "papers"})
"""The keys of `FOLLOW_UPS` for which a mere "yes" or "all right" is an answer too."""
