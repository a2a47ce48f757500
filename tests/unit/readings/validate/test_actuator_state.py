"""actuator_state: what an actuator says of itself against what it ought to cause."""

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.readings.world import SECOND, Line, plausible, rules, site_of, told
from twinvouch.core.batch import Quality
from twinvouch.core.declared import Declarations, Expectation
from twinvouch.core.finding import Severity
from twinvouch.core.inventory import Tag
from twinvouch.core.label import Axis
from twinvouch.readings.gate import Accepted
from twinvouch.readings.validate import actuator_state

RUN, FLOW, FAR = "p/run", "p/flow", "q/flow"
TAGS = [Tag(RUN, "", group="fast"), Tag(FLOW, "l/s", group="fast"), Tag(FAR, "l/s", group="slow")]
SETTLE = 5
OFF = Expectation("p-off", RUN, 0, 0, FLOW, -0.1, 0.1, SETTLE * SECOND)
ON = Expectation("p-on", RUN, 1, 1, FLOW, 2.0, inf, SETTLE * SECOND)
CAP = actuator_state.CAP


def line(*expected: Expectation) -> Line:
    return Line(site_of(TAGS, declared=Declarations(expectations=expected or (OFF, ON))))


def read(plant: Line, run: float, flow: float, after_s: float = 1) -> Accepted:
    return plant.read(after_s, values={RUN: run, FLOW: flow})


def caps(plant: Line, got: Accepted) -> list[int]:
    group = plant.site.plant.groups["fast"]
    return [plausible(got, tag, group)[-1] for tag in (RUN, FLOW)]


def test_a_pump_that_does_what_it_says_is_clean() -> None:
    plant = line()
    assert [rules(read(plant, 0, 0.02)) for _ in range(20)] == [[]] * 20
    assert [rules(read(plant, 1, 3.5)) for _ in range(20)] == [[]] * 20


def test_flow_through_a_pump_that_is_off_is_found_and_both_count_for_less() -> None:
    plant = line()
    got = [read(plant, 0, 3.0) for _ in range(8)]
    assert [rules(g) for g in got] == [[]] * 5 + [["actuator_state"]] * 3
    (finding,) = got[5].admitted.findings
    assert (finding.subject, finding.severity, finding.technique) == (
        "p-off", Severity.HIGH, "T0856",
    )  # fmt: skip
    assert (
        "`p/flow` is 3 l/s while `p/run` has been 0, expected -0.1 to 0.1 l/s (`p-off`) for 5 s"
        in (finding.sentence)
    )
    assert dict(finding.evidence) == {"value": 3.0, "status": 0.0, "seconds": 5.0}
    assert [caps(plant, g) for g in got[4:6]] == [[255, 255], [CAP, CAP]]
    assert caps(plant, read(plant, 0, 0.0)) == [255, 255]


def test_a_pump_that_is_on_without_flow_is_found() -> None:
    plant = line()
    got = [rules(read(plant, 1, 0.5)) for _ in range(6)]
    assert got == [[]] * 5 + [["actuator_state"]]


def test_a_legitimate_switch_has_its_time_to_settle() -> None:
    plant = line()
    for _ in range(10):
        for flow in (0.0, 0.8, 1.6, 2.4, 3.0, 3.0):
            assert rules(read(plant, 1, flow)) == []
        for flow in (2.5, 1.5, 0.7, 0.2, 0.0, 0.0):
            assert rules(read(plant, 0, flow)) == []


def test_states_between_are_not_judged() -> None:
    plant = line()
    assert [rules(read(plant, 0.5, 1.0)) for _ in range(20)] == [[]] * 20


def test_dropping_one_of_the_two_now_and_then_hides_nothing() -> None:
    plant, found = line(), []
    for n in range(12):
        marks = np.array([[0, Quality.MISSING if n % 3 == 2 else 0]], np.uint8)
        found += rules(plant.read(1, values={RUN: 0.0, FLOW: 3.0}, quality=marks))
    assert "actuator_state" in found


