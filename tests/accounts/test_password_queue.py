"""One password at a time; the addresses take turns; the queue is bounded by address and in all."""

import threading

import pytest

from backend.accounts.password_queue import (
    AddressQueueFull,
    PasswordQueue,
    QueueFull,
    WholeQueueFull,
    _Waiter,
)


def test_one_thread_has_the_turn_at_a_time() -> None:
    queue, inside, most = PasswordQueue(), 0, 0

    def hash_one() -> None:
        nonlocal inside, most
        with queue.turn("a"):
            inside += 1
            most = max(most, inside)
            inside -= 1

    threads = [threading.Thread(target=hash_one) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_an_address_with_a_full_queue_is_refused_at_once_and_others_wait() -> None:
    queue, holds, release = PasswordQueue(max_waiting=2), threading.Event(), threading.Event()

    def hold() -> None:
        with queue.turn("flooder"):
            holds.set()
            release.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(2)]
    threads[0].start()
    holds.wait(10)
    threads[1].start()
    while queue._waiting["flooder"] < 2:
        pass
    with pytest.raises(QueueFull), queue.turn("flooder"):
        raise AssertionError("the third has no turn")
    release.set()
    with queue.turn("other"):
        pass
    for thread in threads:
        thread.join()
    with queue.turn("flooder"):
        pass


def test_an_error_ends_the_turn() -> None:
    queue = PasswordQueue(max_waiting=1)
    with pytest.raises(ValueError), queue.turn("a"):
        raise ValueError
    with queue.turn("a"):
        assert queue._waiting["a"] == 1
    assert not queue._waiting


def served(queue: PasswordQueue, waiters: dict[str, _Waiter | None]) -> list[str]:
    """The names of the waiters in the order of their turns, the first of whom has the turn now."""
    order = []
    while name := next((each for each, one in waiters.items() if has_turn(one)), None):
        waiters.pop(name)
        order.append(name)
        queue._leave(name[0])
    return order


def has_turn(waiter: _Waiter | None) -> bool:
    return waiter is None or (waiter.is_decided.is_set() and not waiter.is_displaced)


def joined(queue: PasswordQueue, names: list[str]) -> dict[str, _Waiter | None]:
    """One waiter for each name; its first letter is the address."""
    return {name: queue._join(name[0]) for name in names}


def test_the_addresses_take_turns() -> None:
    queue = PasswordQueue()
    waiters = joined(queue, ["a1", "a2", "a3", "a4", "b1", "b2", "c1"])
    assert served(queue, waiters) == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]
    assert not queue._waiting
    assert served(queue, joined(queue, ["a5"])) == ["a5"]


def test_a_full_queue_takes_from_the_address_with_the_most() -> None:
    queue = PasswordQueue(max_in_all=4)
    waiters = joined(queue, ["a1", "a2", "a3", "b1"])
    with pytest.raises(WholeQueueFull):
        queue._join("b")
    waiters |= joined(queue, ["c1"])
    displaced = waiters["a3"]
    assert displaced is not None
    assert (displaced.is_decided.is_set(), displaced.is_displaced) == (True, True)
    with pytest.raises(WholeQueueFull):
        queue._join("d")
    assert queue._waiting == {"a": 2, "b": 1, "c": 1}
    del waiters["a3"]
    assert served(queue, waiters) == ["a1", "a2", "b1", "c1"]
    assert not queue._waiting


def test_who_is_displaced_while_waiting_is_refused() -> None:
    queue, refused = PasswordQueue(max_in_all=3), threading.Event()

    def wait() -> None:
        with pytest.raises(WholeQueueFull), queue.turn("a"):
            raise AssertionError("a displaced one has no turn")
        refused.set()

    waiters = joined(queue, ["a1", "a2"])
    thread = threading.Thread(target=wait)
    thread.start()
    while queue._waiting["a"] < 3:
        pass
    waiters |= joined(queue, ["b1"])
    assert refused.wait(10)
    thread.join()
    assert served(queue, waiters) == ["a1", "a2", "b1"]


def test_an_ipv6_network_is_one_address() -> None:
    queue = PasswordQueue(max_waiting=1)
    with queue.turn("2001:db8::1"), pytest.raises(AddressQueueFull), queue.turn("2001:db8::2"):
        raise AssertionError("the network has a turn already")
