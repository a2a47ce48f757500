"""balance: what flows in, out and stays has to add up."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.readings.world import SECOND, Line, plausible, rules, site_of, stored, told
from twinvouch.core.batch import Quality
from twinvouch.core.declared import Balance, Declarations, Take, Term
from twinvouch.core.finding import Severity
from twinvouch.core.inventory import Rhythm, Tag
from twinvouch.core.label import Axis
from twinvouch.readings.gate import Accepted
from twinvouch.readings.validate import balance

IN, OUT, LEVEL, FAR = "t/in", "t/out", "t/level", "u/out"
TAGS = [
    *(Tag(name, unit, group="fast") for name, unit in ((IN, "m3/s"), (OUT, "m3/s"), (LEVEL, "m"))),
    Tag(FAR, "m3/s", group="slow"),
]
AREA, WINDOW = 20.0, 60
CAP = balance.CAP


def told_of(out: str = OUT) -> Balance:
    terms = (Term(IN), Term(out, -1.0), Term(LEVEL, -AREA, Take.DERIVATIVE))
    return Balance("tank", terms, 0.01, WINDOW * SECOND, "m3/s")


def line(of: Balance | None = None, slow: dict[str, Any] | None = None) -> Line:
    return Line(site_of(TAGS, declared=Declarations(balances=(of or told_of(),)), slow=slow))


class Tank:
    """Water that is conserved; `lie` is added to what its level says."""

    def __init__(self, level: float = 5.0) -> None:
        self.level, self.lie, self.t = level, 0.0, 0

    def second(self) -> dict[str, float]:
        flow_in = 0.1 + 0.05 * np.sin(self.t / 7)
        flow_out = 0.08 if self.t % 120 < 70 else 0.15
        self.level += (flow_in - flow_out) / AREA
        self.t += 1
        return {IN: flow_in, OUT: flow_out, LEVEL: self.level + self.lie}


def run(plant: Line, tank: Tank, seconds: int) -> list[Accepted]:
    return [plant.read(1, values=tank.second()) for _ in range(seconds)]


def found(got: list[Accepted]) -> list[int]:
    return [i for i, g in enumerate(got) if told(g, "balance")]


def test_water_that_is_conserved_is_in_balance() -> None:
    assert [rules(g) for g in run(line(), Tank(), 600)] == [[]] * 600


def test_a_level_that_lies_slowly_is_found_and_all_tags_count_for_less() -> None:
    plant, tank = line(), Tank()
    run(plant, tank, 130)
    got = []
    for _ in range(180):
        tank.lie += 0.002  # m/s: 0.04 m3/s are missing
        got += run(plant, tank, 1)
    first = found(got)[0]
    assert first <= 2 * WINDOW
    (finding,) = got[first].admitted.findings
    assert (finding.subject, finding.severity, finding.technique) == (
        "tank", Severity.HIGH, "T0856",
    )  # fmt: skip
    assert "balance `tank` is off by -0.0" in finding.sentence
    assert "m3/s over the 60 s to 2027-" in finding.sentence
    assert "`t/in`, `t/out`, `t/level` do not fit together, and which is wrong is not known" in (
        finding.sentence
    )
    fast = plant.site.plant.groups["fast"]
    for g in got[first:]:
        assert [plausible(g, tag, fast) for tag in (IN, OUT, LEVEL)] == [[CAP]] * 3
    assert plausible(got[first - 1], LEVEL, fast) == [255]
    assert np.diff(found(got)).tolist() in ([60], [60, 60]), "told once a window"


def test_when_it_adds_up_again_that_is_told_and_trusted() -> None:
    plant, tank = line(), Tank()
    run(plant, tank, 130)
    for _ in range(70):
        tank.lie += 0.002
        run(plant, tank, 1)
    got = run(plant, tank, 180)
    severities = [f.severity for g in got for f in told(g, "balance")]
    assert severities == [Severity.HIGH, Severity.INFO]
    assert plausible(got[-1], LEVEL, plant.site.plant.groups["fast"]) == [255]


def test_a_legitimate_change_of_all_flows_is_in_balance() -> None:
    plant, tank = line(), Tank()
    for _ in range(400):
        values = tank.second()
        values[IN] += 0.5
        tank.level += 0.5 / AREA
        values[LEVEL] = tank.level
        assert rules(plant.read(1, values=values)) == []


def test_a_window_with_a_gap_is_not_judged() -> None:
    plant, tank = line(), Tank()
    run(plant, tank, 130)
    for _ in range(10):
        tank.second()
        tank.lie += 0.5
    plant.now += 10 * SECOND
    assert found(run(plant, tank, 40)) == [], "what happened in the gap nobody saw"
    marks = np.array([[Quality.MISSING, 0, 0]], np.uint8)
    for _ in range(2 * WINDOW):
        got = plant.read(1, values=tank.second(), quality=marks)
        assert told(got, "balance") == []


def test_short_gaps_are_bridged() -> None:
    plant, tank = line(), Tank()
    for n in range(300):
        marks = np.array([[0, 0, Quality.BAD if n % 5 == 1 else 0]], np.uint8)
        assert told(plant.read(1, values=tank.second(), quality=marks), "balance") == []


@pytest.mark.parametrize("rhythm", [Rhythm.SCAN, Rhythm.EXCEPTION])
def test_tags_of_two_edges_and_rates(rhythm: Rhythm) -> None:
    """The outflow comes every 5 s, or when it changes, from another edge and a little later."""
    other = {"period_ns": 5 * SECOND, "max_age_ns": 20 * SECOND, "rhythm": rhythm}
    plant, tank, seen = line(told_of(FAR), other), Tank(), []
    for _ in range(400):
        values = tank.second()
        told_out = values.pop(OUT)
        seen += told(plant.read(1, values=values), "balance")
        if tank.t % 5 == 0:
            raw = plant.next("edge-2", "slow", values={FAR: told_out})
            got = plant.send(raw, 0)
            assert isinstance(got, Accepted)
            seen += told(got, "balance")
    assert seen == []
    for _ in range(150):
        values = tank.second()
        told_out = values.pop(OUT) - 0.05  # less is said to flow out than does
        seen += told(plant.read(1, values=values), "balance")
        if tank.t % 5 == 0:
            got = plant.send(plant.next("edge-2", "slow", values={FAR: told_out}), 0)
            assert isinstance(got, Accepted)
            seen += told(got, "balance")
    assert {f.subject for f in seen} == {"tank"}
    axes = plant.frame.label([FAR, LEVEL, IN], plant.now).axes[Axis.PLAUSIBILITY]
    assert axes.tolist() == [CAP] * 3


def test_a_meter_that_counts_against_the_flow_it_counts() -> None:
    terms = (Term(LEVEL, 1.0, Take.CHANGE), Term(IN, -1.0, Take.INTEGRAL))
    plant, meter = line(Balance("meter", terms, 0.01, 30 * SECOND)), 1000.0
    for n in range(200):
        flow = 0.2 + 0.1 * (n % 11 == 0)
        got = plant.read(1, values={IN: flow, LEVEL: meter})
        if n < 100:
            assert rules(got) == []
        meter += 0.0  # the next row says what flowed until then
        nxt = 0.2 + 0.1 * ((n + 1) % 11 == 0)
        meter += (flow + nxt) / 2 if n < 100 else 0.0
    assert {f.subject for f in told(got, "balance")} | {"meter"} == {"meter"}
    assert plausible(got, LEVEL, plant.site.plant.groups["fast"]) == [CAP], "the meter was stopped"


def test_another_balance_of_that_name_begins_anew() -> None:
    plant, tank = line(), Tank()
    run(plant, tank, 70)
    plant.site = line(Balance("tank", (Term(IN),), 0.01, WINDOW * SECOND)).site
    assert found(run(plant, tank, 40)) == []
    assert set(stored(plant.context.memos)) == {"balance/tank"}


@pytest.mark.parametrize("hostile", [np.nan, np.inf, 1.7e308, -1.7e308])
def test_hostile_values_neither_raise_nor_end_it(hostile: float) -> None:
    plant, tank = line(), Tank()
    for n in range(100):
        values = tank.second()
        if n % 10 == 3:
            values[IN] = hostile
        got = plant.read(1, values=values)
        assert all(np.isfinite(x) for f in got.admitted.findings for _, x in f.evidence)
    got_after = run(plant, tank, 2 * WINDOW + 1)
    assert plausible(got_after[-1], LEVEL, plant.site.plant.groups["fast"]) == [255]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_the_windows_are_those_of_the_whole_in_however_many_batches(
    seed: int, data: st.DataObject
) -> None:
    """Against sums over all rows at once: which windows were off does not depend on batches and restarts."""
    rng = np.random.default_rng(seed)
    number = data.draw(st.integers(100, 260))
    flows, levels = rng.uniform(0, 0.05, number), np.cumsum(rng.uniform(-0.001, 0.001, number))
    plant = line()
    t_s = plant.now // SECOND + 1 + np.arange(number)
    off = []
    for k in range(t_s[0] // WINDOW + 1, t_s[-1] // WINDOW):
        ends = np.interp([k * WINDOW, (k + 1) * WINDOW], t_s, levels)
        inside = (t_s > k * WINDOW - 1) & (t_s < (k + 1) * WINDOW + 1)
        mean = np.trapezoid(flows[inside], t_s[inside]) / WINDOW
        off.append(abs(mean - AREA * (ends[1] - ends[0]) / WINDOW) > 0.01)
    at, judged = 0, {}
    while at < number:
        part = slice(at, at + data.draw(st.integers(1, 4)))
        times = t_s[part] * SECOND
        plant.now = int(times[-1])
        values = {IN: flows[part], OUT: 0.0, LEVEL: levels[part]}
        got = plant.read(0, t_ns=times, values=values)
        at = part.stop
        residual = float(plant.context.memos["balance/tank"].arrays[8][0])
        crossed = int(times[-1]) // (WINDOW * SECOND) - 1
        if not np.isnan(residual):
            judged[crossed] = abs(residual) > 0.01
            assert (plausible(got, IN, plant.site.plant.groups["fast"])[-1] == CAP) is judged[
                crossed
            ]
        plant = plant.restart() if data.draw(st.booleans()) else plant
    assert list(judged.values()) == off
