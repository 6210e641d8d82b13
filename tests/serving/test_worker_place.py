"""A worker's place: through the environment, and the end of a worker whose supervisor has ended."""

import json
import os
import socket
import threading

from backend.serving.worker_place import (
    VARIABLE,
    WorkerPlace,
    end_with_supervisor,
    take_place,
)

PLACE = WorkerPlace(number=2, count=3, listener=7, lifeline=8, memory=9, folder="/tmp/a folder")


def test_a_place_is_taken_once_from_the_environment() -> None:
    environ = {"PATH": "/bin", **PLACE.environment()}
    assert take_place(environ) == PLACE
    assert environ == {"PATH": "/bin"}
    assert take_place(environ) is None


def test_a_process_without_the_variable_is_no_worker() -> None:
    assert take_place({VARIABLE: ""}) is None


def test_the_variable_is_plain_json() -> None:
    assert json.loads(PLACE.environment()[VARIABLE])["listener"] == 7


def test_the_inherited_socket_is_the_one_that_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        place = WorkerPlace(1, 2, os.dup(bound.fileno()), 0, 0, "")
        with place.listening_socket() as inherited:
            assert inherited.getsockname() == bound.getsockname()


def test_a_worker_ends_with_its_supervisor_and_not_before() -> None:
    lifeline, held_end = os.pipe()
    happened: list[object] = []
    may_be_killed = threading.Event()

    def sleep(seconds: float) -> None:
        happened.append(seconds)
        may_be_killed.wait(10)

    ended, killed = threading.Event(), threading.Event()
    thread = end_with_supervisor(lifeline, 39.0, end=ended.set, kill=killed.set, sleep=sleep)
    assert thread.daemon
    assert not ended.is_set()
    os.close(held_end)
    assert ended.wait(10)
    # One whose event loop hangs.
    assert not killed.is_set()
    may_be_killed.set()
    assert killed.wait(10)
    assert happened == [39.0]
    thread.join(10)
    os.close(lifeline)
