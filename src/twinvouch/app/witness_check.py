"""`twinvouch witness check`: a witness without a network looks over a ledger directory, such as one on a USB stick.

The whole ledger is verified first, from the entries up. What extends the head that was cosigned last is cosigned; what
contradicts it becomes evidence that everybody can check.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from twinvouch import verifier
from twinvouch.adapters.ledger_reader import LedgerReader, keep_witnessed, open_ledger
from twinvouch.adapters.witness_store import Cosigned, WitnessStore
from twinvouch.app.witness import show
from twinvouch.core.errors import CorruptError, MalformedError, TwoHistoriesError
from twinvouch.ledger import checkpoint, evidence, witness
from twinvouch.ledger.checkpoint import VerifierKey
from twinvouch.ledger.witness import Judged, Request


@dataclass(frozen=True, slots=True)
class Looked:
    """What was cosigned, how much was before, and where the cosigned head was put beside the ledger (None: nowhere)."""

    made: Cosigned
    before: int
    written: Path | None


def check(directory: Path, key: VerifierKey, store: WitnessStore, evidence_in: Path) -> Looked:
    """Verify a ledger directory and cosign its head.

    CorruptError where it does not verify or is older than what was cosigned, TwoHistoriesError (exit code 6) where it
    contradicts that; a file of evidence says so.
    """
    report = verifier.verify(directory, key.text())
    ledger = open_ledger(directory, key)
    seen = store.last(key.name)
    before = seen.head.size if seen is not None else 0
    if seen is not None and before <= ledger.head.size:
        _expect_one_history(ledger, seen, evidence_in)
    if not report.ok:
        raise CorruptError(f"`{directory}`: {report.faults[0].place}: {report.faults[0].why}")
    if seen is not None and before > ledger.head.size:
        raise CorruptError(
            f"`{directory}` has {ledger.head.size} entries, {before} were cosigned: an old copy, or one that was cut; "
            "nothing is cosigned"
        )
    request = Request(before, tuple(ledger.consistency(before)), ledger.note)
    judged, made = store.add(request, {key.name: [key]})
    if judged.code != witness.OK or made is None:
        raise CorruptError(f"`{directory}`: {judged.why}")
    try:
        keep_witnessed(directory, made.note)
    except OSError:  # a stick that is read-only: the cosigned head can be printed
        return Looked(made, before, None)
    return Looked(made, before, directory / "checkpoint.witnessed")


def _expect_one_history(ledger: LedgerReader, seen: Cosigned, evidence_in: Path) -> None:
    """The first entries have the root that was cosigned; else show both heads."""
    size = seen.head.size
    root = ledger.root_at(size)
    if root == seen.head.root:
        return
    why = (
        f"TWO HISTORIES: log `{seen.head.origin}` signed root {seen.head.root.hex()} of {size} entries, which was "
        f"cosigned here, and a head of {ledger.head.size} entries whose first {size} have root {root.hex()}"
    )
    proof = ledger.consistency(size) if size < ledger.head.size else []
    judged = Judged(witness.UNPROVEN, why, ledger.head, ledger.note, root)
    path = show(seen, judged, proof, evidence_in)
    raise TwoHistoriesError(f"{why}; evidence: {path}")


def prove(path: Path, keys: Sequence[VerifierKey]) -> str:
    """What a file of evidence proves, in a sentence; MalformedError or SignatureError where nothing."""
    if path.stat().st_size > evidence.BYTES_MAX:
        raise MalformedError(f"`{path}` is larger than evidence may be")
    return evidence.proves(evidence.read(path.read_bytes()), keys)


def heads_of(path: Path) -> tuple[str, str]:
    """The two notes in a file of evidence, as texts."""
    found = evidence.read(path.read_bytes())
    texts = [checkpoint.read_note(note).text.decode() for note in (found.first, found.second)]
    return texts[0], texts[1]
