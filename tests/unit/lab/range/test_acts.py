"""Lies and hostile orders: what they change, by how much, and what they leave alone."""

from random import Random
from typing import Any

import pytest

from twinvouch.lab.range.lies import Coordinated, Drift, Offset, Replay
from twinvouch.lab.range.orders import Cycles, Ramps, Repeats
from twinvouch.lab.range.plan import sector
from twinvouch.lab.range.plants import STEPS_PER_H
from twinvouch.lab.range.scenario import Kind, Moment
from twinvouch.lab.range.table import ALL, BY_NAME

WHERE = sector("building")
ROOM = "z1/temp"


def moment(since: int, honest: list[dict[str, float]], **more: Any) -> Moment:
    first = {"sector": WHERE, "step": 40 + since, "since": since, "strength": 0.1}
    return Moment(**{**first, "chance": Random(1), "honest": honest, **more})


def test_an_offset_is_a_share_of_the_range() -> None:
    values = {ROOM: 20.0, "z2/temp": 20.0}
    Offset((ROOM,)).told(values, moment(0, [dict(values)]))
    assert values == {ROOM: pytest.approx(24.5), "z2/temp": 20.0}


def test_a_lie_stays_within_the_range() -> None:
    values = {ROOM: 20.0}
    Offset((ROOM,)).told(values, moment(0, [dict(values)], strength=0.9))
    assert 40.0 < values[ROOM] < 45.0


def test_a_drift_begins_at_nothing() -> None:
    for hours, expected in ((0, 20.0), (2, 29.0)):
        values = {ROOM: 20.0}
        Drift((ROOM,)).told(values, moment(hours * STEPS_PER_H, [dict(values)]))
        assert values[ROOM] == pytest.approx(expected)


def test_a_coordinated_meter_says_what_the_level_needs() -> None:
    net3, level = sector("net3"), "tank-1/level"
    lie = Coordinated({level: ("tank-1/inflow", 100.0)})
    honest = {level: 15.0, "tank-1/inflow": 0.0}
    values = dict(honest)
    lie.told(values, moment(STEPS_PER_H, [honest], sector=net3))
    span = net3.by_tag[level].span
    assert values[level] - 15.0 == pytest.approx(0.1 * span)
    assert values["tank-1/inflow"] == pytest.approx(0.1 * span * 100.0)  # so much in an hour


def test_a_replay_says_the_hours_before_again() -> None:
    honest = [{t.tag: float(k) for t in (*WHERE.sensors, *WHERE.levers)} for k in range(60)]
    for since, row in ((0, 28), (11, 39), (12, 28)):
        values = dict(honest[-1])
        Replay(("rooms",), hours=1.0).told(values, moment(since, honest))
        assert values[ROOM] == row
        assert values["z1/return"] == 59.0


def test_orders() -> None:
    honest = [{"z1/heater": 0.5, "z2/heater": 0.0}]
    off = Repeats((("z1/heater", 0.0), ("z2/heater", 0.0)), every=3)
    assert [w.tag for w in off.wishes(moment(3, honest))] == ["z1/heater"]
    assert list(off.wishes(moment(4, honest))) == []
    ramp = Ramps(("z1/heater",), -1.0, 0.45)
    assert [w.value for w in ramp.wishes(moment(2, honest))] == [0.45]
    cycle = Cycles(("z1/heater",))
    assert [w.value for k in (0, 1, 2) for w in cycle.wishes(moment(k, honest))] == [0.0, 1.0, 0.0]


def test_the_table_has_what_is_promised() -> None:
    assert len(BY_NAME) == len(ALL) >= 24
    assert {s.sector for s in ALL} == {"net3", "building", "grid"}
    for s in ALL:
        assert (s.kind is Kind.CLEAN) == (not s.lies and not s.orders and not s.tricks) or s.stops
        assert sector(s.sector).name == s.sector
