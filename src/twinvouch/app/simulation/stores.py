"""The two SQLite stores as models: exactly the guarantees that SQLite gives them, so that power can fail.

State (WAL, `synchronous=NORMAL`): a commit is whole and never torn; a power failure may take the last commits
back. Spool (`FULL`): what was appended is durable; an acknowledgement is durable with the next append.
"""

import random
from collections.abc import Mapping, Sequence

from twinvouch.adapters.spool import Spooled
from twinvouch.app.simulation.disk import SimulatedDisk
from twinvouch.app.simulation.life import Life
from twinvouch.core.batch import Identity
from twinvouch.core.errors import CorruptError, UnavailableError
from twinvouch.core.ports import Group
from twinvouch.lab.in_memory import MemoryState

KEPT = 24  # commits that a power failure may take back at most: then the write-ahead log was copied


class StateFile:
    """The database of the core: what was committed, the last commits apart."""

    def __init__(self) -> None:
        self.groups: list[Group] = []

    def lose_power(self, chance: random.Random) -> None:
        """Take some of the last commits back."""
        lost = chance.randint(0, min(KEPT, len(self.groups)))
        del self.groups[len(self.groups) - lost :]


class ModelState(MemoryState):
    """The state store of one life of the core."""

    def __init__(self, file: StateFile, disk: SimulatedDisk, life: Life) -> None:
        super().__init__()
        self._file, self._disk, self._life = file, disk, life
        for group in file.groups:
            super().commit(group)

    def commit(self, group: Group) -> None:
        """As SqliteState.commit."""
        self._life.at("state.commit before")
        _work(self._disk, "state")
        if group.log_end < self.load()[1]:
            raise CorruptError(f"the state has seen more of the log than {group.log_end}")
        self._file.groups.append(group)
        super().commit(group)
        self._life.at("state.commit after")


class SpoolFile:
    """The database of an edge. `freed` were acknowledged, not yet durably."""

    def __init__(self, first_epoch: int) -> None:
        self.epoch = first_epoch
        self.prev = bytes(32)
        self.batches: dict[tuple[int, int], bytes] = {}
        self.freed: dict[tuple[int, int], bytes] = {}

    def lose_power(self, chance: random.Random) -> None:
        """Take some of the last acknowledgements back."""
        keys = list(self.freed)
        for key in keys[chance.randint(0, len(keys)) :]:
            self.batches[key] = self.freed[key]
        self.freed.clear()


class ModelSpool:
    """The spool of one life of an edge: the same interface and order as adapters.spool.Spool."""

    def __init__(
        self, file: SpoolFile, edge: str, disk: SimulatedDisk, life: Life, most: int
    ) -> None:
        self._file, self._edge, self._disk, self._life = file, edge, disk, life
        self._most = most
        self._life.at("spool.begin before")
        _work(disk, "spool")
        file.epoch += 1
        file.freed.clear()
        self._seq = 0
        self._life.at("spool.begin after")

    @property
    def next(self) -> tuple[Identity, bytes]:
        """As Spool.next."""
        return Identity(self._edge, self._file.epoch, self._seq), self._file.prev

    @property
    def waiting(self) -> tuple[int, int]:
        """As Spool.waiting."""
        return len(self._file.batches), sum(map(len, self._file.batches.values()))

    def append(self, raw: bytes, digest: bytes) -> None:
        """As Spool.append."""
        self._life.at("spool.append before")
        if self.waiting[1] + len(raw) > self._most:
            raise UnavailableError("the spool is full")
        _work(self._disk, "spool")
        self._file.batches[self._file.epoch, self._seq] = raw
        self._file.prev = digest
        self._file.freed.clear()
        self._seq += 1
        self._life.at("spool.append after")

    def oldest(self) -> Spooled | None:
        """As Spool.oldest."""
        self._life.at("spool.read")
        if not self._file.batches:
            return None
        epoch, seq = min(self._file.batches)
        return Spooled(Identity(self._edge, epoch, seq), self._file.batches[epoch, seq])

    def acknowledge(self, identity: Identity) -> None:
        """As Spool.acknowledge."""
        self._life.at("spool.acknowledge before")
        _work(self._disk, "spool")
        key = identity.epoch, identity.seq
        if key in self._file.batches:
            self._file.freed[key] = self._file.batches.pop(key)
        self._life.at("spool.acknowledge after")

    def close(self) -> None:
        """Nothing to release."""


def leaves_of(file: StateFile) -> Sequence[bytes]:
    """All committed ledger entries."""
    return [entry for group in file.groups for _, entry in group.leaves]


def rows_of(file: StateFile) -> Mapping[str, bytes]:
    """All committed rows."""
    rows: dict[str, bytes] = {}
    for group in file.groups:
        for key, value in group.rows.items():
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
    return rows


def _work(disk: SimulatedDisk, what: str) -> None:
    try:
        disk.call(what, grows=True)
    except OSError as error:
        raise UnavailableError(f"the {what} store cannot be used: {error}") from None
