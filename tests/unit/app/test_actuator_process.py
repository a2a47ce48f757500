"""The parts together: one that fails ends all, and a stop lets work in hand finish and be reported."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.unit.app.permits import LIMITS, NOW, OWN, PLANT, SECOND, Clock, Registers, permit, sealed
from twinvouch.adapters.actuator_journal import ActuatorJournal
from twinvouch.app import actuator_process
from twinvouch.app.actuator import Actuator
from twinvouch.app.actuator_link import PermitStream, Reporter
from twinvouch.app.actuator_process import Parts, run_actuator
from twinvouch.core.errors import UnavailableError
from twinvouch.wire.sse import ServerEvent


class World:
    """Parts with a device, a core that takes outcomes, and one permit that comes at once."""

    def __init__(self, directory: Path) -> None:
        self.journal = ActuatorJournal(directory / "actuator", PLANT, NOW, 10 * SECOND)
        self.plc = Registers()
        self.posted: list[bytes] = []
        self.is_silent = False
        self.stop = asyncio.Event()
        self.taken = asyncio.Event()
        more = asyncio.Event()
        devices = {"plc-1": self.plc, "plc-2": self.plc}
        actuator = Actuator(LIMITS, devices, self.journal, OWN, Clock(), more.set)
        permits = PermitStream(self.connect, actuator.take, asyncio.sleep, lambda: 0.0)
        reporter = Reporter(self.journal, self, asyncio.sleep, lambda: 0.0)
        self.parts = Parts(actuator, permits, reporter, more)

    async def connect(self) -> AsyncGenerator[ServerEvent]:
        yield ServerEvent("permit", base64.b64encode(sealed(permit(1))).decode())
        self.taken.set()
        await asyncio.sleep(60)

    async def send(self, path: str, body: bytes) -> tuple[int, dict[str, str]]:
        if self.is_silent:
            raise UnavailableError("no core")
        self.posted.append(body)
        return 200, {"status": "executed"}


def test_a_stop_lets_work_in_hand_finish_and_be_reported(tmp_path: Path) -> None:
    async def act() -> World:
        world = World(tmp_path)
        gate = asyncio.Event()
        real = world.plc.write

        async def slow(*args) -> None:
            world.stop.set()
            await gate.wait()
            await real(*args)

        world.plc.write = slow
        running = asyncio.create_task(run_actuator(world.parts, world.stop))
        await world.stop.wait()
        await asyncio.sleep(0.02)
        assert not running.done()
        gate.set()
        await running
        world.journal.close()
        return world

    world = asyncio.run(asyncio.wait_for(act(), 20))
    assert len(world.plc.writes) == 1
    assert len(world.posted) == 1


def test_what_takes_too_long_at_a_stop_is_resolved_at_the_next_start(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(actuator_process, "FINISH_S", 0.05)

    async def act() -> None:
        world = World(tmp_path)

        async def hang(*_: object) -> None:
            world.stop.set()
            await asyncio.sleep(60)

        world.plc.write = hang
        await run_actuator(world.parts, world.stop)
        assert world.posted == []
        world.journal.close()
        again = World(tmp_path)
        assert len(again.journal.unresolved) == 1
        again.stop.set()
        await run_actuator(again.parts, again.stop)
        assert len(again.posted) == 1
        assert again.plc.writes == []
        assert again.journal.unresolved == again.journal.outbox == ()
        again.journal.close()

    asyncio.run(asyncio.wait_for(act(), 20))


def test_without_a_memory_the_process_ends(tmp_path: Path, monkeypatch) -> None:
    async def act() -> World:
        world = World(tmp_path)

        def full(_: object) -> None:
            raise UnavailableError("no space left on device")

        monkeypatch.setattr(world.journal, "spend", full)
        with pytest.raises(UnavailableError, match="no space left"):
            await run_actuator(world.parts, world.stop)
        world.journal.close()
        return world

    world = asyncio.run(asyncio.wait_for(act(), 20))
    assert world.plc.writes == []


def test_a_core_that_is_silent_at_the_stop_gets_the_outcome_at_the_next_start(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(actuator_process, "REPORT_S", 0.05)

    async def act() -> None:
        world = World(tmp_path)
        world.is_silent = True
        running = asyncio.create_task(run_actuator(world.parts, world.stop))
        await world.taken.wait()
        world.stop.set()
        await running
        assert len(world.journal.outbox) == 1
        world.journal.close()
        again = World(tmp_path)
        again.stop.set()
        await run_actuator(again.parts, again.stop)
        assert len(again.posted) == 1
        again.journal.close()

    asyncio.run(asyncio.wait_for(act(), 20))
