"""What a batch of 10,000 readings costs in the ledger, against one SHA-256 over the same bytes.

Ours: SHA-256 of the signed content, salted commitment, entry, leaf hash, tree, tile and bundle bytes,
and one signed checkpoint per 100 batches. Theirs: the SHA-256 alone, which anybody who wants to notice
a changed byte has to pay. Rounds alternate, in CPU time; the median of their ratios counts. Writing files is not in the
ratio: the publisher does it behind the commit, and `ledger_publish_ms` says what it takes.
Proofs are made and checked in a log of a million entries: from tiles kept in memory, and from cold ones.
"""

import tempfile
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter_ns, process_time_ns

from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.app.bench import proofs
from twinvouch.app.bench.plant import TAGS, Plant50, sealed_batches
from twinvouch.core.batch import Admitted
from twinvouch.core.context import Context
from twinvouch.core.event import BatchReceived
from twinvouch.ledger import checkpoint, entry, tiles
from twinvouch.readings import gate
from twinvouch.twin.frame import Frame
from twinvouch.wire.cose import unseal

ROWS = 10_000 // TAGS
READINGS = ROWS * TAGS
BATCHES = 100  # of one checkpoint
ROUNDS = 61
SALT = b"\x05" * 16
SIGNER = SeededSigner(sha256(b"bench log").digest())


def run() -> dict[str, float | int]:
    """`ledger_vs_sha256_10k`, `ledger_ns_per_reading_10k` and what else a batch and a proof cost."""
    plant = Plant50()
    [raw] = sealed_batches(plant, ROWS, 1)
    content, admitted = unseal(raw).content, _admitted(plant, raw)
    theirs, ours, edge = [], [], tiles.Edge()
    for _ in range(ROUNDS):
        theirs.append(_hash_only(content))
        took, edge = _enter(content, admitted, plant.start_ns, edge)
        ours.append(took)
    typical = _entry(admitted, plant.start_ns, 0)
    return {
        "ledger_vs_sha256_10k": median(a / b for a, b in zip(ours, theirs, strict=True)),
        "ledger_ns_per_reading_10k": median(ours) / (BATCHES * READINGS),
        "ledger_sha256_ns_per_reading_10k": median(theirs) / (BATCHES * READINGS),
        "ledger_bytes_per_reading": len(content) / READINGS,
        "ledger_entry_bytes": len(typical),
        **_publishing(typical),
        **proofs.in_a_large_log(),
    }


def run_batches() -> float:
    """What a reading costs in batches of 10,000: CPU ns, median."""
    plant = Plant50()
    [raw] = sealed_batches(plant, ROWS, 1)
    content, admitted = unseal(raw).content, _admitted(plant, raw)
    took, edge = [], tiles.Edge()
    for _ in range(9):
        cost, edge = _enter(content, admitted, plant.start_ns, edge)
        took.append(cost)
    return median(took) / (BATCHES * READINGS)


def _admitted(plant: Plant50, raw: bytes) -> Admitted:
    """The batch as gate 1 hands it on."""
    site = plant.site()
    received = BatchReceived(SALT, "bench", raw)
    admission = gate.admit(received, site, {}, Frame(site.plant), Context(), plant.start_ns)
    assert isinstance(admission, gate.Accepted), admission
    return admission.admitted


def _hash_only(content: bytes) -> int:
    began = process_time_ns()
    for _ in range(BATCHES):
        sha256(content).digest()
    return process_time_ns() - began


def _enter(
    content: bytes, admitted: Admitted, now_ns: int, edge: tiles.Edge
) -> tuple[int, tiles.Edge]:
    """CPU ns of 100 batches and their checkpoint, and the log that grew by them."""
    began = process_time_ns()
    leaves = []
    for _ in range(BATCHES):
        sha256(content).digest()
        leaves.append(_entry(admitted, now_ns, edge.size))
    edge, _ = tiles.grow(edge, leaves)
    checkpoint.sign(checkpoint.Checkpoint("bench/0", edge.size, edge.root()), SIGNER)
    return process_time_ns() - began, edge


def _entry(admitted: Admitted, now_ns: int, parent: int) -> bytes:
    named = [None, admitted.batch.digest]
    committed = entry.commitment(SALT, admitted.batch.digest)
    return entry.batch(
        admitted, now_ns, committed, named, entry.Came(parent, admitted.batch.digest)
    )


def _publishing(typical: bytes) -> dict[str, float | int]:
    """Wall and CPU time of publishing 20 entries durably, on this disk."""
    wall, cpu = [], []
    with tempfile.TemporaryDirectory(prefix="twinvouch-bench-") as name:
        ledger = LedgerFiles(Path(name) / "ledger", "bench/0", SIGNER)
        for _ in range(26):
            began, began_cpu = perf_counter_ns(), process_time_ns()
            ledger.publish([typical] * 20)
            cpu.append(process_time_ns() - began_cpu)
            wall.append(perf_counter_ns() - began)
        ledger.close()
    return {"ledger_publish_ms": median(wall) / 1e6, "ledger_publish_cpu_ms": median(cpu) / 1e6}
