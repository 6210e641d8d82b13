"""How `make fuzz` spends its time, and that the gate itself does not explore."""

from itertools import count

from hypothesis import settings

from tests.fuzz import command_of, explore


class Rounds:
    """Rounds of one minute each, of which the round with seed `failing` fails."""

    def __init__(self, failing: int | None = None) -> None:
        self.failing = failing
        self.seeds: list[int] = []

    def run(self, seed: int) -> int:
        self.seeds.append(seed)
        return int(seed == self.failing)

    def clock_s(self) -> float:
        return len(self.seeds) * 60.0


def test_rounds_have_their_own_seeds_until_the_time_is_over() -> None:
    rounds = Rounds()
    assert explore(3, rounds.run, count(), rounds.clock_s) == 0
    assert rounds.seeds == [0, 1, 2]


def test_at_least_one_round_is_run() -> None:
    rounds = Rounds()
    assert explore(0, rounds.run, count(), rounds.clock_s) == 0
    assert rounds.seeds == [0]


def test_the_first_failing_round_ends_the_run() -> None:
    rounds = Rounds(failing=1)
    assert explore(10, rounds.run, count(), rounds.clock_s) == 1
    assert rounds.seeds == [0, 1]


def test_a_round_explores_with_its_seed_and_the_gate_does_not_explore() -> None:
    assert {"--hypothesis-profile=fuzz", "--hypothesis-seed=7", "--randomly-seed=7"} <= set(
        command_of(7)
    )
    fuzz, gate = settings.get_profile("fuzz"), settings.get_profile("gate")
    assert gate.derandomize
    assert not fuzz.derandomize
    assert fuzz.max_examples >= 3 * gate.max_examples
