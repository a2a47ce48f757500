"""200 fixed and 50 fresh seeds of the fault simulation: whatever strikes, the invariants hold.

A seed that fails is printed with the command that repeats it; a fresh one that failed once becomes a fixed one.
"""

import os

import pytest

from twinvouch.app.simulation.run import Result, repeat_with, simulate

FIXED = 200
FRESH = 50
CHUNK = 10
# seeds that found something once
FOUND = (1002, 3044, 4739, 8853)


def hold(seeds: list[int]) -> list[Result]:
    results = [simulate(seed) for seed in seeds]
    for result in results:
        said = "\n  ".join(result.violations)
        assert not result.violations, f"seed {result.seed}; {repeat_with(result.seed)}\n  {said}"
    return results


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, FIXED, CHUNK))
def test_fixed_seeds(first: int) -> None:
    results = hold(list(range(first, first + CHUNK)))
    assert sum(r.acknowledged for r in results) > 10 * CHUNK
    assert sum(r.crashes.total() + r.faults.total() for r in results) > CHUNK


@pytest.mark.slow
@pytest.mark.parametrize("part", range(FRESH // CHUNK))
def test_fresh_seeds(part: int) -> None:
    del part
    hold([int.from_bytes(os.urandom(6), "big") for _ in range(CHUNK)])


@pytest.mark.slow
def test_seeds_that_found_something_once() -> None:
    hold(list(FOUND))


def test_one_seed_decides_everything() -> None:
    first, again, other = simulate(7), simulate(7), simulate(8)
    assert (first.head, first.story) == (again.head, again.story)
    assert first.crashes == again.crashes
    assert first.head != other.head


@pytest.mark.slow
def test_all_kinds_of_things_happen() -> None:
    """Commands are executed, held and refused; every machine dies, by kill and by power; disks and links fail."""
    results = [simulate(seed) for seed in range(500, 530)]
    assert sum(r.executions for r in results) > 30
    crashes = {name for r in results for name in r.crashes}
    assert {name.partition(":")[0] for name in crashes} == {"core", "edge", "actuator"}
    assert {name.rpartition(" ")[2] for name in crashes} >= {"kill", "power"}
    faults = {name for r in results for name, n in r.faults.items() if n}
    assert {"drop request", "drop answer", "duplicate", "late", "disk full"} <= faults
