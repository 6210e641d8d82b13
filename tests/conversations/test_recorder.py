"""The recorder: never in the way, never far behind, nothing lost while the database is away."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import DataError, InternalError, OperationalError, transaction

from backend.conversations.executor import DatabaseExecutor
from backend.conversations.lifecycle import OpenedCall, open_call
from backend.conversations.models import Call, Session, Turn, Usage
from backend.conversations.recorder import RETRY_PAUSES_S, Recorder
from backend.conversations.writing import EndingWrite, TurnWrite, UsageWrite, Write
from backend.protocol import usage
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import TurnStatus
from backend.relay.ports import CallRecorder
from tests.conversations.equipment import new_session, turn


class FakeDatabase:
    """Takes pieces; is away as often as told, refuses what it is told to, or holds still."""

    def __init__(self) -> None:
        self.batches: list[tuple[Write, ...]] = []
        self.away = 0
        self.excuse: Exception = OperationalError("database is locked")
        self.poisoned = ""
        self.taken = threading.Event()
        self.moving = threading.Event()
        self.moving.set()

    def write(self, pieces: Sequence[Write]) -> list[Write]:
        self.moving.wait()
        if self.away:
            self.away -= 1
            raise self.excuse
        if any(self._is_poisoned(piece) for piece in pieces):
            raise DataError("the words themselves: a secret")
        self.batches.append(tuple(pieces))
        self.taken.set()
        return []

    def _is_poisoned(self, piece: Write) -> bool:
        return (
            bool(self.poisoned)
            and isinstance(piece, TurnWrite)
            and self.poisoned in piece.turn.text
        )

    @property
    def texts(self) -> list[str]:
        return [piece.turn.text for piece in self.pieces if isinstance(piece, TurnWrite)]

    @property
    def pieces(self) -> list[Write]:
        return [piece for batch in self.batches for piece in batch]


class Pauses(list[float]):
    """A sleep that only remembers how long it was asked to be."""

    async def sleep(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


def opened_call(call_id: UUID | None = None) -> OpenedCall:
    return OpenedCall(call_id or uuid4(), uuid4(), "en", "marin", "gpt-realtime", "", 0, ())


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def executor() -> Iterator[DatabaseExecutor]:
    executor = DatabaseExecutor(threads=1)
    yield executor
    executor.close()


@pytest.fixture
async def recorder(
    database: FakeDatabase, pauses: Pauses, executor: DatabaseExecutor
) -> AsyncIterator[Recorder]:
    recorder = Recorder(executor, sleep=pauses.sleep, write=database.write, finish_wait_s=0.05)
    yield recorder
    database.moving.set()
    await recorder.stop(5)


async def test_it_writes_what_was_kept_and_how_it_ended(
    recorder: Recorder, database: FakeDatabase
) -> None:
    call = opened_call()
    kept: CallRecorder = recorder.for_call(call)
    kept.keep(turn())
    kept.count(usage.Usage("resp_1", "response", audio_out=3))
    await kept.finish(Ending.CLIENT_LEFT)
    assert database.pieces == [
        TurnWrite(call, turn()),
        UsageWrite(call, usage.Usage("resp_1", "response", audio_out=3)),
        EndingWrite(call, Ending.CLIENT_LEFT),
    ]


async def test_words_are_gathered_so_that_only_the_newest_version_is_written(
    recorder: Recorder, database: FakeDatabase
) -> None:
    kept = recorder.for_call(opened_call())
    for text in ("H", "He", "Hello"):
        kept.keep(turn(text=text, status=TurnStatus.IN_PROGRESS))
    await kept.finish(Ending.CLIENT_LEFT)
    assert database.texts == ["Hello"]


async def test_what_is_kept_is_written_within_a_second_without_being_asked(
    recorder: Recorder, database: FakeDatabase, pauses: Pauses
) -> None:
    recorder.for_call(opened_call()).keep(turn())
    assert await asyncio.to_thread(database.taken.wait, 5)
    assert sum(pauses) < 1


async def test_calls_share_a_transaction(recorder: Recorder, database: FakeDatabase) -> None:
    for number in range(50):
        recorder.for_call(opened_call()).keep(turn(f"item_{number}", position=number))
    assert await recorder.flush(5)
    assert len(database.batches) == 1


async def test_a_mountain_is_written_in_pieces_and_in_order(
    recorder: Recorder, database: FakeDatabase
) -> None:
    kept = recorder.for_call(opened_call())
    for number in range(1200):
        kept.keep(turn(f"item_{number}", str(number), position=number))
    assert await recorder.flush(5)
    assert database.texts == [str(number) for number in range(1200)]
    assert max(map(len, database.batches)) <= 500


async def test_a_stuck_database_delays_nobody(recorder: Recorder, database: FakeDatabase) -> None:
    database.moving.clear()
    kept = recorder.for_call(opened_call())
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(2000):
        kept.keep(turn(f"item_{number}"))
    assert loop.time() - began < 0.5
    await kept.finish(Ending.CLIENT_LEFT)
    assert loop.time() - began < 2
    assert database.batches == []


async def test_what_finish_could_not_wait_for_is_written_all_the_same(
    recorder: Recorder, database: FakeDatabase
) -> None:
    database.moving.clear()
    kept = recorder.for_call(opened_call())
    kept.keep(turn())
    await kept.finish(Ending.CLIENT_LEFT)
    database.moving.set()
    assert await recorder.flush(5)
    assert [type(piece) for piece in database.pieces] == [TurnWrite, EndingWrite]


async def test_memory_is_bounded_by_what_was_said(
    recorder: Recorder, database: FakeDatabase
) -> None:
    database.moving.clear()
    kept = recorder.for_call(opened_call())
    for number in range(5000):
        kept.keep(turn(f"item_{number % 3}", str(number)))
    database.moving.set()
    assert await recorder.flush(5)
    assert len(database.pieces) <= 6


async def test_a_locked_database_is_tried_again_with_growing_pauses(
    recorder: Recorder, database: FakeDatabase, pauses: Pauses
) -> None:
    database.away = 7
    recorder.for_call(opened_call()).keep(turn())
    assert await recorder.flush(5)
    assert database.texts == ["Hello there."]
    assert pauses[-7:] == [*RETRY_PAUSES_S, RETRY_PAUSES_S[-1], RETRY_PAUSES_S[-1]]


async def test_a_database_that_is_read_only_for_a_while_is_waited_for(
    recorder: Recorder, database: FakeDatabase
) -> None:
    database.away, database.excuse = 3, InternalError("cannot execute INSERT")
    recorder.for_call(opened_call()).keep(turn())
    assert await recorder.flush(5)
    assert database.texts == ["Hello there."]


async def test_a_flush_waits_for_no_pause(
    database: FakeDatabase, executor: DatabaseExecutor
) -> None:
    is_pausing = asyncio.Event()

    async def for_ever(_: float) -> None:
        is_pausing.set()
        await asyncio.Event().wait()

    recorder = Recorder(executor, sleep=for_ever, write=database.write)
    database.away = 1
    recorder.for_call(opened_call()).keep(turn())
    await recorder.flush(0.05)
    is_pausing.clear()
    assert await recorder.flush(5)
    assert database.texts == ["Hello there."]
    await recorder.stop(5)


async def test_what_changes_while_the_database_is_away_is_written_in_its_newest_version(
    recorder: Recorder, database: FakeDatabase
) -> None:
    database.moving.clear()
    database.away = 1
    kept = recorder.for_call(opened_call())
    kept.keep(turn(text="Hel", status=TurnStatus.IN_PROGRESS))
    kept.keep(turn("item_2", "Other."))
    await recorder.flush(0.02)
    kept.keep(turn(text="Hello."))
    database.moving.set()
    assert await recorder.flush(5)
    assert database.texts == ["Hello.", "Other."]


async def test_final_stays_final(recorder: Recorder, database: FakeDatabase) -> None:
    kept = recorder.for_call(opened_call())
    kept.keep(turn(status=TurnStatus.INTERRUPTED))
    kept.keep(turn(status=TurnStatus.IN_PROGRESS, position=4))
    assert await recorder.flush(5)
    assert [piece.turn for piece in database.pieces if isinstance(piece, TurnWrite)] == [
        turn(status=TurnStatus.INTERRUPTED, position=4)
    ]


async def test_a_poisoned_turn_costs_only_itself_and_is_reported_without_its_words(
    recorder: Recorder, database: FakeDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    database.poisoned = "poison"
    call = opened_call()
    kept = recorder.for_call(call)
    for number, text in enumerate(("Before.", "poison", "After.")):
        kept.keep(turn(f"item_{number}", text))
    await kept.finish(Ending.CLIENT_LEFT)
    assert await recorder.flush(5)
    assert database.texts == ["Before.", "After."]
    assert isinstance(database.pieces[-1], EndingWrite)
    (report,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert vars(report)["fields"] == {
        "call_id": call.call_id, "where": "TurnWrite", "error": "DataError",
    }  # fmt: skip
    assert "secret" not in caplog.text


async def test_the_database_may_go_away_while_poison_is_sorted_out(
    recorder: Recorder, database: FakeDatabase
) -> None:
    kept = recorder.for_call(opened_call())
    refusals = iter((DataError, None, OperationalError))

    def write(pieces: Sequence[Write]) -> list[Write]:
        if error := next(refusals, None):
            raise error
        return database.write(pieces)

    recorder._write = write
    for number in range(3):
        kept.keep(turn(f"item_{number}", str(number)))
    assert await recorder.flush(5)
    assert database.texts == ["0", "1", "2"]


async def test_stopping_writes_what_is_left(recorder: Recorder, database: FakeDatabase) -> None:
    finished, unfinished = (recorder.for_call(opened_call()) for _ in range(2))
    await finished.finish(Ending.CLIENT_LEFT)
    unfinished.keep(turn())
    assert await recorder.stop()
    assert database.texts == ["Hello there."]
    await recorder.stop()
    endings = [piece.ending for piece in database.pieces if isinstance(piece, EndingWrite)]
    assert endings == [Ending.CLIENT_LEFT, Ending.DRAINING]


async def test_stopping_does_not_wait_for_ever_and_says_what_was_left(
    database: FakeDatabase, executor: DatabaseExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(executor, write=database.write)
    database.moving.clear()
    recorder.for_call(opened_call()).keep(turn())
    assert not await recorder.stop(0.02)
    database.moving.set()
    assert [vars(record)["fields"] for record in caplog.records] == [{"rows": 2}]


async def test_stopping_before_anything_was_said_is_nothing(executor: DatabaseExecutor) -> None:
    await Recorder(executor).stop()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
async def test_everything_reaches_the_real_database(owner: User) -> None:
    executor = DatabaseExecutor(threads=2)
    recorder = Recorder(executor)
    session = await executor.run(new_session, owner)
    opened = await executor.run(
        lambda: open_call(session.id, owner.pk, worker="here", model="gpt-realtime")
    )
    kept = recorder.for_call(opened)
    for number in range(300):
        kept.keep(turn(f"item_{number}", f"{number}\0", position=number))
        kept.count(usage.Usage(f"resp_{number}", "response", audio_out=1))
        if number % 50 == 0:
            await asyncio.sleep(0)
    kept.keep(turn("x" * 200, "An id that is too long for its column.", position=300))
    await kept.finish(Ending.COMPLETED)
    await recorder.stop()
    await executor.run(check_everything, opened)
    executor.close()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
async def test_a_real_lock_delays_the_writing_and_nothing_else(owner: User) -> None:
    executor = DatabaseExecutor(threads=2)
    recorder = Recorder(executor, finish_wait_s=0.05)
    session = await executor.run(new_session, owner)
    kept = recorder.for_call(
        await executor.run(
            lambda: open_call(session.id, owner.pk, worker="here", model="gpt-realtime")
        )
    )
    locked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Session.objects.select_for_update().get()
            locked.set()
            go_on.wait()

    holder = asyncio.create_task(executor.run(hold))
    await asyncio.to_thread(locked.wait)
    kept.keep(turn())
    loop = asyncio.get_running_loop()
    began = loop.time()
    await kept.finish(Ending.CLIENT_LEFT)
    assert loop.time() - began < 1
    assert not await recorder.flush(0.01)
    go_on.set()
    await holder
    await recorder.stop()
    assert await executor.run(Turn.objects.count) == 1
    assert (await executor.run(Call.objects.get)).ending == Ending.CLIENT_LEFT
    executor.close()


def check_everything(opened: OpenedCall) -> None:
    kept = list(Turn.objects.filter(session=opened.session_id, text__endswith="\ufffd"))
    assert [row.text for row in kept] == [f"{number}\ufffd" for number in range(300)]
    assert Usage.objects.count() == 300
    assert Session.objects.get().realtime_mode
    assert Call.objects.get().ending == Ending.COMPLETED
