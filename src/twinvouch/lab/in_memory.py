"""The plant as devices in memory, and stores without files: what the simulated demo runs on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from twinvouch.adapters.modbus_tcp import ModbusExceptionError
from twinvouch.core.inventory import Table
from twinvouch.core.ports import Group
from twinvouch.lab.net3 import UNIT
from twinvouch.lab.stage import EXECUTED
from twinvouch.lab.truth import Journal
from twinvouch.lab.waterworks import RefusedWriteError, Waterworks

_NOT_ALLOWED = 1  # Modbus exception: illegal function


class PlantInMemory:
    """The virtual plant with its role check and its journal, without network."""

    def __init__(self, wall_ns: Callable[[], int]) -> None:
        self.works = Waterworks()
        self.legacy_writes = False
        self._wall_ns = wall_ns
        self._lines: list[Mapping[str, Any]] = []

    def tick(self) -> None:
        """One step further."""
        self.works.tick()
        self._note({"truth": asdict(self.works.truth())})

    def journal(self) -> Journal:
        """Truth and write requests so far."""
        return Journal(self._lines)

    def write(self, peer: str, table: Table, address: int, words: Sequence[int]) -> int:
        """A write request of `peer`; the Modbus exception, or EXECUTED."""
        may = peer == "actuator" or (peer == "plain" and self.legacy_writes)
        code = EXECUTED if may else _NOT_ALLOWED
        if may:
            try:
                self.works.write(table, address, words)
            except RefusedWriteError as refused:
                code = refused.code
        said = {"peer": peer, "table": str(table), "address": address, "words": list(words)}
        self._note({"write": {**said, "exception": code}})
        return code

    def _note(self, line: Mapping[str, Any]) -> None:
        self._lines.append({"t_ns": self._wall_ns(), **line})


class DeviceInMemory:
    """The plant as `peer` sees it. Fits ports.Device."""

    def __init__(self, plant: PlantInMemory, peer: str) -> None:
        self._plant = plant
        self._peer = peer

    async def read(self, unit: int, table: str, address: int, count: int) -> Sequence[int]:
        """Read; raises ModbusExceptionError where there is nothing."""
        assert unit == UNIT
        try:
            return self._plant.works.read(Table(table), address, count)
        except RefusedWriteError as refused:
            raise ModbusExceptionError(f"{table} {address}: {refused}", refused.code) from None

    async def write(self, unit: int, table: str, address: int, words: Sequence[int]) -> None:
        """Write; raises ModbusExceptionError where the plant refuses."""
        assert unit == UNIT
        if code := self._plant.write(self._peer, Table(table), address, words):
            raise ModbusExceptionError(f"{table} {address}: modbus exception {code}", code)

    async def mask(self, unit: int, address: int, keep: int, put: int) -> None:
        """As a device does it: read, change, write, with nothing in between."""
        (old,) = self._plant.works.read(Table.HOLDING, address, 1)
        await self.write(unit, Table.HOLDING, address, [old & keep | put & ~keep])


class MemoryLog:
    """Fits ports.Log."""

    def __init__(self) -> None:
        self._records: list[bytes] = []

    def append(self, record: bytes) -> int:
        """Add a record."""
        self._records.append(record)
        return len(self._records) - 1

    def sync(self) -> None:
        """Memory is as durable as it gets."""

    def records(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Records from `start` on."""
        return iter(list(enumerate(self._records))[start:])

    def close(self) -> None:
        """Nothing to release."""


class MemoryState:
    """Fits ports.State."""

    def __init__(self) -> None:
        self._rows: dict[str, bytes] = {}
        self._blobs: dict[bytes, bytes] = {}
        self._leaves: list[bytes] = []
        self._log_end = 0

    def load(self) -> tuple[Mapping[str, bytes], int]:
        """All rows, and how far the log was seen."""
        return dict(self._rows), self._log_end

    def commit(self, group: Group) -> None:
        """All of it; leaves without a gap."""
        for index, leaf in group.leaves:
            assert index == len(self._leaves), (index, len(self._leaves))
            self._leaves.append(leaf)
        for name, row in group.rows.items():
            if row is None:
                self._rows.pop(name, None)
            else:
                self._rows[name] = row
        self._blobs.update(group.blobs)
        self._log_end = group.log_end

    def leaf_count(self) -> int:
        """How many leaves there are."""
        return len(self._leaves)

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        """Leaves start..end."""
        return self._leaves[start:end]

    def blob(self, digest: bytes) -> bytes | None:
        """Content by its digest."""
        return self._blobs.get(digest)

    def close(self) -> None:
        """Nothing to release."""
