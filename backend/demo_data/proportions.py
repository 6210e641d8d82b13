"""PURE: how often each kind of session, call, ending and model occurs in the demo data."""

from random import Random
from typing import Final, Literal

from backend.conversations.models import Session
from backend.demo_data.deck import Deck
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import TurnStatus

Kind = Literal["voice", "mixed", "text", "empty"]
Fate = Literal["open", "closed", "hidden"]

UNPRICED_MODEL: Final = "sales-desk-voice"
UNPRICED_CHAT_MODEL: Final = "local-chat"
"""Names that the catalogue does not know, as a deployment or a local model has: no price."""

_KINDS: Final[dict[Kind, int]] = {"voice": 46, "mixed": 20, "text": 31, "empty": 3}
_FATES: Final[dict[Fate, int]] = {"open": 83, "closed": 14, "hidden": 3}
_TITLES: Final = {
    Session.TitleSource.WORDS: 45,
    Session.TitleSource.MODEL: 40,
    Session.TitleSource.USER: 15,
}
_CALLS: Final = {1: 58, 2: 25, 3: 11, 4: 6}
_MODELS: Final = {"gpt-realtime": 66, "gpt-realtime-2.1-mini": 26, UNPRICED_MODEL: 8}
_CHAT_MODELS: Final = {"gpt-5.6-luna": 84, "gpt-5.4-mini": 10, UNPRICED_CHAT_MODEL: 6}
_TRANSCRIPTION_MODELS: Final = {"gpt-transcribe": 85, "gpt-4o-mini-transcribe": 15}
_REPLIES: Final = {TurnStatus.COMPLETED: 93, TurnStatus.INTERRUPTED: 5, TurnStatus.FAILED: 2}

REFUSED_BEFORE_A_ROW: Final = frozenset(
    {
        Ending.UNAUTHENTICATED,
        Ending.FORBIDDEN,
        Ending.TOO_MANY_CALLS,
        Ending.SERVER_FULL,
        Ending.HOURLY_LIMIT,
    }
)
"""Endings that no stored call has."""

_FREQUENT_ENDINGS: Final = {
    Ending.CLIENT_LEFT: 100,
    Ending.IDLE: 12,
    Ending.COMPLETED: 8,
    Ending.INTERRUPTED: 4,
    Ending.DRAINING: 4,
    Ending.TAKEN_OVER: 4,
    Ending.UNRESPONSIVE: 4,
    Ending.PROVIDER_FAILED: 3,
    Ending.PROVIDER_UNAVAILABLE: 3,
    Ending.PROVIDER_TIMEOUT: 2,
    Ending.TOO_SLOW: 2,
    Ending.TIME_LIMIT: 2,
    Ending.REVOKED: 2,
}
ENDINGS: Final = {
    ending: _FREQUENT_ENDINGS.get(ending, 1)
    for ending in Ending
    if ending not in REFUSED_BEFORE_A_ROW
}
"""Every ending that a stored call can have."""

NEVER_READY: Final = frozenset(
    {Ending.PROVIDER_UNAVAILABLE, Ending.PROVIDER_TIMEOUT, Ending.PROVIDER_REFUSED}
)
"""Endings of calls in which nobody could say anything."""

IN_MID_ANSWER: Final = frozenset(
    {
        Ending.INTERRUPTED,
        Ending.UNRESPONSIVE,
        Ending.PROVIDER_FAILED,
        Ending.TOO_SLOW,
        Ending.INTERNAL,
    }
)
"""Endings that cut an answer off. Its bill never came, so it is estimated."""


class Decks:
    """The decks from which all sessions of one run are drawn."""

    def __init__(self, dice: Random) -> None:
        self.kinds = Deck(_KINDS, dice)
        self.fates = Deck(_FATES, dice)
        self.title_sources = Deck(_TITLES, dice)
        self.calls = Deck(_CALLS, dice)
        self.models = Deck(_MODELS, dice)
        self.chat_models = Deck(_CHAT_MODELS, dice)
        self.transcription_models = Deck(_TRANSCRIPTION_MODELS, dice)
        self.replies = Deck(_REPLIES, dice)
        self.endings = Deck(ENDINGS, dice)
        self.is_transcribed = Deck({True: 96, False: 4}, dice)
        self.is_heard_out = Deck({True: 89, False: 11}, dice)
        self.is_typed_in_call = Deck({True: 7, False: 93}, dice)
