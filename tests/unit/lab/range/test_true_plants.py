"""True plants: what is looked ahead is what comes, looking moves nothing, a seed is a plant, and none is the guard's model."""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from twinvouch.app.bench.range_outside import model_of
from twinvouch.lab.range.plan import sector, source_digests
from twinvouch.lab.range.plants import STEP_S, Spell, TruePlant

pytest.importorskip("wntr")
NAMES = ("net3", "building", "grid")
WRITES = {
    "net3": {"pump-335/run": 0.0},
    "building": {"z2/heater": 0.0},
    "grid": {"gen-b/power": 30.0},
}


@pytest.fixture(params=NAMES)
def plant(request: pytest.FixtureRequest) -> Iterator[tuple[str, TruePlant]]:
    made = sector(request.param).make(3)
    yield request.param, made
    made.close()


@pytest.mark.parametrize("spells", [(), (Spell(8, 14, 1.3),)], ids=["calm", "surge"])
def test_what_is_looked_ahead_is_what_comes(
    plant: tuple[str, TruePlant], spells: tuple[Spell, ...]
) -> None:
    """With a surge that begins and ends within what is looked at: the judge knows the weather that will come."""
    name, true = plant
    law = sector(name).laws[0]
    true.surge(spells)
    for _ in range(5):
        true.advance()
    foreseen = true.ahead(WRITES[name], 24, law, 24)
    for tag, value in WRITES[name].items():
        true.write(tag, value)
    worst = true.excess()
    for _ in range(24):
        true.advance()
        worst = max(worst, true.excess())
    assert foreseen == pytest.approx(worst, abs=0.02)


def test_a_surge_is_foreseen_as_long_as_it_lasts(plant: tuple[str, TruePlant]) -> None:
    """One that is over changes nothing, one for good most."""
    name, true = plant
    law = sector(name).laws[0]
    worst = []
    for end in (0, 6, 48):
        true.surge((Spell(0, end, 1.6),))
        worst.append(true.ahead(WRITES[name], 48, law, 48))
    true.surge(())
    assert true.ahead(WRITES[name], 48, law, 48) == worst[0]
    assert worst[0] < worst[1] <= worst[2]


def test_a_backup_law_acts_and_keeps_the_plant_inside(plant: tuple[str, TruePlant]) -> None:
    """Every judgement of a command rests on it: it is neither the command that goes on, nor nothing."""
    name, true = plant
    law, steps = sector(name).laws[0], 96
    for _ in range(5):
        true.advance()
    by_law = true.ahead(WRITES[name], 0, law, steps)
    assert by_law < 0
    assert by_law < true.ahead(WRITES[name], steps, law, steps) - 0.1
    assert by_law != true.ahead({}, steps, law, steps)  # as everything is set now


def test_looking_ahead_moves_nothing(plant: tuple[str, TruePlant]) -> None:
    name, true = plant
    before = dict(true.truth())
    first = true.ahead(WRITES[name], 6, sector(name).laws[0], 12)
    assert dict(true.truth()) == before
    assert true.ahead(WRITES[name], 6, sector(name).laws[0], 12) == first
    true.advance()
    assert dict(true.truth()) != before


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_is_a_plant_and_another_one_another(name: str) -> None:
    def after(seed: int) -> dict[str, float]:
        true = sector(name).make(seed)
        for _ in range(6):
            true.advance()
        found = dict(true.truth())
        true.close()
        return found

    assert after(4) == after(4)
    assert after(4) != after(5)


@pytest.mark.parametrize("name", NAMES)
def test_the_guards_model_is_no_true_plant(name: str) -> None:
    """From where the truth is the guard's model goes elsewhere, and their code is not the same code."""
    where = sector(name)
    true, model, look = where.make(3), model_of(where, 3).model, where.lookout
    for _ in range(3):
        true.advance()
    told = true.truth()
    model.restore({q: told[s.tag] for q, s in look.sources.items()} | {"clock_s": 3.0 * STEP_S})
    for _ in range(12):
        true.advance()
        row, _ = model.step({}, float(STEP_S), is_sampled=False)
    row, _ = model.step({}, 0.0, is_sampled=False)
    foreseen = dict(zip(model.columns, row, strict=True))
    true_now = true.truth()
    apart = [abs(foreseen[q] - true_now[s.tag]) for q, s in look.sources.items() if q in foreseen]
    assert max(apart) > 0.01
    true.close()


@pytest.mark.parametrize("name", NAMES)
def test_true_plants_import_nothing_of_the_guard(name: str) -> None:
    forbidden = ("twinvouch.twin", "twinvouch.adapters", "twinvouch.engine", "twinvouch.commands")
    for module in sector(name).sources:
        spec = find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        tree = ast.parse(Path(spec.origin).read_text("utf-8"))
        named = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        assert [n for n in named if n.startswith(forbidden)] == []


def test_the_source_of_true_plants_is_in_the_report_by_its_digest() -> None:
    found = source_digests(frozenset(NAMES))
    assert {len(d) for d in found.values()} == {64}
    assert {m.rpartition(".")[2] for m in found} >= {"net3_true", "building_true", "grid_true"}
