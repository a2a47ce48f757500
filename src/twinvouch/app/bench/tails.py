"""Damages at every offset of what a core keeps, store by store: truncated there, that byte inverted, one bit of it inverted.

What must come of it differs: a log tells a torn tail from damage; a chunk is read whole or not at all; what a ledger file
hides at the start the verifier finds. Nowhere may something that was acknowledged be gone, or be another, without a word.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from twinvouch import verifier
from twinvouch.adapters.chunk_files import ChunkFile
from twinvouch.adapters.chunk_index import open_index
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.segment_file import HEADER_SIZE, RECORD_HEAD
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import open_reader
from twinvouch.app import build
from twinvouch.app.bench import tails_state
from twinvouch.app.bench.tails_store import GROUP_OF, ORIGIN, Built, NoSync, built, step_of
from twinvouch.app.bench.tails_tally import LIMIT, Tally, tried
from twinvouch.app.compaction import DIRECTORY
from twinvouch.core.errors import CorruptError, TwinvouchError
from twinvouch.core.ports import Leaves

_DISK: Final = NoSync()
_FULL: Final = 300  # entries of a ledger with a full tile and bundle
SOME: Final = 1_000  # offsets of files that take long to look over
Say = Callable[[str], None]


def run(directory: Path, say: Say, every: int = 1) -> tuple[list[dict[str, Any]], bool]:
    """All stores, every so many offsets; the rows of the table, and whether nothing acknowledged is gone or changed without a word."""
    say("making a small store ...")
    store = built(directory, every)
    rows: list[Tally] = []
    for part in (_log, _log_ahead_of_the_state, _chunks, _ledger, _full_tiles, *tails_state.PARTS):
        say(f"damaging: {part.__name__.strip('_').replace('_', ' ')} ...")
        rows += part(store, directory)
    for row in rows:
        for said in row.first_unsaid:
            say(f"{row.store}, {row.damage}: {said}")
    return [asdict(row) for row in rows], not any(
        row.unsaid for row in rows if not row.expected.startswith(LIMIT)
    )


def _log(store: Built, _: Path) -> list[Tally]:
    expected = "acknowledged: refused with the place; the torn group behind it: cut, and said"
    about = "event log, state up to date", expected
    return _of_log(store, about, store.acknowledged, 0)


def _log_ahead_of_the_state(store: Built, _: Path) -> list[Tally]:
    """Only what is behind what the state knows: the rest is as above."""
    expected = (
        LIMIT
        + "what is cut off at the end of a record, and the state has not seen (50 ms), cannot be missed"
    )
    about, known = ("event log, state behind", expected), store.acknowledged - GROUP_OF
    return _of_log(store, about, known, _offset_of(store, known))


def _offset_of(store: Built, record: int) -> int:
    """Where a record of the only segment begins."""
    before = _records(store.data / "log", None)[:record]
    return HEADER_SIZE + sum(RECORD_HEAD + len(each) for each in before)


def _of_log(store: Built, about: tuple[str, str], known: int, start: int) -> list[Tally]:
    """The last segment, where the state has seen `known` records: what is opened begins as what was written."""
    directory = store.data / "log"
    written, path = _records(directory, None), max(directory.glob("*.seg"))

    def judge() -> str:
        try:
            log = SegmentLog(directory, known=known, disk=_DISK)
        except CorruptError as error:
            return "refused" if str(path) in str(error) else "unsaid"
        with closing(log):
            records, repairs = [record for _, record in log.records()], log.repairs
        if records != written[: len(records)]:
            return "unsaid"
        if len(records) == len(written):
            return "unharmed"
        return "repaired" if repairs or len(records) >= store.acknowledged else "unsaid"

    return list(tried(path, about, judge, (start, store.every)).values())


def _records(directory: Path, known: int | None) -> list[bytes]:
    with closing(SegmentLog(directory, known=known, disk=_DISK)) as log:
        return [record for _, record in log.records()]


def _chunks(store: Built, _: Path) -> list[Tally]:
    """Every chunk at every offset: read whole and as it was, or refused."""
    directory, about = store.data / DIRECTORY, ("chunks", "refused with the place")
    tallies: dict[str, Tally] = {}
    index = open_index(directory)
    assert index is not None
    with closing(index):
        listed = index.all()
    for each in listed:
        path = directory / each.file

        def judge(path: Path = path, digest: bytes = each.digest) -> str:
            try:
                with ChunkFile(path, digest) as file:
                    file.verify()
            except CorruptError as error:
                return "refused" if str(path) in str(error) else "unsaid"
            return "unharmed"

        tallies = tried(path, about, judge, (0, store.every), tallies)
    return list(tallies.values())


def _ledger(store: Built, _: Path) -> list[Tally]:
    """Checkpoint and tiles of the store: what the next publish would build on is refused, the rest is the verifier's."""
    signer, place = build.log_signer(store.config), store.data / "ledger"
    with closing(open_reader(store.data / "state.db")) as state:
        return _of_ledger(
            store, place, state, lambda: LedgerFiles(place, ORIGIN, signer, disk=_DISK)
        )


def _full_tiles(store: Built, directory: Path) -> list[Tally]:
    """A ledger with a full tile and bundle, which a start does not read again."""
    signer, place = build.log_signer(store.config), directory / "full tiles"
    leaves = Some([b"%019d" % n for n in range(_FULL)])
    with closing(LedgerFiles(place, ORIGIN, signer, disk=_DISK)) as ledger:
        ledger.publish(leaves.leaves(0, _FULL))
    return _of_ledger(store, place, leaves, lambda: LedgerFiles(place, ORIGIN, signer, disk=_DISK))


class Some:
    """Leaves in memory."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._leaves = leaves

    def leaf_count(self) -> int:
        """How many."""
        return len(self._leaves)

    def leaves(self, start: int, end: int) -> list[bytes]:
        """Some of them."""
        return self._leaves[start:end]

    def blob(self, digest: bytes) -> bytes | None:
        """There are none."""
        del digest
        return None

    def close(self) -> None:
        """Nothing is held."""


def _signed(directory: Path) -> list[Path]:
    """The files that the log's signature covers, itself among them."""
    return [
        directory / "checkpoint",
        *(p for p in sorted((directory / "tile").rglob("*")) if p.is_file()),
    ]


def _of_ledger(
    store: Built, directory: Path, state: Leaves, opened: Callable[[], LedgerFiles]
) -> list[Tally]:
    key = (directory / "log.vkey").read_text("utf-8").strip()
    about = directory.name, "refused at the start, or found by the verifier"
    tallies: dict[str, Tally] = {}

    def judge() -> str:
        try:
            with closing(opened()) as ledger:
                ledger.catch_up(state)
        except TwinvouchError:
            return "refused"
        return "unsaid" if verifier.verify(directory, key).ok else "found_later"

    first, *rest = _signed(directory)
    tallies = tried(first, about, judge, (0, store.every), tallies)
    step = step_of(rest, SOME // store.every)
    for path in rest:
        tallies = tried(path, about, judge, (0, step), tallies)
    return list(tallies.values())
