"""One password at a time; an address waits in a queue of its own length."""

import threading

import pytest

from backend.accounts.password_queue import PasswordQueue, QueueFull


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
