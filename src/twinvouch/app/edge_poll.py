"""Polling: one loop per scan group, over one reader per device (edge_device.py) that all loops share.

A scan waits for each device at most about one period. A device that needs longer makes its own points
MISSING in that row; it is left alone until its answer or its time-out has come, then asked again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from twinvouch.app.clock import Clock
from twinvouch.app.edge_device import Answers, DeviceReader
from twinvouch.app.edge_gather import Gatherer
from twinvouch.app.edge_scan import Row, ScanPlan, decode
from twinvouch.app.edge_seal import AsyncSpool
from twinvouch.core.batch import Quality
from twinvouch.core.inventory import ScanGroup

_SHORTEST_WAIT_S: Final = 0.25  # a scan waits so long for a device, however short its period is
_LONGEST_WAIT_S: Final = 10.0


@dataclass(slots=True)
class Polled:
    """Counts of one or more poll loops."""

    rows: int = 0
    missing: int = 0  # cells without a value
    skipped: int = 0  # periods that passed while an earlier scan still waited


class Poll:
    """The loop of one scan group."""

    def __init__(
        self,
        group: ScanGroup,
        scan: ScanPlan,
        readers: Mapping[str, DeviceReader],
        gatherer: Gatherer,
        spool: AsyncSpool,
    ) -> None:
        self._group = group
        self._scan = scan
        self._readers = readers
        self._gatherer = gatherer
        self._spool = spool
        self._asked: dict[str, asyncio.Task[Answers]] = {}
        self.counts = Polled()

    async def run(self, clock: Clock) -> None:
        """Scan once a period until cancelled; rows that wait then are left for `finish`."""
        due = clock.monotonic_ns()
        while True:
            row = await self._read(clock.wall_ns())
            scanned, due = due, self._next_due(due, clock.monotonic_ns())
            self.counts.rows += 1
            self.counts.missing += int((row.quality == Quality.MISSING).sum())
            if self._gatherer.add(row, scanned, due):
                await self._spool.keep(self._group, self._gatherer.take())
            await clock.sleep((due - clock.monotonic_ns()) / 1e9)

    async def finish(self) -> None:
        """Keep the rows that were gathered, and ask no device any more."""
        for task in self._asked.values():
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)
        if len(self._gatherer):
            await self._spool.keep(self._group, self._gatherer.take())

    def _next_due(self, due: int, now: int) -> int:
        """The first moment of the period's grid after `now`."""
        steps = max(1, -((due - now) // self._group.period_ns))
        self.counts.skipped += steps - 1
        return due + steps * self._group.period_ns

    async def _read(self, t_ns: int) -> Row:
        asked: list[asyncio.Task[Answers]] = []
        for device, blocks in self._scan.blocks.items():
            earlier = self._asked.get(device)
            if earlier is not None and not earlier.done():
                continue
            self._asked[device] = asyncio.create_task(self._readers[device].read(blocks))
            asked.append(self._asked[device])
        answers: Answers = {}
        if asked:
            period_s = self._group.period_ns / 1e9
            wait_s = min(max(period_s, _SHORTEST_WAIT_S), _LONGEST_WAIT_S)
            done, _ = await asyncio.wait(asked, timeout=wait_s)
            for task in done:
                answers |= task.result()
        return decode(self._scan, answers, t_ns)
