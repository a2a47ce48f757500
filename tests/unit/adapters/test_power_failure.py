"""What the fault simulation found in the stores, each as the shortest story that shows it: power fails, syncs fail."""

import errno
import random
from pathlib import Path

import pytest

from twinvouch.adapters.actuator_journal import ActuatorJournal, Spending
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.app.simulation.disk import Failure, SimulatedDisk
from twinvouch.app.simulation.life import Life, Machine
from twinvouch.app.simulation.process_disk import DiskOf
from twinvouch.core.errors import UnavailableError
from twinvouch.core.ports import Group
from twinvouch.lab.in_memory import MemoryState

SIGNER = SeededSigner(bytes(32))
SECOND = 1_000_000_000


class Nothing(random.Random):
    """Of what was not synced a power failure keeps nothing."""

    def randrange(self, *_: int) -> int:
        return 0

    def randint(self, a: int, b: int) -> int:
        del b
        return a


def disk() -> tuple[SimulatedDisk, DiskOf]:
    below = SimulatedDisk(Nothing())
    return below, DiskOf(below, Life(Machine("here", below, [])))


def records(log: SegmentLog) -> list[bytes]:
    return [record for _, record in log.records()]


@pytest.mark.parametrize("how", ["killed before the sync", "the sync failed"])
def test_a_record_that_a_new_start_read_survives_power(how: str) -> None:
    """A start gave out what it found in the page cache; the next power failure took it, and a batch with it."""
    below, here = disk()
    log = SegmentLog(Path("/log"), disk=here)
    log.append(b"first")
    log.sync()
    if how == "the sync failed":
        below.failures.append(Failure("fsync", below.calls["fsync"] + 1, errno.EIO))
        log.append(b"second")
        with pytest.raises(UnavailableError):
            log.sync()
    else:
        log.append(b"second")
        log._disk.pwritev(log._file, log._pending, log._size)  # and no sync
    again = SegmentLog(Path("/log"), disk=here)
    assert records(again) == [b"first", b"second"]
    below.failures.clear()
    below.lose_power()
    assert records(SegmentLog(Path("/log"), disk=here)) == [b"first", b"second"]


def test_a_start_writes_again_no_more_than_the_last_group() -> None:
    below, here = disk()
    log = SegmentLog(Path("/log"), disk=here)
    for group in ((b"a" * 500, b"b" * 500), (b"c", b"d")):
        for record in group:
            log.append(record)
        log.sync()
    segment = below.seen[Path("/log/00000000000000000000.seg")]
    assert segment is not None
    written: list[bytes] = []
    change = segment.change
    segment.change = lambda offset, data: (written.append(data or b""), change(offset, data))[1]  # type: ignore[method-assign]
    assert len(records(SegmentLog(Path("/log"), disk=here))) == 4
    assert [len(w) for w in written] == [2 * 24 + 2]


def spending(nonce: bytes) -> Spending:
    return Spending(nonce, "c", "valve/opening", (1, 2), 0, 5 * SECOND, SECOND)


def journal(here: DiskOf) -> ActuatorJournal:
    return ActuatorJournal(Path("/data/actuator"), "p", 0, 10 * SECOND, here)


def test_a_permit_stays_spent_when_power_fails_after_the_first_start() -> None:
    """The journal's directory was not durable in the one above it: all that was spent was forgotten."""
    below, here = disk()
    first = journal(here)
    first.spend(spending(b"n" * 16))
    below.failures.clear()
    below.lose_power()
    assert journal(here).is_spent(b"n" * 16)


def test_a_line_whose_sync_failed_leaves_no_hole_behind_later_ones() -> None:
    below, here = disk()
    first = journal(here)
    below.failures.append(Failure("fsync", below.calls["fsync"] + 1, errno.EIO))
    with pytest.raises(UnavailableError):
        first.spend(spending(b"a" * 16))
    second = journal(here)
    second.spend(spending(b"b" * 16))
    below.failures.clear()
    below.lose_power()
    third = journal(here)
    assert third.is_spent(b"b" * 16)
    assert third.is_spent(b"a" * 16)
    assert third.repaired == ""


def ledger(here: DiskOf) -> LedgerFiles:
    here.make_directory(Path("/data"))
    return LedgerFiles(Path("/data/ledger"), "p/0", SIGNER, here)


def leaves(count: int) -> MemoryState:
    state = MemoryState()
    state.commit(Group({}, (), [(n, b"entry %d" % n) for n in range(count)], count))
    return state


def again(files: LedgerFiles, size: int) -> None:
    """Publish, and once more where the disk refused."""
    try:
        files.catch_up(leaves(size))
    except UnavailableError:
        files.catch_up(leaves(size))


@pytest.mark.parametrize("nth", range(1, 15))
def test_a_publish_whose_sync_fails_can_be_made_again(nth: int) -> None:
    """The checkpoint was in place and its directory not synced: the next attempt took it for somebody else's."""
    below, here = disk()
    files = ledger(here)
    below.failures.append(Failure("fsync", below.calls["fsync"] + nth, errno.EIO))
    again(files, 5)
    again(files, 7)
    assert files.size == 7
    below.failures.clear()
    below.lose_power()
    assert ledger(here).size == 7


@pytest.mark.parametrize("nth", range(1, 15))
def test_what_a_checkpoint_covers_is_durable_after_a_sync_that_failed(nth: int) -> None:
    """Directories made before the failure were taken for durable, and power took the tiles with them."""
    below, here = disk()
    files = ledger(here)
    below.failures.append(Failure("fsync", below.calls["fsync"] + nth, errno.EIO))
    again(files, 3)
    below.failures.clear()
    below.lose_power()
    assert ledger(here).size == 3


def test_files_of_an_earlier_life_are_synced_before_they_are_signed() -> None:
    """A crash between rename and sync left tiles that a later publish found, believed and signed."""
    below, here = disk()
    ledger(here)
    real = here.sync_directory
    here.sync_directory = lambda _: None  # type: ignore[method-assign] # the crash comes before any of these
    ledger(here).catch_up(leaves(4))
    checkpoint = Path("/data/ledger/checkpoint")
    below.seen[checkpoint] = below.stored[checkpoint]
    here.sync_directory = real  # type: ignore[method-assign]
    ledger(here).catch_up(leaves(4))
    below.failures.clear()
    below.lose_power()
    assert ledger(here).size == 4
