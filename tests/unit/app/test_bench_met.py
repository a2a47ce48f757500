"""What a drill says of the plant over an outage: each fault made by hand; and what a kill has met."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from twinvouch.app.bench import met
from twinvouch.lab.drill import judge, life, local, site
from twinvouch.lab.drill.stage import Stage

OK = met.Seen(local.Said(10, 5.0, 0), {0: (0, 0)})


@contextmanager
def aims(directory: Path) -> Iterator[tuple[met.Aims, met.Met]]:
    """Of a stage that has not started."""
    found = met.Met()
    spent = judge.SpentPermits(directory / judge.ACTUATOR_JOURNAL)
    aim = met.Aims(Stage(directory, site.NORMAL), random.Random(0), spent, found)
    yield aim, found
    asyncio.run(aim.close())


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (local.Said(10, 5.0, 0), "stood still"),
        (local.Said(12, 9.5, 0), "left its limits"),
        (local.Said(12, 5.0, 3), "left its limits"),
    ],
)
def test_a_plant_that_is_not_controlled_meanwhile_is_a_fault(
    tmp_path: Path, after: local.Said, said: str
) -> None:
    with aims(tmp_path) as (aim, found):
        aim.compare("core", OK, replace(OK, control=local.Said(11, 5.1, 0)))
        assert (found.outages, found.faults) == (1, [])
        aim.compare("core", OK, replace(OK, control=after))
        assert said in found.faults[0]


def test_a_set_point_that_nobody_put_there_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Panel:
        holding: tuple[int, ...] = (0,) * 8

        def __init__(self, *_: Any) -> None: ...

        async def read(self, _unit: int, table: str, _address: int, _count: int) -> Any:
            return local.FloatSwitch().words() if table == "input" else self.holding

        async def close(self) -> None: ...

    monkeypatch.setattr(met, "ModbusDevice", Panel)
    with aims(tmp_path) as (aim, found):
        asyncio.run(aim.see())
        assert found.faults == []
        Panel.holding = (1, 2, *(0,) * 6)
        asyncio.run(aim.see())
        assert "set-point at 0 is (1, 2)" in found.faults[0]


def test_a_kill_counts_once_for_each_stage_that_it_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {life.PROPOSED: 3, life.WRITTEN: 1}
    monkeypatch.setattr(life.Life, "stages", lambda _: there)
    with aims(tmp_path) as (aim, found):
        aim.killed("core", is_asked=True)
        aim.killed("core", is_asked=False)
        aim.killed("actuator", is_asked=True)
        aim.killed("worker", is_asked=False)
    assert found.stages["core"] == {life.PROPOSED: 2, life.WRITTEN: 2, met.ASKED: 1}
    assert found.stages["actuator"] == {life.WRITTEN: 1}, "what is not its own does not count"
    assert found.stages["worker"] == {met.NOTHING: 1}
