"""The customer's script in both languages, and which of its parts are said when.

The customer runs the order desk of a food wholesaler: orders come by telephone and fax and are
typed by hand. The lines follow the questions of a good sales conversation (situation, problem,
implication, need-payoff; then the price, then the next step). Each line can be said without the
question to it, since the customer goes on by itself where it was not asked.
"""

from typing import Final

from backend.simulator.engine.effects import Language, Spoken
from backend.simulator.persona import english, japanese

PHRASES: Final[dict[Language, tuple[Spoken, ...]]] = {
    "en": english.PHRASES,
    "ja": japanese.PHRASES,
}
"""What the ears know by heart; the page suggests these sentences."""

UTTERANCES: Final[dict[Language, dict[str, str]]] = {
    "en": english.UTTERANCES,
    "ja": japanese.UTTERANCES,
}
"""Intent by all that was said."""

KEYWORDS: Final[dict[Language, tuple[dict[str, str], ...]]] = {
    "en": english.KEYWORDS,
    "ja": japanese.KEYWORDS,
}
"""Intent by keyword; what is found in an earlier table outdoes what is found in a later one."""

LINES: Final[dict[Language, dict[str, tuple[Spoken, ...]]]] = {
    "en": english.LINES,
    "ja": japanese.LINES,
}
"""By intent, in the order in which they are said."""

STORY: Final = ("situation", "problem", "implication", "payoff")
"""Where the customer goes on by itself when the person said something else."""

UNDERSTANDING_NEEDED: Final = {
    "price": "price_early",
    "price_talk": "price_early",
    "trial": "trial_early",
}
"""Intents that come too early before the customer told anything of its problems."""

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
"""What there is to find out: asked once more when all is told, the customer says so."""

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
    }
)
"""Come round again when all are said: nobody tells a story in answer to a goodbye."""

OPENINGS: Final = (COURTESIES - {"robot", "farewell"}) | {"more", "acknowledgement", "opinion"}
"""Whoever begins with one of these is answered with the greeting."""

GOES_ON: Final = frozenset({"more", "acknowledgement"})
"""Have no lines: the customer goes on with what it was telling."""

FOLLOWED_BY: Final = {
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
"""After a line of the one, what is told in answer to it leads to the other."""

LED_BY_A_NOD: Final = frozenset({"product", "questions", "trial", "meeting", "papers"})
"""After a line of these, a mere "yes" or "all right" leads on too."""
