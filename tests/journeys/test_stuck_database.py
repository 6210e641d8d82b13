"""A locked database delays no audio and loses no turn."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from tests.journeys.person import Person
from tests.journeys.speech import QUESTION, speak
from tests.journeys.stack import Stack
from tests.journeys.test_relay_journey import ended_session

pytestmark = pytest.mark.journey

REPLY_WITHIN_S = 8.0


async def test_a_locked_database_delays_no_reply_and_loses_no_turn(
    stack: Stack, person: Person
) -> None:
    session_id = await person.new_session()
    async with person.call(session_id) as live:
        await live.type("Hello!")
        greeted = await live.until_type("response.done")

        lock = sqlite3.connect(Path(stack.folder) / "kaiwa.sqlite3", isolation_level=None)
        try:
            lock.execute("BEGIN EXCLUSIVE")
            await live.say(await speak(QUESTION))
            await live.say_nothing(0.7)
            spoken = await live.until_type(
                "response.done", after=greeted + 1, seconds=REPLY_WITHIN_S
            )
            await live.type("How much does it cost?")
            await live.until_type("response.done", after=spoken + 1, seconds=REPLY_WITHIN_S)
            assert live.of_type("relay.error") == []
        finally:
            lock.execute("ROLLBACK")
            lock.close()

    await ended_session(person, session_id)
    turns = await person.turns(session_id)
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * 3
    assert all(turn["text"] for turn in turns)
    # The person disconnects when the last reply has arrived, before it can have been heard.
    assert [turn["status"] for turn in turns] == ["completed"] * 5 + ["interrupted"]
    assert turns[2]["text"] == QUESTION


async def test_two_calls_of_one_person_are_stored_separately(person: Person) -> None:
    first_id, second_id = await person.new_session(), await person.new_session()
    async with person.call(first_id) as first, person.call(second_id) as second:
        await asyncio.gather(first.type("Only in the first."), second.type("Only in the second."))
        await asyncio.gather(first.until_type("response.done"), second.until_type("response.done"))
    await asyncio.gather(ended_session(person, first_id), ended_session(person, second_id))
    assert "Only in the second." not in str(await person.turns(first_id))
    assert "Only in the first." not in str(await person.turns(second_id))
