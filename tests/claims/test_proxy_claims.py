"""C44 of docs/explanation/threat-model.md: behind the guard proxy no write reaches the plant without a permit that was spent.

The whole matrix of cuts is `twinvouch bench proxy`, a part of it is here; `kill -9` is in tests/scenario/test_proxy_kill.py.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import NAMES, PLANT, Toy, permits, reply, signer
from tests.unit.app.permits import Clock
from twinvouch.adapters.actuator_journal import ActuatorJournal
from twinvouch.adapters.modbus_tcp import ModbusDevice
from twinvouch.app import proxy
from twinvouch.app.actuator import Actuator
from twinvouch.app.actuator_config import from_document
from twinvouch.app.bench.proxy_matrix import Speaker, Tally, codes, cuts, interleaved, requests
from twinvouch.app.bench.proxy_plant import Plant
from twinvouch.app.bench.proxy_site import running
from twinvouch.app.yaml_file import parse
from twinvouch.core.event import CommandProposed, OutcomeReported
from twinvouch.core.inventory import Table
from twinvouch.core.kind import Purpose
from twinvouch.core.statement import Verb
from twinvouch.wire.cose import seal
from twinvouch.wire.modbus_guard import WRITES
from twinvouch.wire.modbus_stream import write_frame
from twinvouch.wire.permit import write_permit

YAML = """
version: 1
plant: {plant}
principal: actuator-1
key: actuator.key
permit_key: {permit}
core: http://127.0.0.1:1
token_file: token
data: data
devices: {{plc: {{host: 127.0.0.1, port: {port}}}}}
points:
  - {{tag: valve/opening, device: plc, table: holding, address: 10, encoding: f32, min: 0, max: 1}}
  - {{tag: pump/run, device: plc, table: coil, address: 0, encoding: bit, min: 0, max: 1}}
proxy:
  principal: twin
  key: hmi.key
  listen: [{{device: plc, port: 1}}]
  tags: {{valve/opening: {{measured_in: "1"}}, pump/run: {{measured_in: "1"}}}}
"""
VALVE_0_6 = "10 000a 0002 04 3f19 999a"
PUMP_ON = "05 0000 ff00"


class Hall:
    """The toy plant's engine, its actuator with a guard proxy, and a controller behind it."""

    def __init__(self, toy: Toy, plant: Plant, directory: Path) -> None:
        self.toy, self.plant = toy, plant
        for name, whose in (("actuator", "actuator-1"), ("hmi", "twin")):
            key = directory / f"{name}.key"
            key.touch(mode=0o600)
            key.write_text(base64.b64encode(NAMES.index(whose).to_bytes(32, "big")).decode() + "\n")
        permit = base64.b64encode(signer("permit").public_key).decode()
        config = from_document(
            parse(YAML.format(plant=PLANT, permit=permit, port=plant.port), "actuator.yaml")
        )
        self.journal = ActuatorJournal(directory / "data", PLANT, toy.now, 10**10)
        self.device = ModbusDevice("127.0.0.1", plant.port)
        own = signer("actuator-1")
        clock: Any = Clock(toy.now)
        self.clock = clock
        self.actuator = Actuator(
            config.limits, {"plc": self.device}, self.journal, own, clock, lambda: None
        )
        guard = proxy.build(config, directory, proxy.Around(self.actuator, self, lambda: True))
        assert guard is not None
        self.proxy = guard
        self.client = Speaker(self)  # type: ignore[arg-type]
        self.tasks: list[asyncio.Task[None]] = []

    async def send(self, path: str, body: bytes) -> tuple[int, Any]:
        """The engine's word on a command; its permits go to the actuator."""
        self.clock.now = self.toy.now
        event = CommandProposed(self.toy.salt(), "10.0.0.8", body, "")
        effects = list(self.toy.core.feed(event, self.toy.now))
        self.deliver(effects)
        said = reply(effects)
        return said.code, said.body

    def deliver(self, effects: list[Any]) -> None:
        for permit in permits(effects):
            raw = seal(
                write_permit(permit), signer=signer("permit"), plant=PLANT, purpose=Purpose.PERMIT
            )
            self.tasks.append(asyncio.get_running_loop().create_task(self.actuator.take(raw)))

    async def told(self, pdu: str) -> str:
        raw = bytes.fromhex(pdu)
        self.client.say(write_frame(7, 1, raw))
        pipe = self.client.pipe
        while not pipe.sent:
            pipe.came.clear()
            await asyncio.wait_for(pipe.came.wait(), 10)
        await self.settle()
        answer = bytes(pipe.sent)[7:].hex()
        pipe.sent.clear()
        return answer

    async def settle(self) -> None:
        """Permits carried out, and their outcomes with the core."""
        await asyncio.gather(*self.tasks)
        for nonce, raw in self.journal.outbox:
            event = OutcomeReported(self.toy.salt(), "10.0.0.6", raw)
            reply(self.toy.core.feed(event, self.toy.now))
            self.journal.delivered(nonce)


