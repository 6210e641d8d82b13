"""The proportions of the demo data: every ending, and models with and without a price."""

from random import Random

from backend import catalogue
from backend.demo_data.proportions import (
    ENDINGS,
    IN_MID_ANSWER,
    NEVER_READY,
    REFUSED_BEFORE_A_ROW,
    UNPRICED_CHAT_MODEL,
    UNPRICED_MODEL,
    Decks,
)
from backend.protocol.endings import Ending


def test_every_ending_of_a_stored_call_occurs_among_the_calls_of_200_sessions() -> None:
    assert set(Ending) - set(ENDINGS) == REFUSED_BEFORE_A_ROW
    assert min(ENDINGS.values()) == 1
    assert sum(ENDINGS.values()) < 200
    assert set(ENDINGS) > NEVER_READY | IN_MID_ANSWER


def test_models_are_in_the_catalogue_but_for_those_without_a_price() -> None:
    decks = Decks(Random(1))
    voice = {decks.models.draw() for _ in range(100)}
    chat = {decks.chat_models.draw() for _ in range(100)}
    assert voice - {UNPRICED_MODEL} < set(catalogue.REALTIME_MODELS)
    assert chat - {UNPRICED_CHAT_MODEL} < set(catalogue.TEXT_MODELS)
    transcription = {decks.transcription_models.draw() for _ in range(100)}
    assert transcription < set(catalogue.TRANSCRIPTION_MODELS)
    assert UNPRICED_MODEL in voice
    assert UNPRICED_CHAT_MODEL in chat
