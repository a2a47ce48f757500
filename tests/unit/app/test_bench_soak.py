"""The soak's arithmetic: a leak is found, noise and outliers are none, and what is kept by number levels off."""

from random import Random

import pytest

from twinvouch.app.bench.slope import theil_sen
from twinvouch.app.bench.soak import (
    EVERY_H,
    LIMIT_PCT,
    PROCESSES,
    Figures,
    Sample,
    faults_of,
    figures_of,
)
from twinvouch.lab.drill.footprint import Footprint

HOURS = [2 + n * EVERY_H for n in range(133)]


def samples(pss: list[int], handles: list[int] | None = None) -> list[Sample]:
    held = handles or [20] * len(pss)
    return [
        Sample(hour, 0, dict.fromkeys(PROCESSES, Footprint(kib, kib, n, 5)), {})
        for hour, kib, n in zip(HOURS, pss, held, strict=True)
    ]


def figures(counted: list[Sample]) -> Figures:
    found: Figures = {}
    for name in PROCESSES:
        found |= figures_of(name, counted)
    return found


def test_a_straight_line_has_its_slope() -> None:
    slope = theil_sen([0, 1, 2, 3, 4, 5], [1, 3, 5, 7, 9, 11])
    assert (slope.value, slope.low, slope.high) == (2, 2, 2)


def test_a_few_outliers_change_nothing() -> None:
    chance = Random(1)
    noisy = [100_000 + chance.randrange(-200, 200) for _ in HOURS]
    for place in (10, 50, 51, 90):
        noisy[place] += 50_000
    slope = theil_sen(HOURS, noisy)
    assert slope.low < 0 < slope.high
    assert abs(slope.value * 24) < 1_000
    assert list(faults_of(figures(samples(noisy)))) == []


@pytest.mark.parametrize(("pct", "is_leak"), [(0.5, False), (2.0, True)])
def test_a_leak_is_told_by_its_percent_a_day(pct: float, *, is_leak: bool) -> None:
    chance = Random(2)
    rising = [
        round(100_000 * (1 + pct / 100 * (hour - 2) / 24)) + chance.randrange(-50, 50)
        for hour in HOURS
    ]
    found = figures(samples(rising))
    assert found["core_memory_pct_per_day"] == pytest.approx(pct, abs=0.1)
    assert found["core_memory_pct_per_day_low"] <= found["core_memory_pct_per_day"]
    assert (pct > LIMIT_PCT) is is_leak
    said = list(faults_of(found))
    assert len(said) == (len(PROCESSES) if is_leak else 0)


def handles_of(held: list[int]) -> list[str]:
    return list(faults_of(figures(samples([100_000] * len(held), held))))


def test_a_slow_leak_of_handles_is_a_fault() -> None:
    said = handles_of([20 + int(hour / 6) for hour in HOURS])
    assert said[0] == "core has 23 handles in the last quarter, 20 in the first"
    assert len(said) == len(PROCESSES)


def test_a_jump_in_handles_is_a_fault() -> None:
    assert len(handles_of([20] * 100 + [23] * 33)) == len(PROCESSES)


def test_connections_that_come_and_go_are_none() -> None:
    chance = Random(3)
    assert handles_of([27 + chance.randrange(3) for _ in HOURS]) == []


def test_pages_that_others_stop_sharing_are_no_leak() -> None:
    shared = [
        Sample(hour, 0, dict.fromkeys(PROCESSES, Footprint(80_000 + 10 * n, 60_000, 20, 5)), {})
        for n, hour in enumerate(HOURS)
    ]
    found = figures(shared)
    assert found["core_memory_pct_per_day"] == 0
    assert list(faults_of(found)) == []
