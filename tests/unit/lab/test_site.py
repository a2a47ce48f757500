"""The demo's configuration passes the product's own loader."""

from pathlib import Path

from twinvouch.adapters.cel import CelCondition
from twinvouch.adapters.keys import SeededSigner
from twinvouch.app import config, inventory
from twinvouch.core.inventory import CommandedBy
from twinvouch.lab import site
from twinvouch.lab.net3 import LEVEL, REGISTERS, RUN, SPEED


def test_the_loader_takes_it_and_the_inventory_is_the_register_table(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    who = site.Identities(
        {p: SeededSigner(p.ljust(32).encode()).public_key for p in site.PRINCIPALS},
        {"observer": "abc"},
        bytes(32),
    )
    path, _ = site.write(tmp_path, site.Places(1, 2, 3, 4), who)
    plant = inventory.plant(config.load(path, CelCondition))
    assert set(plant.tags) == {r.tag for r in REGISTERS}
    for register in REGISTERS:
        tag = plant.tags[register.tag]
        assert tag.point == register.point
        assert (tag.low, tag.high, tag.rate) == (register.low, register.high, register.rate)
    run = plant.tags[RUN]
    assert run.commanded_by is CommandedBy.TWIN
    assert run.limits is not None
    assert LEVEL in run.limits.controlled
    assert set(run.limits.interlock_tags) == {LEVEL, "node-10/pressure"}
    assert plant.tags[SPEED].is_actuator
    assert plant.tags["pump-335/run"].commanded_by is CommandedBy.PLANT
    assert plant.actuator == site.ACTUATOR
    assert (tmp_path / "keys" / "observer.token").stat().st_mode & 0o077 == 0
