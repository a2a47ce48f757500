"""What the core has admitted, read from its event log beside it: batches with the label and findings they were given.

Nothing is judged again. The log has what was received, the ledger what was made of it: an entry of a batch commits to the
very record, comes at its time and in its order. A record without an entry was refused or came again; one whose key was
shredded is passed over. Labels and findings are the blobs that the entry names.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.adapters import log_reader
from twinvouch.adapters import vault as vaults
from twinvouch.adapters.chunk_index import Reach
from twinvouch.adapters.key_store import FILE as KEY_STORE
from twinvouch.adapters.key_store import ErasedError, KeyStore
from twinvouch.adapters.sealed_state import opened_blob
from twinvouch.adapters.segment_file import PLAIN
from twinvouch.adapters.sqlite_state import StateReader, open_reader
from twinvouch.adapters.vault import Vault
from twinvouch.app.config_model import Config
from twinvouch.core.batch import Batch
from twinvouch.core.errors import ConfigError, CorruptError, MalformedError
from twinvouch.core.event import BatchReceived
from twinvouch.core.finding import Finding
from twinvouch.core.inventory import ScanGroup
from twinvouch.ledger.entry import commitment, stored_commitment
from twinvouch.ledger.stored import BatchEntry, batch_entry, findings_of, label_of, time_of
from twinvouch.wire.batch import read_batch, read_header
from twinvouch.wire.cose import unseal
from twinvouch.wire.encrypted import is_encrypted, read_label
from twinvouch.wire.eventlog import read_event

_PAGE: Final = 2_048  # leaves
_HEADERS: Final = 4_096  # bytes at the start of a record that hold the whole header of a batch: three ids of 200 characters
_LABELS: Final = 64  # that are kept at hand
_LOOKED: Final = 4_096  # records without anything wanted, until the caller is told how far it is
Label = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A batch that was admitted: `record` is its number in the log, `axes` [4, R, K] and `age_ns` [R, K] its label."""

    record: int
    now_ns: int
    entry: int
    group: ScanGroup
    batch: Batch
    axes: NDArray[np.uint8]
    age_ns: NDArray[np.int64]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Passed:
    """Nothing wanted up to here: the reader is at log record `record`, at `now_ns`, and leaf `leaf`."""

    record: int
    leaf: int
    now_ns: int


@dataclass(slots=True)
class Source:
    """The stores of a core, for reading; `groups` are scan groups by the digest of their columns."""

    data: Path
    state: StateReader
    vault: Vault | None
    groups: dict[bytes, ScanGroup]
    strange: set[str] = field(default_factory=set)  # groups in the log whose columns nobody knows
    _labels: "OrderedDict[tuple[bytes, int], Label]" = field(default_factory=OrderedDict)

    @property
    def log(self) -> Path:
        """Where the segments of the event log lie."""
        return self.data / "log"

    @property
    def key_id(self) -> bytes:
        """Of the key store that segments are encrypted with."""
        return PLAIN if self.vault is None else self.vault.id

    def blob(self, digest: bytes) -> bytes | None:
        """Content by its digest."""
        return opened_blob(self.vault, self.state.blob(digest), digest)

    def label(self, digest: bytes | None, rows: int) -> Label:
        """The label of a batch of `rows` rows, which the core has kept."""
        assert digest is not None
        found = self._labels.get((digest, rows))
        if found is None:
            stored = self.blob(digest)
            if stored is None:
                raise CorruptError(f"state: label {digest.hex()} is missing: restore a copy")
            found = self._labels[digest, rows] = label_of(stored, rows)
            while len(self._labels) > _LABELS:
                self._labels.popitem(last=False)
        return found


@contextmanager
def opened_source(
    config: Config, groups: Mapping[bytes, ScanGroup], data: Path | None = None
) -> Iterator[Source]:
    """The stores of the core of this configuration, which may be running."""
    data = config.data_dir if data is None else data
    with closing(open_reader(data / "state.db")) as state:
        vault = reading_vault(config, data)
        try:
            yield Source(data, state, vault, dict(groups))
        finally:
            if vault is not None:
                vault.close()


def reading_vault(config: Config, data: Path) -> Vault | None:
    """What opens encrypted data beside its owner; None where nothing is encrypted."""
    path = data / KEY_STORE
    if not path.exists():
        return None
    if config.core_kek is None:
        raise ConfigError(f"{config.path}: `{data}` is encrypted: set `encryption.core_kek`")
    return Vault(KeyStore(path, config.core_kek, is_owner=False))


