"""Learned control logic: where a pump switches, and where it should have and did not."""

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.readings.detect.plant import HIGH, LEVEL, LOW, RUN, SPARE, plant
from twinvouch.core.table import Table
from twinvouch.readings.detect import columns, control


def learned(table: Table) -> tuple[columns.Columns, tuple[control.ControlRule, ...]]:
    known = columns.survey(table)
    return known, control.learn(known, columns.rounded(table.values, known.step))


def test_both_limits_of_a_pump_are_learned() -> None:
    _, rules = learned(plant(3000, 1))
    of_level = {rule.is_upper: rule for rule in rules if rule.tag == LEVEL}
    assert of_level[True].limit == pytest.approx(HIGH, abs=0.05)
    assert not of_level[True].is_on
    assert of_level[False].limit == pytest.approx(LOW, abs=0.05)
    assert of_level[False].is_on
    assert all(rule.switch == RUN for rule in rules)


def test_normal_operation_breaks_no_rule() -> None:
    known, rules = learned(plant(3000, 1))
    later = columns.rounded(plant(2000, 2).values, known.step)
    assert [rule for rule, _ in control.broken(rules, known, later)] == []


@pytest.mark.parametrize(("level", "run"), [(HIGH + 0.2, 1.0), (LOW - 0.2, 0.0)])
def test_a_missing_switch_breaks_a_rule(level: float, run: float) -> None:
    known, rules = learned(plant(3000, 1))
    row = plant(10, 3).values[-1:].copy()
    row[0, LEVEL], row[0, RUN] = level, run
    found = list(control.broken(rules, known, row))
    assert {rule.tag for rule, _ in found} >= {LEVEL}
    assert all(rows.tolist() == [True] for _, rows in found)


def test_a_rule_moves_with_the_set_point_that_shows_it() -> None:
    table = plant(3000, 1)
    ids = (*table.ids[:SPARE], "pump/off-above")
    values = table.values.copy()
    values[:, SPARE] = HIGH
    known, rules = learned(Table(ids, table.t_ns, values))
    upper = next(rule for rule in rules if rule.tag == LEVEL and rule.is_upper)
    assert upper.setpoint == SPARE
    row = values[-1:].copy()
    row[0, LEVEL], row[0, RUN], row[0, SPARE] = HIGH + 0.4, 1.0, HIGH + 0.5
    assert not upper.broken(known, row).any()
    assert replace(upper, setpoint=-1, limit=HIGH).broken(known, row).any()


def test_random_switches_have_no_rules() -> None:
    chance = np.random.default_rng(1)
    table = plant(3000, 1)
    values = table.values.copy()
    values[:, RUN] = chance.integers(0, 2, 3000)
    assert learned(Table(table.ids, table.t_ns, values))[1] == ()
