"""The workers' shared numbers: rows and places do not overlap, and another mapping sees them."""

import os

from backend.serving.worker_memory import Row, make_memory, numbers


def test_each_number_has_its_place_in_every_mapping() -> None:
    memory, count = make_memory(3), 3
    try:
        written = {row: numbers(memory, count, row) for row in Row}
        assert all(list(row) == [0, 0, 0] for row in written.values())
        for row, places in written.items():
            for place in range(count):
                places[place] = 10 * row + place
        read = {row: list(numbers(memory, count, row)) for row in Row}
        assert read == {row: [10 * row + place for place in range(count)] for row in Row}
    finally:
        os.close(memory)
