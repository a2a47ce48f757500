"""A core's permit key, an actuator's limits, and permits that fit or do not."""

import asyncio
from dataclasses import replace
from typing import Any

from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.modbus_tcp import ModbusExceptionError
from twinvouch.app.actuator_check import OwnLimits, OwnPoint
from twinvouch.core.command import Permit
from twinvouch.core.errors import UnavailableError
from twinvouch.core.inventory import Encoding, Point, Table
from twinvouch.core.kind import Purpose
from twinvouch.core.word_order import WordOrder
from twinvouch.wire.cose import seal
from twinvouch.wire.permit import write_permit

SECOND = 1_000_000_000
NOW = 1_800_000_000 * SECOND
CORE = SeededSigner(b"\x01" * 32)
OTHER = SeededSigner(b"\x02" * 32)
OWN = SeededSigner(b"\x03" * 32)
PLANT = "net3"
SPEED = OwnPoint("pump-1/speed", Point("plc-1", 1, Table.HOLDING, 10, Encoding.F32), 0.0, 1.5)
VALVE = OwnPoint("valve-1/open", Point("plc-1", 1, Table.COIL, 3, Encoding.BIT), 0.0, 1.0)
FLOW = OwnPoint(
    "pump-2/flow", Point("plc-2", 2, Table.HOLDING, 20, Encoding.I16, 0.1, 5.0), -10.0, 10.0
)
GATE = OwnPoint("gate-1/open", Point("plc-1", 1, Table.HOLDING, 30, Encoding.BIT, bit=4), 0.0, 1.0)
LEVEL = OwnPoint(
    "tank-1/wanted",
    Point("plc-1", 1, Table.HOLDING, 40, Encoding.F64, order=WordOrder.WORDS_SWAPPED),
    0.0,
    10.0,
)
LIMITS = OwnLimits(
    PLANT, CORE.public_key, 10 * SECOND, {own.tag: own for own in (SPEED, VALVE, FLOW, GATE, LEVEL)}
)
PERMIT = Permit(
    plant=PLANT,
    command="00" * 16,
    tag="pump-1/speed",
    device="plc-1",
    unit=1,
    table=Table.HOLDING,
    address=10,
    words=(0x3F80, 0),  # 1.0
    encoding=Encoding.F32,
    config_digest=b"\x01" * 32,
    policy_digest=b"\x02" * 32,
    approvals_digest=b"\x03" * 32,
    decision=7,
    mode_epoch=0,
    nonce=b"n" * 16,
    expires_ns=NOW + 5 * SECOND,
)


def permit(number: int = 0, **changes: Any) -> Permit:
    """The good permit with another nonce and these changes."""
    return replace(PERMIT, **{"nonce": number.to_bytes(16, "big"), **changes})


def sealed(permit: Permit, *, signer=CORE, plant: str = PLANT, purpose=Purpose.PERMIT) -> bytes:
    return seal(write_permit(permit), signer=signer, plant=plant, purpose=purpose)


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now
        self.set_back = 0  # by so much the wall clock was set back

    def wall_ns(self) -> int:
        return self.now - self.set_back

    def monotonic_ns(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


class Registers:
    """A device of registers and coils that records every write; `on_read` and `on_write` may interfere."""

    def __init__(self) -> None:
        self.values: dict[tuple[int, str, int], int] = {}
        self.writes: list[tuple[int, str, int, tuple[int, ...]]] = []
        self.masks: list[tuple[int, int, int, int]] = []
        self.can_mask = True
        self.reads = 0
        self.silent = False
        self.on_read = lambda: None
        self.on_write = lambda: None

    async def read(self, unit: int, table: str, address: int, count: int) -> tuple[int, ...]:
        await asyncio.sleep(0)
        self.reads += 1
        self.on_read()
        if self.silent:
            raise UnavailableError("device plc-1 did not answer within 2 s")
        return tuple(self.values.get((unit, str(table), address + k), 0) for k in range(count))

    async def write(self, unit: int, table: str, address: int, words) -> None:
        self.writes.append((unit, str(table), address, tuple(words)))
        self.on_write()
        for k, word in enumerate(words):
            self.values[unit, str(table), address + k] = word

    async def mask(self, unit: int, address: int, keep: int, put: int) -> None:
        if not self.can_mask:
            raise ModbusExceptionError("device plc-1 refused: exception 1 (illegal function)", 1)
        self.masks.append((unit, address, keep, put))
        old = self.values.get((unit, "holding", address), 0)
        self.values[unit, "holding", address] = old & keep | put & ~keep & 0xFFFF

    async def close(self) -> None:
        self.silent = True
