"""C51 of docs/explanation/threat-model.md."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.claims.site import permits
from tests.unit.engine.ahead import VALVE, questions
from tests.unit.engine.virtual import FLOW, LEVEL, TANK, VirtualToy, site
from twinvouch.core.statement import Verb

LIES = st.lists(
    st.one_of(
        st.floats(0.0, 10.0),
        st.sampled_from([0.0, 10.0, 1e9, -1e9, float("nan"), float("inf")]),
    ),
    min_size=4,
    max_size=4,
)


def blind(directory: Path, says: Sequence[float], flow: float) -> VirtualToy:
    toy = VirtualToy(directory, site(looks_ahead=True))
    toy.live(90)
    toy.say("ann", Verb.DISTRUST, LEVEL, life_s=8 * 3600)
    for value in says:
        toy.live(5, flow=flow, says=value)
    toy.wait(1)
    return toy


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(one=LIES, other=LIES, flow=st.sampled_from([0.0, 1.0]))
def test_c51_what_a_distrusted_level_says_changes_nothing_that_stands_in_for_it(
    tmp_path_factory: pytest.TempPathFactory, one: list[float], other: list[float], flow: float
) -> None:
    toys = [blind(tmp_path_factory.mktemp("toy"), says, flow) for says in (one, other)]
    shown = [toy.shown() for toy in toys]
    assert shown[0] is not None
    assert {k: v for k, v in shown[0].items() if k != "entry"} == {
        k: v for k, v in shown[1].items() if k != "entry"
    }
    asked = [questions(toy.propose(VALVE, 0.6, inputs=())[1]) for toy in toys]
    assert asked[0] == asked[1]


@pytest.mark.parametrize("lie", [2.0, 9.8])
def test_c51_a_command_from_what_the_liar_says_is_not_permitted(tmp_path: Path, lie: float) -> None:
    toy = VirtualToy(tmp_path)
    toy.live(90)
    toy.say("ann", Verb.DISTRUST, LEVEL, life_s=3600)
    toy.live(10, says=lie)
    assert toy.shown()["state"] == "stands_in"
    assert permits(toy.propose(VALVE, 0.6, inputs=(LEVEL,))[1]) == []
    toy.ask("twin", "readTags", (LEVEL,), LEVEL)
    assert permits(toy.propose(VALVE, 0.6, inputs=())[1]) == []


@pytest.mark.parametrize(
    "but", [{"high": 5.02}, {"max_blind_ns": 70 * 10**9}, {"curves": {}}], ids=str
)
def test_c51_where_it_sees_too_little_nothing_stands_in(
    tmp_path: Path, but: dict[str, object]
) -> None:
    toy = VirtualToy(tmp_path, replace(site(), virtual={LEVEL: replace(TANK, **but)}))
    toy.live(90)
    toy.say("ann", Verb.DISTRUST, LEVEL, life_s=3600)
    toy.live(30)
    assert toy.shown()["state"] in {"blind", "none"}
    assert permits(toy.propose(VALVE, 0.6, inputs=())[1]) == []


def test_c51_a_meter_that_is_distrusted_or_missing_is_not_used(tmp_path: Path) -> None:
    told = []
    for name, flow in (("honest", 0.0), ("lying", 15.0)):
        (tmp_path / name).mkdir()
        curves = {**TANK.curves, frozenset({FLOW}): TANK.curves[frozenset()]}
        toy = VirtualToy(tmp_path / name, site(curves=curves))
        toy.live(90)
        toy.say("ann", Verb.DISTRUST, LEVEL, life_s=3600)
        toy.say("bob", Verb.DISTRUST, FLOW, life_s=3600)
        toy.live(20, flow=flow, says=5.0)
        told.append({k: v for k, v in toy.shown().items() if k != "entry"})
    assert told[0] == told[1]
    assert told[0]["lost"] == [FLOW]
