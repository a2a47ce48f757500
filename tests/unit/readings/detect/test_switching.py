"""Where and when pumps switch: learned points and clocks, and what breaks them."""

import numpy as np

from tests.unit.readings.detect.plant import HIGH, LEVEL, LOW, RUN, SPARE, plant
from twinvouch.core.table import Table
from twinvouch.readings.detect import columns, switching

QUARTER_NS = 900_000_000_000


def learned(table: Table) -> tuple[columns.Columns, tuple[switching.Point, ...]]:
    known = columns.survey(table)
    return known, switching.learn(known, columns.rounded(table.values, known.step))


def broken(point: switching.Point, values: np.ndarray) -> np.ndarray:
    return point.broken(values[:, point.switch] > 0.5, values)


def test_the_level_that_switches_a_pump_is_learned_and_not_what_the_pump_does() -> None:
    _, points = learned(plant(3000, 1))
    assert [(p.switch, p.tag) for p in points] == [(RUN, LEVEL)]
    (off, on) = points[0].bands
    assert off[0] < HIGH < off[1]
    assert on[0] < LOW < on[1]


def test_normal_operation_breaks_no_point() -> None:
    known, (point,) = learned(plant(3000, 1))
    assert not broken(point, columns.rounded(plant(2000, 2).values, known.step)).any()


def test_a_switch_inside_the_band_and_one_that_is_missing_break_it() -> None:
    _, (point,) = learned(plant(3000, 1))
    rows = np.tile(plant(10, 3).values[-1:], (2, 1))
    for levels, runs, is_broken in (
        ((3.2, 3.2), (1.0, 0.0), True),  # it stops half full
        ((3.2, 3.2), (0.0, 1.0), True),
        ((3.0, 3.0), (1.0, 1.0), False),
        ((HIGH, HIGH + 0.8), (1.0, 1.0), True),  # it should have stopped
        ((LOW, LOW - 0.8), (0.0, 0.0), True),
    ):
        rows[:, LEVEL], rows[:, RUN] = levels, runs
        assert broken(point, rows).tolist() == [is_broken]


def test_a_band_moves_with_the_set_point_that_shows_it() -> None:
    table = plant(3000, 1)
    ids = (*table.ids[:SPARE], "pump/off-above")
    values = table.values.copy()
    values[:, SPARE] = HIGH
    _, (point,) = learned(Table(ids, table.t_ns, values))
    assert point.setpoints == (SPARE, -1)
    rows = np.tile(values[-1:], (2, 1))
    rows[:, LEVEL], rows[:, RUN] = HIGH + 0.8, (1.0, 0.0)
    assert broken(point, rows).any()
    rows[:, SPARE] = HIGH + 0.8
    assert not broken(point, rows).any()


def test_a_pump_that_runs_by_the_clock_is_known_by_the_time_of_day() -> None:
    rows = 40 * 96
    slot = np.arange(rows) % 96
    values = np.column_stack((np.sin(np.arange(rows)), (slot >= 4) & (slot < 60)))
    table = Table(("a/flow", "pump/run"), np.arange(rows) * QUARTER_NS, values)
    known = columns.survey(table)
    (clock,) = switching.clocks(known, table.t_ns, table.values)
    on = values[:, 1] > 0.5
    assert not clock.broken(on, table.t_ns).any()
    on[50] = False
    assert np.flatnonzero(clock.broken(on, table.t_ns)).tolist() == [50]
    assert switching.clocks(known, table.t_ns[:960], table.values[:960]) == ()
