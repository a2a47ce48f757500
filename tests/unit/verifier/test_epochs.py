"""A log that continues another one proves it by its own entries, or is named as wrong."""

from dataclasses import replace
from pathlib import Path

import pytest

from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.core.event import EpochOpened, Rewound
from twinvouch.ledger import entry
from twinvouch.ledger.tlog import leaf_hash
from twinvouch.verifier import Report, as_plain, verify
from twinvouch.verifier.epochs import SHOWN

KEY = SeededSigner(b"\7" * 32)


def root_of(directory: Path, leaves: list[bytes]) -> bytes:
    ledger = LedgerFiles(directory, "net3/0", KEY)
    ledger.publish(leaves)
    ledger.close()
    return ledger.root


def opened(origin: str, size: int, root: bytes) -> bytes:
    event = EpochOpened(b"s" * 16, 1, origin, size, root, b"b" * 32)
    return entry.epoch("net3", 5, b"c" * 32, event)


def continued(directory: Path, leaves: list[bytes]) -> Report:
    ledger = LedgerFiles(directory, "net3/1", KEY)
    ledger.publish(leaves)
    ledger.close()
    return verify(directory, ledger.verifier_key)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 255, 256, 257, 700])
@pytest.mark.parametrize("signed", [0, 1, 254, 256, 699])
def test_a_log_names_the_root_that_its_first_entries_have(
    tmp_path: Path, count: int, signed: int
) -> None:
    leaves = [f"entry {n}".encode() for n in range(count)]
    size = min(signed, count)
    root = root_of(tmp_path / "old", leaves[:size])
    raw = opened("net3/0", size, root)
    report = continued(tmp_path / "new", [*leaves, raw, b"one more"])
    assert report.ok, report.faults
    (epoch,) = report.epochs
    assert (epoch.entry, epoch.origin, epoch.size, epoch.root) == (count, "net3/0", size, root)
    assert as_plain(report)["epochs"] == [
        {"entry": count, "origin": "net3/0", "size": size, "root": root.hex()}
    ]


def test_claims_that_the_entries_do_not_bear_out_are_faults(tmp_path: Path) -> None:
    leaves = [b"a", b"b", b"c"]
    root = root_of(tmp_path / "old", leaves)
    for number, (raw, why) in enumerate(
        [
            (opened("net3/0", 3, leaf_hash(b"x")), "they give another"),
            (opened("net3/0", 2, root), "they give another"),
            (opened("net3/0", 9, root), "there are 3 before it"),
            (opened("net3/0", 2**63 - 1, root), "there are 3 before it"),
            (opened("net3/1", 3, root), "names its own log"),
        ]
    ):
        report = continued(tmp_path / str(number), [*leaves, raw])
        assert not report.ok
        assert report.faults[0].place == "entry 3 (log epoch)"
        assert why in report.faults[0].why


def test_a_log_full_of_epochs_is_a_fault_and_no_work(tmp_path: Path) -> None:
    empty = root_of(tmp_path / "old", [])
    report = continued(tmp_path / "new", [opened("net3/0", 0, empty)] * (SHOWN + 3))
    assert [f.why for f in report.faults] == ["one epoch too many"] * 3


def test_a_rewind_proves_what_it_has_in_common(tmp_path: Path) -> None:
    leaves = [b"a", b"b", b"c"]
    root = root_of(tmp_path / "old", leaves)
    event = Rewound(b"s" * 16, b"", "net3/0", 3, root, 4, "tank-1/level", 5, 9)
    raw = entry.rewind("net3", 6, event)
    end = entry.rewind("net3", 9, replace(event, subject=""))
    report = continued(tmp_path / "new", [*leaves, raw, b"another", end])
    assert report.ok, report.faults
    assert [(e.entry, e.origin, e.size) for e in report.epochs] == [
        (3, "net3/0", 3),
        (5, "net3/0", 3),
    ]
    assert report.contents.kinds["rewind"] == 2
    lie = entry.rewind("net3", 6, replace(event, size=2))
    wrong = continued(tmp_path / "wrong", [*leaves, lie])
    assert [f.why for f in wrong.faults] == [
        f"names root {root.hex()} of 2 entries, they give another"
    ]
