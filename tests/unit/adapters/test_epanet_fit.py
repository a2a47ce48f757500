"""What a network is fitted to: parameters that are known come out again, as an input file that the model runs."""

from collections.abc import Mapping
from importlib.util import find_spec

import numpy as np
import pytest

from twinvouch.adapters.epanet_ahead import Epanet
from twinvouch.core.errors import UsageError
from twinvouch.core.lookahead import CLOCK, DEMAND
from twinvouch.lab.epanet import network_file
from twinvouch.twin.fitting import Parameter, Record, fit
from twinvouch.wire.inp import read_inp
from twinvouch.wire.inp_scaled import Factors, scaled

pytestmark = pytest.mark.skipif(find_spec("wntr") is None, reason="needs the extra `lab`")
NET3 = network_file("Net3").read_bytes()
FITTED = ("roughness", "pattern:1", "wave:sin24")
TRUE = {"roughness": 0.93, "pattern:1": 1.06, "wave:sin24": 0.05}
STEP_S = 900.0


def record(hours: int, *, gap: bool = False) -> Record:
    """What Net3 with TRUE did by law, without noise; the level of tank 1 is missing for an hour where there is a gap."""
    plant = Epanet(Epanet.varied(NET3, TRUE), {})
    plant.restore({"tank:1": 16.0, "tank:2": 24.0, "tank:3": 20.0, CLOCK: 0.0, DEMAND: 1.0})
    rows = [
        plant.step(plant.law("fill", plant.snapshot()), STEP_S, is_sampled=False)[0]
        for _ in range(hours * 4)
    ]
    table = dict(zip(plant.columns, np.array(rows).T, strict=True))
    names = (*(f"tank:{t}" for t in "123"), *plant.actuators, "inflow:1")
    columns = {n: table[n].copy() for n in names}
    if gap:
        columns["tank:1"][8:12] = np.nan
    return Record(STEP_S, 0.0, columns, ("inflow:1",))


def test_a_tank_that_reads_more_than_full_is_no_start() -> None:
    """The error of its instrument does that while it is full for hours; the library refuses to begin there."""
    told = record(29)
    told.columns["tank:3"][8:12] = 35.8  # full is 35.5 ft
    found = fit(made, [Parameter("roughness", *Epanet.parameters(NET3)["roughness"])], [told], 4)
    assert found.stretches == 27, (
        "the one that begins there is left out, the one that ends there is not"
    )


def made(values: Mapping[str, float]) -> Epanet:
    return Epanet(Epanet.varied(NET3, values), {})


def test_parameters_that_are_known_come_out_within_their_intervals() -> None:
    known = Epanet.parameters(NET3)
    given = [Parameter(name, *known[name]) for name in FITTED]
    found = fit(made, given, [record(29, gap=True)], 4)
    for p in found.parameters:
        assert p.value == pytest.approx(TRUE[p.name], abs=0.008), p.name
        assert 0 < p.half < 0.1
    assert found.after["tank:2"] < found.before["tank:2"] / 2
    assert found.stretches == 26, "two stretches touch the gap"


def test_too_short_a_record_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 24"):
        fit(made, [Parameter("roughness", 1.0, 0.1)], [record(5)], 4)


def test_a_scaled_file_differs_in_what_was_scaled_alone() -> None:
    hours = [1.0 + 0.01 * h for h in range(24)]
    by = Factors(roughness=0.9, hours=hours, patterns={"1": 1.1}, pumps={"10": 1.2})
    before, after = read_inp(NET3), read_inp(scaled(NET3, by))
    assert after.patterns["1"][5] == pytest.approx(before.patterns["1"][5] * 1.1 * 1.05)
    assert after.patterns["3"][23] == pytest.approx(before.patterns["3"][23] * 1.23)
    pipe = next(iter(before.pipes))
    assert after.pipes[pipe].resistance == pytest.approx(
        before.pipes[pipe].resistance * 0.9**-1.852
    )
    heads = [h for _, h in after.pumps["10"].curve]
    assert heads == pytest.approx([1.2 * h for _, h in before.pumps["10"].curve])
    assert after.pumps["335"] == before.pumps["335"]
    assert (after.tanks, after.junctions, after.valves) == (
        before.tanks,
        before.junctions,
        before.valves,
    )
    assert read_inp(scaled(NET3, Factors())) == before