def test_after_an_outage_it_counts_anew() -> None:
    plant = line()
    for _ in range(4):
        read(plant, 0, 3.0)
    assert rules(read(plant, 0, 3.0, after_s=600)) == []
    assert [rules(read(plant, 0, 3.0)) for _ in range(5)] == [[]] * 4 + [["actuator_state"]]


def test_across_scan_groups_the_live_value_of_the_other_counts() -> None:
    plant = line(Expectation("far", RUN, 0, 0, FAR, -inf, 0.1, SETTLE * SECOND))

    def flow(value: float) -> Accepted:
        got = plant.send(plant.next("edge-2", "slow", values={FAR: value}), 0.5)
        assert isinstance(got, Accepted)
        return got

    for _ in range(3):
        assert rules(read(plant, 0, 0.0, 0.5)) + rules(flow(0.0)) == []
    found = []
    for _ in range(7):
        found += [rules(flow(3.0)), rules(read(plant, 0, 0.0, 0.5))]
    assert found[-2:] == [["actuator_state"], ["actuator_state"]]
    assert found.count([]) >= 2 * SETTLE - 1
    axes = plant.frame.label([RUN, FAR], plant.now).axes[Axis.PLAUSIBILITY]
    assert axes.tolist() == [CAP, CAP]


@pytest.mark.parametrize("hostile", [np.nan, np.inf, 1.7e308, -1.7e308])
def test_hostile_values_neither_raise_nor_excuse(hostile: float) -> None:
    plant = line()
    found = [told(read(plant, 0, hostile), "actuator_state") for _ in range(7)]
    assert bool(found[-1]) is bool(np.isfinite(hostile))
    assert all(np.isfinite(n) for f in found for x in f for _, n in x.evidence)
    assert [told(read(plant, hostile, 3.0), "actuator_state") for _ in range(7)] == [[]] * 7


STATES = st.sampled_from([(0.0, 0.0), (0.0, 3.0), (1.0, 3.0), (1.0, 0.0), (None, 3.0)])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(STATES, st.integers(1, 9)), min_size=1, max_size=8), st.data())
def test_it_is_a_plain_count_in_however_many_batches_and_over_restarts(
    stretches: list[tuple[tuple[float | None, float], int]], data: st.DataObject
) -> None:
    """Rows 0.5 s apart; what is not known for more than 5 s ends a run."""
    rows = [s for s, n in stretches for _ in range(n)]
    since: dict[str, int | None] = {"off": None, "on": None}
    known_at, expected = 0, []
    for t, (run, flow) in enumerate(rows):
        bad = False
        for name, state, unfit in (("off", 0.0, flow > 0.1), ("on", 1.0, flow < 2.0)):
            if run is None:
                continue
            start = since[name] if t - known_at <= 2 * 5 else None
            since[name] = (t if start is None else start) if run == state and unfit else None
            bad |= since[name] is not None and t - int(since[name] or 0) >= 2 * SETTLE
        known_at = known_at if run is None else t
        expected.append(CAP if bad else 0 if run is None else 255)
    plant, at, found = line(), 0, []
    while at < len(rows):
        part = rows[at : at + data.draw(st.integers(1, 5))]
        at += len(part)
        plant.now += len(part) * SECOND // 2
        times = plant.now - np.arange(len(part))[::-1] * SECOND // 2
        marks = np.array([[Quality.MISSING if r is None else 0, 0] for r, _ in part], np.uint8)
        values = {RUN: [r or 0.0 for r, _ in part], FLOW: [f for _, f in part]}
        got = plant.read(0, t_ns=times, values=values, quality=marks)
        found += plausible(got, RUN, plant.site.plant.groups["fast"])
        plant = plant.restart() if data.draw(st.booleans()) else plant
    assert found == expected
