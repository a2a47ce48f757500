"""`bench scenarios`: events are counted as its page says, on a world made by hand."""

import numpy as np
import pytest

from twinvouch.app.bench.scenarios import Tally, count, tickets
from twinvouch.core.table import Table
from twinvouch.core.ticket import Work
from twinvouch.lab.scenarios.events import Context, Event
from twinvouch.lab.scenarios.world import World
from twinvouch.readings.detect.state import ATTACK, CHANGE, Scored

ROWS, QUARTER_NS = 2000, 900 * 10**9


def made(events: tuple[Event, ...]) -> World:
    ids = tuple(f"asset-{n}/level" for n in range(10))
    none = np.zeros((ROWS, 10))
    table = Table(ids, np.arange(ROWS) * QUARTER_NS, none)
    assets = tuple(f"asset-{n}" for n in range(10))
    return World("net3", 0, "", assets, np.ones(10), table, table, none, events)


def alarmed(*at: tuple[int, int, int], kind: int = ATTACK) -> Scored:
    alarm = np.zeros((ROWS, 10), np.uint8)
    for start, end, tag in at:
        alarm[start:end, tag] = kind
    none = np.zeros((ROWS, 10))
    return Scored(alarm, np.zeros(ROWS), *[none] * 6)


def attack(start: int, end: int, tag: int, size: float = 4.0) -> Event:
    return Event("offset", True, start, end, (f"asset-{tag}/level",), f"asset-{tag}", size)  # noqa: FBT003


def tallied(events: tuple[Event, ...], scored: Scored) -> Tally:
    tally = Tally()
    count(tally, made(events), scored)
    return tally


def test_an_alarm_inside_that_names_the_asset_finds_an_attack() -> None:
    found = tallied((attack(500, 600, 2),), alarmed((510, 520, 2)))
    assert (found.large, found.found, found.top, found.false) == (1, 1, 1, 0)
    assert found.chance == pytest.approx(0.3)


def test_an_alarm_on_another_asset_or_one_that_was_up_before_does_not() -> None:
    assert tallied((attack(500, 600, 2),), alarmed((510, 520, 3))).found == 0
    assert tallied((attack(500, 600, 2),), alarmed((490, 520, 2))).found == 0


def test_small_attacks_are_in_the_curve_alone() -> None:
    found = tallied((attack(500, 600, 2, size=1.5),), alarmed((510, 520, 2)))
    assert found.large == 0
    assert found.curve[("offset", 1.0, True)] == 1


def test_alarms_outside_events_are_false_and_those_together_are_one() -> None:
    found = tallied(
        (attack(500, 600, 2),),
        alarmed((100, 105, 1), (110, 112, 4), (610, 615, 5), (1500, 1501, 6)),
    )
    assert found.false == 2
    assert found.days == pytest.approx((ROWS - 100 - 24) / 96)


def test_an_alarm_on_an_honest_change_is_counted_and_a_candidate_is_not() -> None:
    change = Event("demand_shift", False, 500, 600, (), "", 9.0)  # noqa: FBT003
    assert tallied((change,), alarmed((550, 560, 1))).changes_alarmed == 1
    assert tallied((change,), alarmed((550, 560, 1), kind=CHANGE)).changes_alarmed == 0


def test_tickets_say_what_people_said() -> None:
    context = Context("ticket", ("asset-3/level",), 500, 600)
    change = Event("recalibration", False, 500, 600, ("asset-3/level",), "asset-3", 2.0, context)  # noqa: FBT003
    (ticket,) = tickets(made((change, attack(700, 710, 1))))
    assert ticket.work is Work.RECALIBRATION
    assert ticket.tags == (3,)
    assert (ticket.start_ns, ticket.end_ns) == (500 * QUARTER_NS, 599 * QUARTER_NS + 1)
