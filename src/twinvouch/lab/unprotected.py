"""`demo --unprotected`: the second act's lie with the plant driven directly. No edge, no core, no gate, no actuator process.

The same plant, the same man in the middle and the same controller, which reads the plant's port and has its write credentials.
"""

import asyncio
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from twinvouch.adapters.modbus_tcp import ModbusDevice
from twinvouch.core.errors import UnavailableError
from twinvouch.lab import certificates, truth
from twinvouch.lab.children import Children
from twinvouch.lab.controller import TOWER, decide
from twinvouch.lab.liar import Liar
from twinvouch.lab.modbus_proxy import ModbusProxy
from twinvouch.lab.play import Say
from twinvouch.lab.processes import HOST, device, free_port, start_plant
from twinvouch.lab.spoof import LASTS_MIN, LIED_M, PATIENCE_MIN, Watch, begin, is_full
from twinvouch.lab.spoofed import Unprotected
from twinvouch.lab.tower import BOOSTER, BY_TAG, LEVEL, LIMITS_M, RIM_M
from twinvouch.wire.words import from_words, to_words, word_count

_PERIOD_S: Final = 0.5
_LOOK_S: Final = 0.1


def run(say: Say) -> Unprotected:
    """Play it; `say` gets each line as it comes. Ctrl-C ends every process."""
    return asyncio.run(_run(Path(tempfile.mkdtemp(prefix="twinvouch-unprotected-")), say))


class Bare:
    """Fits spoof's Plant: the plant, and who lies between it and whoever reads it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.liar = Liar(time.monotonic)
        self._children = Children(directory / "logs")
        self._ports = {"plain": free_port(), "tls": free_port()}
        self._between = ModbusProxy(self.liar, HOST, self._ports["plain"])

    async def start(self) -> tuple[ModbusDevice, ModbusDevice]:
        """Start it; what its controller reads from, and what it writes to."""
        certificates.make(self.directory / "certificates")
        await self._between.open()
        await start_plant(self._children, self.directory, self._ports)
        while self.journal().last() is None:
            await self.sleep(_LOOK_S)
        writes_to = device(self.directory, self._ports, "actuator")
        return ModbusDevice(HOST, self._between.port), writes_to

    async def close(self) -> None:
        """End the plant."""
        await self._children.end_all()
        await self._between.close()

    async def sleep(self, seconds: float) -> None:
        """As Plant.sleep; also the place where a plant that died is noticed."""
        self._children.check()
        await asyncio.sleep(seconds)

    def true_value(self, tag: str) -> float:
        """As Plant.true_value."""
        return self.journal().value(tag)

    def journal(self) -> truth.Journal:
        """As Plant.journal."""
        return truth.read((self.directory / "plant.jsonl").read_text("utf-8"))


async def _run(directory: Path, say: Say) -> Unprotected:
    began, plant = time.monotonic(), Bare(directory)
    try:
        say("starting plant and controller; nothing is between them ...")
        reader, writer = await plant.start()
        controlling = asyncio.create_task(_control(reader, writer))
        try:
            return await _lie(plant, say, began)
        finally:
            controlling.cancel()
            with suppress(asyncio.CancelledError):
                await controlling
            await reader.close()
            await writer.close()
    except UnavailableError as error:
        raise UnavailableError(f"{error}; logs are in {directory}") from None
    finally:
        await plant.close()


async def _lie(plant: Bare, say: Say, began: float) -> Unprotected:
    waited = Watch(plant)
    while not is_full(plant):
        if waited.minute() > PATIENCE_MIN:
            raise UnavailableError(f"the tower was not filled in {PATIENCE_MIN:.0f} plant minutes")
        await plant.sleep(_LOOK_S)
    watch, started_min = Watch(plant), None
    begin(plant.liar, plant, say)
    while watch.minute() < LASTS_MIN:
        if started_min is None and plant.true_value(BOOSTER):
            started_min = watch.minute()
            say(f"  minute {started_min:3.0f}  its controller starts the pump")
        await plant.sleep(_LOOK_S)
    plant.liar.stop()
    told = Unprotected(
        tag=LEVEL,
        lied_m=LIED_M,
        lied_min=watch.minute(),
        started_min=started_min,
        left_min=watch.first(LIMITS_M[1]),
        overflow_min=watch.first(RIM_M),
        highest_m=max(watch.levels()),
        spilled_m3=watch.spilled_m3(),
        seconds=round(time.monotonic() - began, 1),
        directory=str(plant.directory),
    )
    if told.left_min is not None:
        say(f"  minute {told.left_min:3.0f}  the tower is above its limit, {LIMITS_M[1]} m")
    if told.overflow_min is not None:
        say(f"  minute {told.overflow_min:3.0f}  the tower overflows: its rim is at {RIM_M} m")
    return told


async def _control(reader: ModbusDevice, writer: ModbusDevice) -> None:
    """Read, decide, write, until cancelled."""
    while True:
        level, runs = [await _value(reader, tag) for tag in (LEVEL, BOOSTER)]
        wanted = decide(level, runs=runs > 0, loop=TOWER)
        if wanted != (runs > 0):
            point = BY_TAG[BOOSTER].point
            await writer.write(
                point.unit, point.table, point.address, to_words(float(wanted), point)
            )
        await asyncio.sleep(_PERIOD_S)


async def _value(device: ModbusDevice, tag: str) -> float:
    point = BY_TAG[tag].point
    count = word_count(point.encoding)
    words = await device.read(point.unit, point.table, point.address, count)
    return from_words(list(words), point)