class _Leaves:
    """Entries of batches in their order, looked up by time and commitment."""

    def __init__(self, state: StateReader, start: int) -> None:
        self._state = state
        self._page: deque[bytes] = deque()
        self.next = start  # the leaf that is looked at next
        self._near: deque[BatchEntry] = deque()  # of the time that was asked for last

    def find(self, now_ns: int, committed: bytes) -> BatchEntry | None:
        """The entry made at `now_ns` that commits to this; times must not fall from call to call."""
        while self._fill() and (made_ns := time_of(self._page[0])) <= now_ns:
            raw = self._page.popleft()
            if made_ns == now_ns and (found := batch_entry(self.next, raw)) is not None:
                self._near.append(found)
            self.next += 1
        while self._near and self._near[0].now_ns < now_ns:
            self._near.popleft()
        for place, found in enumerate(self._near):
            if found.committed == committed:
                for _ in range(place + 1):
                    self._near.popleft()
                return found
        return None

    def _fill(self) -> bool:
        if not self._page:
            self._page.extend(self._state.leaves(self.next, self.next + _PAGE))
        return bool(self._page)


def read_group(source: Source, start: Reach, end: int, group: str) -> Iterator[Taken]:
    """Batches of one scan group from `start` up to log record `end`; records of others cost next to nothing."""
    leaves = _Leaves(source.state, start.leaf)
    edges = {g.edge for g in source.groups.values() if g.name == group}
    for number, record in log_reader.read_records(source.log, start.record, end, source.key_id):
        if not _may_be_of(record, group.encode(), edges):
            continue
        try:
            event, now_ns = read_event(vaults.opened(source.vault, record, vaults.LOG))
        except ErasedError:
            continue
        if isinstance(event, BatchReceived):
            at = (number, record, now_ns)
            taken = _taken(source, leaves, at, event, lambda name, _: name == group)
            if taken is not None:
                yield taken


def _may_be_of(record: bytes, group: bytes, edges: set[str]) -> bool:
    """False where a record is no batch of a group for sure: it stands in the header of the batch, or who sent it in the label."""
    if is_encrypted(record):
        return read_label(record).stream in edges
    return group in record[:_HEADERS]


def read_admitted(
    source: Source, start: Reach, end: int, wanted: Callable[[str, int], bool]
) -> Iterator[Taken | Passed]:
    """Batches from `start` up to log record `end`; `wanted` is asked for scan group and record number first."""
    leaves, looked = _Leaves(source.state, start.leaf), 0
    for number, record in log_reader.read_records(source.log, start.record, end, source.key_id):
        try:
            event, now_ns = read_event(vaults.opened(source.vault, record, vaults.LOG))
        except ErasedError:
            continue
        looked += 1
        if isinstance(event, BatchReceived):
            taken = _taken(source, leaves, (number, record, now_ns), event, wanted)
            if taken is not None:
                yield taken
                looked = 0
        if looked > _LOOKED or number == end - 1:
            yield Passed(number + 1, leaves.next, now_ns)
            looked = 0


def _taken(
    source: Source,
    leaves: _Leaves,
    at: tuple[int, bytes, int],
    event: BatchReceived,
    wanted: Callable[[str, int], bool],
) -> Taken | None:
    number, record, now_ns = at
    try:
        sealed = unseal(event.raw)
        header = read_header(sealed.content)
    except MalformedError:
        return None
    if not wanted(header.group, number):
        return None
    is_sealed = is_encrypted(record)
    committed = (
        stored_commitment(sha256(record).digest())
        if is_sealed
        else commitment(event.salt, sealed.digest)
    )
    entry = leaves.find(now_ns, committed)
    if entry is None or not entry.rows:  # refused, seen before, or a report of an edge
        return None
    group = source.groups.get(header.columns)
    if group is None:
        source.strange.add(header.group)
        return None
    cells = entry.rows * entry.columns
    batch = read_batch(sealed.content, sealed.digest, header, group, cells)
    axes, age_ns = source.label(entry.label, entry.rows)
    told = source.blob(entry.findings) if entry.findings is not None else None
    findings = () if told is None else findings_of(told, event.salt)
    return Taken(number, now_ns, entry.index, group, batch, axes, age_ns, findings)
