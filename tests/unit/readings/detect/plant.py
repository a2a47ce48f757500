"""A tank that a pump fills, with a pressure below it and a flow into it: small, and known by heart."""

import numpy as np

from twinvouch.core.table import Table

IDS = ("tank/level", "tank/pressure", "pump/flow", "pump/run", "spare/run")
LEVEL, PRESSURE, FLOW, RUN, SPARE = range(5)
HOUR_NS = 3_600_000_000_000
LOW, HIGH = 2.0, 4.0
STEPS = 6  # of the plant in an hour


def plant(
    rows: int, seed: int, start: int = 0, lively: float = 1.0, high: tuple[int, float] = (0, HIGH)
) -> Table:
    """Hourly rows: the level falls by a demand with a day's shape, a pump fills it between LOW and HIGH.

    From a row on, `high`, it stops at another level.
    """
    chance = np.random.default_rng(seed)
    values = np.zeros((rows, 5))
    level, run, habit = 3.0, 0.0, 0.0
    for row in range(rows):
        hour = (start + row) % 24
        habit = (
            0.8 * habit + 0.02 * lively * chance.normal()
        )  # people are no clocks: the pump meets every hour of the day
        demand = (
            0.25 + 0.1 * np.sin(2 * np.pi * hour / 24) + 0.02 * lively * chance.normal() + habit
        )
        for _ in range(STEPS):  # it switches between rows, too
            level += (0.9 * run - demand) / STEPS
            top = high[1] if row >= high[0] else HIGH
            run = 1.0 if level < LOW else 0.0 if level > top else run
        values[row] = level, 9.81 * level + 20, 40 * run, run, 0.0
    values[:, LEVEL] += 0.003 * chance.normal(size=rows)
    values[:, PRESSURE] += 0.1 * chance.normal(size=rows)
    values[:, FLOW] += 0.1 * chance.normal(size=rows) * (values[:, RUN] > 0)
    return Table(IDS, (start + np.arange(rows)) * HOUR_NS, values)
