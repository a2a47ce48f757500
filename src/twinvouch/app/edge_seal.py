"""Rows become sealed batches in the spool: on one thread, so that they have one order and one chain."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from hashlib import sha256
from typing import Protocol, TypeAlias, TypeVar

from twinvouch.adapters.spool import Spooled
from twinvouch.app.edge_gather import Rows
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.errors import UnavailableError
from twinvouch.core.inventory import ScanGroup
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.ports import Signer
from twinvouch.core.report import Report
from twinvouch.wire.batch import Header, write_batch, write_changed, write_report
from twinvouch.wire.changes import Changes
from twinvouch.wire.cose import seal

_log = logging.getLogger("twinvouch.edge")
Result = TypeVar("Result")

# rows of a scan group, readings of a group by exception, or what is to be told of a source
Kept: TypeAlias = Rows | Changes | list[Report]


class SpoolStore(Protocol):
    """What keeps sealed batches; adapters/spool.py is the one for processes."""

    @property
    def next(self) -> tuple[Identity, bytes]:
        """Identity of the next batch, and the digest of the one before it."""
        ...

    @property
    def waiting(self) -> tuple[int, int]:
        """How many batches wait, and their bytes."""
        ...

    def append(self, raw: bytes, digest: bytes) -> None:
        """Keep a batch durably; UnavailableError where there is no room."""
        ...

    def oldest(self) -> Spooled | None:
        """The first batch that waits."""
        ...

    def acknowledge(self, identity: Identity) -> None:
        """Give the batch's space free."""
        ...


class Sealer:
    """Makes the next batch of one edge's chain: content, signature, place in the spool."""

    def __init__(self, plant: str, origin: Origin, signer: Signer, spool: SpoolStore) -> None:
        self._plant = plant
        self._origin = origin
        self._signer = signer
        self._spool = spool

    def keep(self, group: ScanGroup, kept: Kept) -> None:
        """Seal and spool what is kept durably; raises UnavailableError where there is no room for it."""
        identity, prev = self._spool.next
        header = Header(
            _kind(kept), self._plant, identity, prev, self._origin, group.name, group.digest
        )
        if isinstance(kept, Rows):
            content = write_batch(header, group, kept.t_ns, kept.values, kept.quality)
        elif isinstance(kept, Changes):
            content = write_changed(header, group, kept)
        else:
            content = write_report(header, group, kept)
        raw = seal(content, signer=self._signer, plant=self._plant, purpose=Purpose.READINGS)
        self._spool.append(raw, sha256(content).digest())


class AsyncSpool:
    """A Sealer and its Spool for coroutines; all work is done by `thread`, in the order of the calls."""

    def __init__(self, sealer: Sealer, spool: SpoolStore, thread: Executor) -> None:
        self._sealer = sealer
        self._spool = spool
        self._thread = thread
        self.more = asyncio.Event()
        self.batches = 0
        self.rows_refused = 0
        self._is_full = False
        self._keeping: set[asyncio.Task[None]] = set()

    async def keep(self, group: ScanGroup, rows: Kept) -> None:
        """Seal and spool `rows`, readings or reports; where there is no room they are counted, said and gone.

        Once asked for it is done, and counted, even where the asker is cancelled: see `settle`.
        """
        task = asyncio.create_task(self._keep(group, rows))
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)
        await asyncio.shield(task)

    async def settle(self) -> None:
        """Wait for what cancelled askers left behind."""
        await asyncio.gather(*self._keeping)

    async def _keep(self, group: ScanGroup, rows: Kept) -> None:
        try:
            await self._run(lambda: self._sealer.keep(group, rows))
        except UnavailableError as error:
            self.rows_refused += 0 if isinstance(rows, list) else len(rows.t_ns)
            if not self._is_full:
                _log.error("readings of `%s` are lost from now on: %s", group.name, error)
            self._is_full = True
            return
        if self._is_full:
            _log.warning("readings are kept again; %d rows were lost", self.rows_refused)
            self._is_full = False
        self.batches += 1
        self.more.set()

    async def oldest(self) -> Spooled | None:
        """The first batch that waits."""
        return await self._run(self._spool.oldest)

    async def acknowledge(self, identity: Identity) -> None:
        """Free the space of a batch."""
        await self._run(lambda: self._spool.acknowledge(identity))

    async def _run(self, work: Callable[[], Result]) -> Result:
        """The result of `work`; once asked for it is done, even where the asker is cancelled."""
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._thread, work))


def _kind(kept: Kept) -> Kind:
    if isinstance(kept, Rows):
        return Kind.BATCH
    return Kind.BATCH_CHANGES if isinstance(kept, Changes) else Kind.SOURCE_REPORT