def play(toy: Toy, directory: Path, story: Callable[[Hall], Awaitable[None]]) -> None:
    async def act() -> None:
        plant = Plant()
        await plant.open()
        hall = Hall(toy, plant, directory)
        try:
            await story(hall)
        finally:
            hall.proxy.close()
            await hall.device.close()
            hall.journal.close()
            await plant.close()

    asyncio.run(asyncio.wait_for(act(), 60))


def test_c44_a_write_that_gate_4_allows_is_written_with_its_permit(
    toy: Toy, tmp_path: Path
) -> None:
    async def story(hall: Hall) -> None:
        toy.read()
        assert await hall.told(VALVE_0_6) == "10000a0002"
        (record,) = toy.memory.records.values()
        assert (record.status.value, record.command.principal) == ("executed", "twin")
        assert hall.plant.seen == [(1, "holding", 10, (0x3F19, 0x999A))]

    play(toy, tmp_path, story)


def test_c44_an_interlock_holds_for_whoever_writes(toy: Toy, tmp_path: Path) -> None:
    async def story(hall: Hall) -> None:
        toy.read(values={"tank/level": 9.5})
        assert await hall.told(VALVE_0_6) == "9003"
        assert hall.plant.seen == []
        (record,) = toy.memory.records.values()
        assert record.status.value == "denied"

    play(toy, tmp_path, story)


def test_c44_a_lie_about_the_tank_holds_the_write_of_a_panel_too(toy: Toy, tmp_path: Path) -> None:
    """The panel declares nothing: what it writes is judged by what the actuator always depends on."""

    async def story(hall: Hall) -> None:
        toy.read()
        toy.say("ann", Verb.DISTRUST, "tank/level")
        assert await hall.told(VALVE_0_6) == "9005"
        assert hall.plant.seen == []

    play(toy, tmp_path, story)


def test_c44_class_a_waits_for_persons_and_the_panel_is_told_so(toy: Toy, tmp_path: Path) -> None:
    async def story(hall: Hall) -> None:
        toy.read()
        assert await hall.told(PUMP_ON) == "8505"
        assert hall.plant.seen == []
        assert await hall.told("01 0000 0001") == "010100"

    play(toy, tmp_path, story)


def test_c44_a_permit_of_another_command_does_not_carry_a_write(toy: Toy, tmp_path: Path) -> None:
    async def story(hall: Hall) -> None:
        toy.read()
        _, effects = toy.propose("valve/opening", 0.55)
        hall.deliver(effects)
        assert await hall.told(VALVE_0_6) == "9003", "too far from what was permitted a moment ago"
        assert [seen[3] for seen in hall.plant.seen] == [(0x3F0C, 0xCCCD)], "0.55, and not 0.6"

    play(toy, tmp_path, story)


@pytest.mark.parametrize("says", ["permit", "deny"])
def test_c44_no_cut_and_no_neighbour_lets_a_write_past(tmp_path: Path, says: str) -> None:
    async def act() -> Tally:
        tally = Tally()
        async with running(tmp_path) as site:
            site.core.says = says
            said = requests()
            for code in sorted(WRITES):
                for other in (3, 5, 8, 23, 65):
                    await cuts(site, tally, said[code], said[other], 5)
                    await cuts(site, tally, said[other], said[code], 5)
                    await interleaved(site, tally, said[code], said[other], 5)
            await codes(site, tally)
        return tally

    tally = asyncio.run(asyncio.wait_for(act(), 60))
    assert tally.cases > 2500
    assert (tally.bypasses, tally.unanswered, tally.shown) == (0, 0, [])
    assert bool(tally.permitted_writes) is (says == "permit")


def test_c44_the_oracle_would_see_a_write_that_went_past(tmp_path: Path) -> None:
    async def act() -> None:
        async with running(tmp_path) as site:
            other = ModbusDevice("127.0.0.1", site.plant.port)
            await other.write(1, "holding", 20, (7,))
            await other.close()
            assert site.oracle() == [(1, "holding", 20, (7,))]
            assert site.plant.values[1, Table.HOLDING, 20] == 7

    asyncio.run(asyncio.wait_for(act(), 60))
