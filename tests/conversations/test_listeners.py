"""Listeners: called after the write, in order, and unable to harm what is recorded."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

import pytest

from backend.conversations import listeners
from backend.conversations.database_executor import DatabaseExecutor
from backend.conversations.listeners import Notifier, RecordListener
from backend.conversations.writing import EndingWrite, TurnWrite, Written
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Turn
from tests.conversations.equipment import turn

FIRST, SECOND = UUID(int=1), UUID(int=2)


class Listener:
    """Remembers its calls; fails or waits on request."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, UUID, object]] = []
        self.threads: set[str] = set()
        self.wants = True
        self.asked: list[bool] = []
        self.fails = False
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def wants_turns(self, turns: Sequence[Turn], *, is_untitled: bool) -> bool:
        self.asked.append(is_untitled)
        return self.wants

    def on_turns_kept(self, session_id: UUID, turns: Sequence[Turn]) -> None:
        self._note("turns", session_id, [each.item_id for each in turns])

    def on_call_ended(self, call_id: UUID, ending: Ending) -> None:
        self._note("ended", call_id, ending)

    def _note(self, kind: str, about: UUID, what: object) -> None:
        self.may_go_on.wait()
        self.threads.add(threading.current_thread().name)
        self.calls.append((kind, about, what))
        if self.fails:
            raise ValueError("the words themselves: a secret")


@pytest.fixture
def executor() -> Iterator[DatabaseExecutor]:
    executor = DatabaseExecutor(threads=1)
    yield executor
    executor.close()


def kept(session_id: UUID, item_id: str) -> TurnWrite:
    return TurnWrite(session_id, None, 0, turn(item_id))


async def test_turns_are_announced_by_session_and_before_endings(
    executor: DatabaseExecutor,
) -> None:
    listener = Listener()
    declared: RecordListener = listener
    notifier = Notifier([declared], executor)
    call_id = uuid4()
    notifier.after_write(
        Written(
            turns=(kept(SECOND, "a"), kept(FIRST, "b"), kept(SECOND, "c")),
            endings=(EndingWrite(FIRST, call_id, Ending.IDLE),),
        )
    )
    notifier.call_ended(SECOND, Ending.INTERRUPTED)
    await notifier.stop(5)
    assert listener.calls == [
        ("turns", FIRST, ["b"]),
        ("turns", SECOND, ["a", "c"]),
        ("ended", call_id, Ending.IDLE),
        ("ended", SECOND, Ending.INTERRUPTED),
    ]
    assert all(name.startswith("database") for name in listener.threads)


async def test_turns_are_announced_with_their_position_in_the_session(
    executor: DatabaseExecutor,
) -> None:
    positions: list[int] = []

    class Positions(Listener):
        def on_turns_kept(self, session_id: UUID, turns: Sequence[Turn]) -> None:
            positions.extend(each.position for each in turns)

    notifier = Notifier([Positions()], executor)
    notifier.after_write(Written(turns=(TurnWrite(FIRST, None, 200_000, turn(position=3)),)))
    await notifier.stop(5)
    assert positions == [200_003]


async def test_a_listener_is_not_called_for_turns_that_it_does_not_want(
    executor: DatabaseExecutor,
) -> None:
    listener = Listener()
    notifier = Notifier([listener], executor)
    listener.wants = False
    notifier.after_write(
        Written(turns=(kept(FIRST, "a"), kept(SECOND, "b")), untitled=frozenset({SECOND}))
    )
    await notifier.stop(5)
    assert listener.asked == [False, True]
    assert listener.calls == []


async def test_a_listener_that_fails_is_logged_without_words_and_called_again(
    executor: DatabaseExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    listener, other = Listener(), Listener()
    listener.fails = True
    notifier = Notifier([listener, other], executor)
    notifier.after_write(Written(turns=(kept(FIRST, "a"),)))
    notifier.after_write(Written(turns=(kept(FIRST, "b"),)))
    await notifier.stop(5)
    assert listener.calls == other.calls == [("turns", FIRST, ["a"]), ("turns", FIRST, ["b"])]
    assert [vars(record)["fields"] for record in caplog.records] == [{"error": "ValueError"}] * 2
    assert "secret" not in caplog.text


async def test_a_listener_that_hangs_does_not_block_and_its_backlog_is_bounded(
    executor: DatabaseExecutor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listeners, "MAX_PENDING", 3)
    listener = Listener()
    listener.may_go_on.clear()
    notifier = Notifier([listener], executor)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(5):
        notifier.call_ended(UUID(int=number), Ending.IDLE)
    assert loop.time() - began < 0.5
    await notifier.stop(0.02)
    listener.may_go_on.set()
    assert loop.time() - began < 2
    assert "listeners.overflow" in caplog.text
    assert "listeners.stopped_early" in caplog.text


async def test_without_listeners_nothing_is_started(executor: DatabaseExecutor) -> None:
    notifier = Notifier((), executor)
    notifier.after_write(Written(turns=(kept(FIRST, "a"),)))
    notifier.call_ended(FIRST, Ending.IDLE)
    await notifier.stop(5)
    assert asyncio.all_tasks() == {asyncio.current_task()}
