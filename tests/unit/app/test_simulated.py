"""The simulated demo: everything real but network, disks and time; repeated exactly by its seed."""

from pathlib import Path
from typing import Any

import pytest

from twinvouch.app.simulated import Simulation, run_simulated
from twinvouch.core.inventory import Table
from twinvouch.lab import play, truth, virtual_time
from twinvouch.lab.in_memory import PlantInMemory
from twinvouch.lab.net3 import BY_TAG, SPEED
from twinvouch.lab.report import Report
from twinvouch.lab.scenario import HOSTILE_SPEED
from twinvouch.lab.virtual_time import VirtualLoop
from twinvouch.wire.words import to_words


def played(seed: int) -> tuple[Report, list[str]]:
    said: list[str] = []
    return run_simulated(seed, said.append), said


def test_every_attack_comes_out_as_expected_and_the_same_seed_gives_the_same_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first, said = played(1)
    assert {row.name: row.observed for row in first.attacks if not row.ok} == {}
    assert first.ok
    assert first.commands_executed >= 2
    assert (first.unsafe_commands_executed, first.unpermitted_writes_seen) == (0, 1)
    assert first.lost_acknowledged_batches == 0 < first.acknowledged_batches
    assert "blocked" not in "\n".join(said).lower()
    again, _ = played(1)
    assert (again.ledger_head, again.attacks) == (first.ledger_head, first.attacks)
    other, _ = played(2)
    assert other.ledger_head != first.ledger_head


def test_a_clean_run_gives_no_finding(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> list[Any]:
        stage = Simulation(loop, tmp_path, 5)
        await stage.start()
        await play.commands(stage)
        await stage.sleep(50.0)  # eight plant hours
        listed = await stage.api.get("/findings", limit=1000, purpose="test")
        assert await play.executed(stage) > 5
        assert truth.unsafe_writes(stage.plant.journal()) == []
        await stage.finish()
        return [(f["rule"], f["subject"], f["sentence"]) for f in listed]

    assert virtual_time.run(main) == []


def test_what_the_hostile_command_asked_for_would_have_harmed_the_true_plant() -> None:
    """The attack is one: carried out past the gate, the judge calls it unsafe."""
    plant = PlantInMemory(lambda: 0)
    plant.write("actuator", Table.COIL, 0, [1])
    plant.tick()
    speed = BY_TAG[SPEED].point
    plant.write("actuator", speed.table, speed.address, to_words(HOSTILE_SPEED, speed))
    plant.tick()
    (harm,) = truth.unsafe_writes(plant.journal())
    assert "discharge at 6" in harm
    plant.works.close()
