"""How long the history is kept, what a legal hold keeps beyond that, and deleting what is over.

A chunk is due when the day on which its readings came ended so many days ago: those of its scan group (`groups`), else of
the most critical tag of its group (`criticality_days`), else `history_days`. A hold outlives them all. What is deleted are
chunks and segments of the log; the ledger stays as it is, since its entries hold digests only.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from twinvouch.adapters import deeds
from twinvouch.adapters.chunk_files import ChunkFile
from twinvouch.adapters.chunk_index import ChunkIndex, Listed, open_index
from twinvouch.adapters.key_store import ErasedError
from twinvouch.adapters.sqlite_state import StateReader, open_reader
from twinvouch.app.admitted import reading_vault
from twinvouch.app.compaction import DIRECTORY
from twinvouch.app.config_model import Config
from twinvouch.app.retention_spans import span_of
from twinvouch.core.errors import CorruptError, GoneError
from twinvouch.core.inventory import ScanGroup
from twinvouch.ledger.stored import history_entry
from twinvouch.wire.encrypted import DAY_NS


@dataclass(frozen=True, slots=True)
class Due:
    """What a purge finds: chunks that are over, and those that would be but for these holds."""

    over: tuple[Listed, ...]
    held: tuple[tuple[Listed, tuple[str, ...]], ...]


def days_of(config: Config, group: str) -> int:
    """How many days the readings of a scan group are kept."""
    asked = config.retention
    if group in asked.groups:
        return asked.groups[group]
    if asked.criticality_days is None:
        return asked.history_days
    levels = [tag.criticality for tag in config.tags.values() if tag.group == group]
    return asked.criticality_days[max(levels)] if levels else asked.history_days


def held_by(config: Config, tags: Iterable[str], first_ns: int, last_ns: int) -> tuple[str, ...]:
    """The holds on readings of some of these tags made in first_ns..last_ns."""
    tags = set(tags)
    found = []
    for name, hold in config.retention.holds.items():
        start, end = span_of(hold)
        if (not hold.tags or tags & set(hold.tags)) and first_ns <= end and last_ns >= start:
            found.append(name)
    return tuple(found)


def held_day(config: Config, edge: str, day: int) -> tuple[str, ...]:
    """The holds on what an edge sent on a day (of receipt): made about then, or as its chunks say."""
    tags = {name for name, tag in config.tags.items() if config.groups[tag.group].edge == edge}
    found = (
        set(held_by(config, tags, (day - 1) * DAY_NS, (day + 1) * DAY_NS - 1)) if tags else set()
    )
    index = open_index(config.data_dir / DIRECTORY)
    if index is None:
        return tuple(sorted(found))
    with closing(index):
        groups = index.groups()
        for each in index.all():
            if (each.edge, each.day) == (edge, day):
                ids = groups[each.columns].ids
                found.update(held_by(config, ids, each.first_ns, each.last_ns))
    return tuple(sorted(found))


def log_cutoff_ns(config: Config, now_ns: int) -> int:
    """Segments of the log that were written to since then are kept: by age, and from the earliest hold on."""
    by_age = now_ns - config.retention.segments_days * DAY_NS
    return min([by_age, *(span_of(hold)[0] for hold in config.retention.holds.values())])


def due(
    config: Config, chunks: Sequence[Listed], groups: Mapping[bytes, ScanGroup], now_ns: int
) -> Due:
    """Sort chunks out."""
    over, held = [], []
    for each in chunks:
        if (each.day + 1 + days_of(config, each.group)) * DAY_NS > now_ns:
            continue
        tags = groups[each.columns].ids
        names = held_by(config, tags, each.first_ns, each.last_ns)
        if names:
            held.append((each, names))
        else:
            over.append(each)
    return Due(tuple(over), tuple(held))


def listed(config: Config) -> list[Listed]:
    """Every chunk there is."""
    index = open_index(config.data_dir / DIRECTORY)
    if index is None:
        return []
    with closing(index):
        return index.all()


def look(config: Config, now_ns: int) -> Due:
    """What a purge would do now."""
    index = open_index(config.data_dir / DIRECTORY)
    if index is None:
        return Due((), ())
    with closing(index):
        return due(config, index.all(), index.groups(), now_ns)


def purge(config: Config, now_ns: int) -> Due:
    """Delete what is over: out of the index first, then the files; a crash leaves files that the next pass removes."""
    directory = config.data_dir / DIRECTORY
    if not directory.exists():
        return Due((), ())
    with closing(ChunkIndex(directory)) as index:
        found = due(config, index.all(), index.groups(), now_ns)
        for told in _told(found.over):
            deeds.note(config.data_dir, told, now_ns)
        index.forget(found.over)
        for each in found.over:
            (directory / each.file).unlink(missing_ok=True)
    return found


def _told(over: Sequence[Listed]) -> Iterator[deeds.Deed]:
    """What is to be entered of a purge, by scan group."""
    for group in sorted({c.group for c in over}):
        of = sorted((c for c in over if c.group == group), key=lambda c: c.file)
        digest = sha256(b"".join(c.digest for c in of)).digest()
        yield deeds.Deed("purged", group, max(c.day for c in of), len(of), digest)


def reached(data: Path) -> int | None:
    """Log records below this are in chunks, or in none that anybody wants; None where there is no history yet."""
    index = open_index(data / DIRECTORY)
    if index is None:
        return None
    with closing(index):
        return min((reach.record for reach in index.reaches().values()), default=None)


def verify(config: Config) -> Iterator[str]:
    """Read every chunk whole, and look each digest up in the ledger; one sentence for each that does not hold.

    What was shredded is passed over: nobody can read it. The ledger itself is verified by `twinvouch ledger verify`.
    """
    data = config.data_dir
    vault = reading_vault(config, data)
    with closing(open_reader(data / "state.db")) as state:
        entered = _entered(state)
    try:
        for each in listed(config):
            try:
                with ChunkFile(data / DIRECTORY / each.file, each.digest, vault) as file:
                    file.verify()
            except ErasedError:
                continue
            except (CorruptError, GoneError) as error:
                yield str(error)
                continue
            if each.digest not in entered:
                yield f"chunk `{each.file}`: no ledger entry names its digest (yet, where the core does not run)"
    finally:
        if vault is not None:
            vault.close()


def _entered(state: StateReader) -> set[bytes]:
    """Digests of chunks that the ledger says were written."""
    digests = (history_entry(raw) for _, raw in state.every_leaf())
    return {digest for what, digest in filter(None, digests) if what == "written"}
