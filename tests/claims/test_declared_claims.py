"""C31 of docs/explanation/threat-model.md: a lie about one of several tags that the plant declares to belong together."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.claims.site import Toy, make_site
from twinvouch.core.declared import (
    Balance,
    Declarations,
    Expectation,
    Redundancy,
    Take,
    Term,
    by_group,
)
from twinvouch.core.site import SECOND

LEVEL, ROOF, PUMP, FLOW = "tank/level", "roof/temperature", "pump/run", "tank/flow"
BALANCE = (Term(ROOF, 1.0, Take.CHANGE), Term(LEVEL, 1.0, Take.CHANGE))


def toy_of(folder: Path, told: Declarations) -> Toy:
    site = make_site()
    groups = {name: group.ids for name, group in site.plant.groups.items()}
    return Toy(folder, replace(site, plant=replace(site.plant, declared=by_group(groups, told))))


def roof(toy: Toy, value: float) -> None:
    assert toy.read("edge-2", "slow", values={ROOF: value}).body["status"] == "admitted"


def asked(toy: Toy) -> str:
    """What becomes of a command that the level is an input of, a second later."""
    toy.now += SECOND
    return str(toy.propose("valve/opening", 0.6)[0].body["status"])


def restarted(toy: Toy) -> None:
    toy.core.close()
    toy.open()


def lie_between_two(toy: Toy) -> None:
    """The roof's temperature and the tank's level measure the same here, 285 apart."""
    roof(toy, 349.0)


def lie_in_balance(toy: Toy) -> None:
    """What the level loses the roof must gain; it does not."""
    for n in range(60):
        toy.now += SECOND
        toy.read(values={LEVEL: 5.0 - 0.05 * n})
        roof(toy, 290.0)


def lie_of_a_pump(toy: Toy) -> None:
    """It says it is off, and the level (which stands for what it causes) says it is on."""
    for _ in range(12):
        toy.now += SECOND
        toy.read(values={LEVEL: 7.0})


TOLD = {
    "redundancy": (
        Declarations(redundancy=(Redundancy("x", (LEVEL, ROOF), 300.0),)), lie_between_two,
    ),
    "balance": (
        Declarations(balances=(Balance("x", BALANCE, 0.3, 20 * SECOND),)), lie_in_balance,
    ),
    "actuator_state": (
        Declarations(expectations=(Expectation("x", PUMP, 0, 0, LEVEL, most=6.0, settle_ns=5 * SECOND),)),
        lie_of_a_pump,
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", TOLD)
def test_c31_no_command_is_permitted_from_tags_that_do_not_fit_together(
    tmp_path: Path, rule: str
) -> None:
    told: tuple[Declarations, Callable[[Toy], None]] = TOLD[rule]
    toy = toy_of(tmp_path, told[0])
    toy.read()
    roof(toy, 290.0)
    assert asked(toy) == "permitted"
    told[1](toy)
    assert rule in toy.rules()
    assert asked(toy) == "held"
    restarted(toy)
    assert asked(toy) == "held", "a restart forgets no doubt"


def test_c31_of_three_the_liar_alone_counts_for_less(tmp_path: Path) -> None:
    three = Redundancy("x", (FLOW, LEVEL, ROOF), 300.0)
    toy = toy_of(tmp_path, Declarations(redundancy=(three,)))
    toy.read()
    roof(toy, 345.0)
    assert toy.rules() == ["redundancy"]
    assert asked(toy) == "permitted", "flow and level agree"


def test_c31_when_they_fit_again_commands_are_permitted_again(tmp_path: Path) -> None:
    toy = toy_of(tmp_path, TOLD["redundancy"][0])
    toy.read()
    roof(toy, 349.0)
    assert asked(toy) == "held"
    roof(toy, 290.0)
    assert asked(toy) == "held", "the live level stays in doubt until it is told again"
    toy.read()
    assert asked(toy) == "permitted"


def test_c31_what_is_remembered_outlives_a_restart_and_is_forgotten_when_it_is_not_declared(
    tmp_path: Path,
) -> None:
    toy = toy_of(tmp_path, TOLD["actuator_state"][0])
    for _ in range(3):
        toy.now += SECOND
        toy.read(values={LEVEL: 7.0})
    before = toy.memory.memos["actuator_state/x"]
    restarted(toy)
    after = toy.memory.memos["actuator_state/x"]
    assert after.about == before.about
    assert [a.tolist() for a in after.arrays] == [a.tolist() for a in before.arrays]
    undeclared, toy.site = toy.site, make_site()
    restarted(toy)
    assert toy.memory.memos == {}
    toy.wait(1)
    toy.site = undeclared
    restarted(toy)
    assert toy.memory.memos == {}, "what is declared again begins anew"
