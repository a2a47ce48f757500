"""The judge of the drills finds what it must find: each fault made by hand, one at a time."""

import json
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.core.batch import Identity
from twinvouch.core.command import Outcome, OutcomeStatus
from twinvouch.core.event import BatchReceived, OutcomeReported
from twinvouch.core.kind import Kind, Purpose
from twinvouch.lab.drill import judge
from twinvouch.lab.drill.site import EDGE, ORIGIN, PLANT, SETPOINTS, setpoints
from twinvouch.lab.drill.words import words_of
from twinvouch.wire.cbor import encode
from twinvouch.wire.cose import seal, unseal
from twinvouch.wire.eventlog import write_event
from twinvouch.wire.outcome import write_outcome

SIGNER = SeededSigner(bytes(32))
FIRST, SECOND = Identity(EDGE, 1, 0), Identity(EDGE, 1, 1)
NONCE = bytes(16)
TAG = SETPOINTS[0]
WORDS = words_of(7.0)


class Drill:
    """A clean drill of two batches and one command whose outcome is UNKNOWN and was read back; change it, then judge."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        batches = [sealed_batch(i) for i in (FIRST, SECOND)]
        self.acknowledged = {
            i: unseal(b).digest for i, b in zip((FIRST, SECOND), batches, strict=True)
        }
        self.events = [write_event(BatchReceived(bytes(16), "p", b), 1) for b in batches]
        self.events.append(write_event(OutcomeReported(bytes(16), "p", sealed_outcome(WORDS)), 1))
        self.entries = [
            entry(Kind.ENTRY_BATCH, EDGE, 1, 0),
            entry(Kind.ENTRY_BATCH, EDGE, 1, 1),
            entry(Kind.ENTRY_COMMAND, "c1", "controller"),
            entry(Kind.ENTRY_PERMIT, "c1", 0),
            entry(Kind.ENTRY_OUTCOME, "c1", "unknown", []),
        ]
        self.controller = [
            {"proposed": "c1", "tag": TAG, "value": 7},
            {"answered": "c1", "code": 200, "status": "permitted"},
        ]
        self.plant = [{"t_ns": 1, "address": setpoints()[TAG], "words": list(WORDS)}]
        self.spent: list[dict[str, object]] = [
            {"spent": {"nonce": NONCE.hex(), "command": "c1", "words": list(WORDS)}}
        ]
        self.heads: list[tuple[int, bytes]] = []

    def judged(self) -> judge.Verdict:
        data, journal = self.directory / "data", self.directory / judge.ACTUATOR_JOURNAL
        journal.parent.mkdir()
        log = SegmentLog(data / "log")
        for record in self.events:
            log.append(record)
        log.sync()
        log.close()
        ledger = LedgerFiles(data / "ledger", ORIGIN, SIGNER)
        ledger.publish(self.entries)
        self.heads.append((ledger.size, ledger.root))
        ledger.close()
        for name, said in (("controller", self.controller), ("plant", self.plant)):
            text = "".join(json.dumps(line) + "\n" for line in said)
            (self.directory / f"{name}.jsonl").write_text(text)
        journal.write_text("".join(map(journal_line, self.spent)) + "0badc0de {half a li")
        used = judge.SpentPermits(journal)
        used.look()
        used.close()
        return judge.verdict(
            self.directory, len(self.entries), self.acknowledged, used.by_command, self.heads
        )


def sealed_batch(identity: Identity) -> bytes:
    header = [1, int(Kind.BATCH), PLANT, identity.edge, identity.epoch, identity.seq, bytes(32), 1]
    content = encode([*header, "scan-1", bytes(32), b"", [], b""])
    return seal(content, signer=SIGNER, plant=PLANT, purpose=Purpose.READINGS)


def sealed_outcome(words: tuple[int, ...]) -> bytes:
    outcome = Outcome(NONCE, OutcomeStatus.UNKNOWN, words, "found", 1)
    return seal(write_outcome(outcome, PLANT), signer=SIGNER, plant=PLANT, purpose=Purpose.OUTCOME)


def entry(kind: Kind, *rest: object) -> bytes:
    return encode([1, int(kind), PLANT, 1, bytes(32), *rest])


def journal_line(record: object) -> str:
    said = json.dumps(record)
    return f"{crc32(said.encode()):08x} {said}\n"


def test_a_clean_drill_has_no_faults(tmp_path: Path) -> None:
    found = Drill(tmp_path).judged()
    assert found.faults == ()
    assert found.unknown == 1


def test_permits_spent_before_the_journal_was_rewritten_are_remembered(tmp_path: Path) -> None:
    journal, new = tmp_path / "actuator.journal", tmp_path / "actuator.new"
    spent = judge.SpentPermits(journal)
    spent.look()
    assert spent.by_command == {}
    first, second, third = (
        journal_line({"spent": {"nonce": nonce, "command": f"c{nonce}", "words": [7]}})
        for nonce in "123"
    )
    journal.write_text(first + second[:20])
    spent.look()
    assert nonces_of(spent) == {"c1": "1"}
    with journal.open("a") as file:
        file.write(second[20:])
    new.write_text(journal_line({"journal": 1, "plant": PLANT}) + third)
    new.rename(journal)
    spent.look()
    spent.close()
    assert nonces_of(spent) == {"c1": "1", "c2": "2", "c3": "3"}


def nonces_of(spent: judge.SpentPermits) -> dict[str, str]:
    return {command: each.nonce for command, each in spent.by_command.items()}


def _lose_a_batch(d: Drill) -> None:
    del d.entries[1]


def _lose_an_event(d: Drill) -> None:
    del d.events[1]


def _lose_a_command(d: Drill) -> None:
    d.controller += [
        {"proposed": "c2", "tag": TAG, "value": 8},
        {"answered": "c2", "code": 200, "status": "held"},
    ]


def _double_a_batch(d: Drill) -> None:
    d.entries.append(d.entries[0])


def _double_a_permit(d: Drill) -> None:
    d.entries.append(d.entries[3])


def _double_a_write(d: Drill) -> None:
    d.plant.append(d.plant[0])


def _write_without_permit(d: Drill) -> None:
    d.plant.append({"t_ns": 2, "address": 0, "words": [1, 2]})


def _write_unspent(d: Drill) -> None:
    d.spent = [{"journal": 1, "plant": PLANT}]
    d.entries.pop()


def _write_what_was_refused(d: Drill) -> None:
    d.spent = [{**d.spent[0], "outcome": ""}]


def _write_other_words(d: Drill) -> None:
    d.spent = [{"spent": {"nonce": NONCE.hex(), "command": "c1", "words": [1, 2]}}]


def _read_back_nothing(d: Drill) -> None:
    d.events[2] = write_event(OutcomeReported(bytes(16), "p", sealed_outcome(())), 1)


def _read_back_wrong(d: Drill) -> None:
    d.plant.clear()


def _never_report(d: Drill) -> None:
    d.entries.pop()


def _sign_twice(d: Drill) -> None:
    d.heads.append((3, bytes(32)))


def _forget_what_was_signed(d: Drill) -> None:
    d.heads.append((9, bytes(32)))


FAULTS: dict[Callable[[Drill], None], set[str]] = {
    _lose_a_batch: {"lost"},
    _lose_an_event: {"lost"},
    _lose_a_command: {"lost"},
    _double_a_batch: {"duplicated"},
    _double_a_permit: {"duplicated"},
    _double_a_write: {"double_executed"},
    _write_without_permit: {"unpermitted"},
    _write_what_was_refused: {"unpermitted"},
    _write_other_words: {"unpermitted"},
    _write_unspent: {"unpermitted", "unknown_unresolved"},
    _read_back_nothing: {"unknown_unresolved"},
    _read_back_wrong: {"unknown_unresolved"},
    _never_report: {"unknown_unresolved"},
    _sign_twice: {"two_roots"},
    _forget_what_was_signed: {"two_roots"},
}
KINDS = (
    *("lost", "duplicated", "double_executed", "unpermitted"),
    *("unknown_unresolved", "two_roots"),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__.strip("_"))
def test_each_fault_is_found_and_named(tmp_path: Path, fault: Callable[[Drill], None]) -> None:
    drill = Drill(tmp_path)
    fault(drill)
    found = drill.judged()
    assert {kind for kind in KINDS if getattr(found, kind)} == FAULTS[fault]
    assert found.faults
