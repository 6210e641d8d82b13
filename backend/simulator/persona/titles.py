"""PURE: a title for a conversation with the customer, by the intent of the user's first text."""

from typing import Final

import regex

from backend.simulator.engine.effects import Language
from backend.simulator.persona.intent_matching import intent_of

MAX_WORDS: Final = 6
MAX_JAPANESE_CHARACTERS: Final = 15

TITLES: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "greeting": "A first conversation",
        "thanks": "A first conversation",
        "situation": "How orders come in",
        "volume": "How many orders there are",
        "time": "The time that orders take",
        "tools": "Tools for orders",
        "team": "The people at the order desk",
        "problem": "What is difficult about orders",
        "implication": "What mistakes in orders lead to",
        "loss": "What mistakes cost",
        "payoff": "What would change without typing",
        "price": "The price per month",
        "price_talk": "The price",
        "decision": "Who decides",
        "budget": "The budget",
        "trial": "A free trial",
        "meeting": "The next meeting",
    },
    "ja": {
        "greeting": "初めてのお話",
        "thanks": "初めてのお話",
        "situation": "注文の受け方",
        "volume": "注文の件数",
        "time": "受注にかかる時間",
        "tools": "受注に使う道具",
        "team": "受注の担当者",
        "problem": "受注で困っていること",
        "implication": "注文の間違いの影響",
        "loss": "間違いによる損失",
        "payoff": "入力がなくなったら",
        "price": "月々の費用",
        "price_talk": "費用の話",
        "decision": "決定に関わる人",
        "budget": "予算の話",
        "trial": "無料のお試し",
        "meeting": "次の打ち合わせ",
    },
}
"""By language and intent."""


def title_of(user_text: str, language: Language) -> str:
    """The title for a conversation that begins with this text: its subject, or its first words."""
    title = TITLES[language].get(intent_of(user_text, language) or "")
    if title is not None:
        return title
    if language == "ja":
        return "".join(regex.findall(r"\X", user_text)[:MAX_JAPANESE_CHARACTERS])
    return " ".join(user_text.split()[:MAX_WORDS])
