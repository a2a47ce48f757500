"""Proofs in a log of a million entries, and what a stranger's verification of a receipt under such a head takes.

CPU time. Proofs are made from tiles kept in memory, and from cold ones that are read and hashed. The receipt is that of
an executed command: a signed batch of 500 readings, decision, permit and report, with all signatures checked; the
verifier shares no code with what made it, and importing it is not counted.
"""

from hashlib import sha256
from random import Random
from statistics import median
from time import process_time_ns

from twinvouch.adapters.keys import SeededSigner
from twinvouch.app.bench.plant import TAGS, Plant50, sealed_batches
from twinvouch.core.command import Command, Decision, Outcome, OutcomeStatus, Verdict
from twinvouch.core.event import Started
from twinvouch.core.kind import Kind, Purpose
from twinvouch.ledger import checkpoint, entry, tiles, tlog
from twinvouch.ledger.receipt import About, Link, Opening, Opens, write_receipt
from twinvouch.ledger.rests import ALL, Rests
from twinvouch.verifier import chain
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal, unseal
from twinvouch.wire.outcome import write_outcome

LOG = 1_000_000
PROOFS = 1000
ROUNDS = 40
READINGS = 500
SALT = b"\x05" * 16
LOG_KEY, SERVICE, ACTUATOR = (
    SeededSigner(sha256(who).digest()) for who in (b"bench log", b"service", b"actuator")
)


def run() -> dict[str, float | int]:
    """`proof_us`, `proof_cold_us`, `proof_check_us`, `receipt_verify_ms`, `receipt_bytes`."""
    figures = in_a_large_log()
    return {**figures, **of_a_receipt()}


def in_a_large_log() -> dict[str, float | int]:
    """Making and checking inclusion proofs in a million entries; cold = the tile is read and hashed."""
    leaves = [n.to_bytes(8, "big") for n in range(LOG)]
    began = process_time_ns()
    edge, files = tiles.grow(tiles.Edge(), leaves)
    grew = process_time_ns() - began
    disk = {path: raw for path, raw in files if "entries" not in path}
    chance, root = Random(7), edge.root()  # noqa: S311 - picks entries to prove, guards nothing
    near = tiles.TileHashes(disk.get, LOG)
    recent = [chance.randrange(max(0, LOG - 8192), LOG) for _ in range(PROOFS)]
    _timed(near, recent)
    made, proofs = _timed(near, recent)
    far = [chance.randrange(LOG) for _ in range(PROOFS)]
    cold, _ = _timed(tiles.TileHashes(disk.get, LOG), far)
    began = process_time_ns()
    for index, proof in zip(recent, proofs, strict=True):
        assert tlog.verify_inclusion(tlog.leaf_hash(leaves[index]), index, LOG, proof, root)
    checked = (process_time_ns() - began) / PROOFS
    return {
        "ledger_us_per_leaf": grew / LOG / 1000,
        "proof_us": made / 1000,
        "proof_cold_us": cold / 1000,
        "proof_check_us": checked / 1000,
    }


def of_a_receipt() -> dict[str, float | int]:
    """What verifying the receipt of an executed command takes, and how large it is."""
    plant = Plant50()
    raw, key, signers = _receipt(plant)
    took = []
    for _ in range(ROUNDS):
        began = process_time_ns()
        found = chain.verify(raw, key, signers=signers)
        took.append(process_time_ns() - began)
        assert found.ok, found.fault
    return {"receipt_verify_ms": median(took) / 1e6, "receipt_bytes": len(raw)}


def _timed(hashes: tiles.TileHashes, indices: list[int]) -> tuple[float, list[list[bytes]]]:
    began = process_time_ns()
    proofs = [tlog.inclusion_proof(hashes.hash_at, index, LOG) for index in indices]
    return (process_time_ns() - began) / len(indices), proofs


def _receipt(plant: Plant50) -> tuple[bytes, str, list[bytes]]:
    """A receipt at the end of a large log, the log's key, and the public keys of all who signed in it."""
    name, now = plant.site().plant.id, plant.start_ns
    [batch] = sealed_batches(plant, READINGS // TAGS, 1)
    first = LOG - 6
    story = _story(name, now, batch, first)
    leaves = [n.to_bytes(8, "big") for n in range(first)] + [raw for raw, _ in story]
    edge, files = tiles.grow(tiles.Edge(), leaves)
    hashes = tiles.TileHashes(dict(files).get, LOG)
    origin = f"{name}/0"
    note = checkpoint.sign(checkpoint.Checkpoint(origin, LOG, edge.root()), LOG_KEY)
    links = [
        Link(at, raw, tuple(tlog.inclusion_proof(hashes.hash_at, at, LOG)), openings)
        for at, (raw, openings) in enumerate(story, first)
    ]
    edges = [p.key for p in plant.site().plant.principals.values() if p.key]
    signers = [*edges, SERVICE.public_key, ACTUATOR.public_key]
    receipt = write_receipt(About(name, now, "command", "0" * 32), note, links)
    return receipt, checkpoint.VerifierKey(origin, LOG_KEY.public_key).text(), signers


def _story(
    plant: str, now: int, batch: bytes, first: int
) -> list[tuple[bytes, tuple[Opening, ...]]]:
    """Start, batch, command, decision, permit and outcome, with what opens them."""
    config, ident, tag = sha256(b"config").digest(), "0" * 32, "a/b"
    content = unseal(batch).content
    header = decode(content)
    assert isinstance(header, list)
    edge, epoch, seq, group = header[3], header[4], header[5], header[8]
    command = Command(ident, "service", tag, 1.0, "1", now)
    asked = write_command(command, plant)
    allowed = Decision(ident, Verdict.ALLOW, (), (255, 255, 255, 255), ())
    reasons, stored = entry.blob(SALT, [["label", "allow", "all is well", ""]])
    place = ["plc", 1, "holding", 0, [1, 0], "f32"]
    permit = encode(
        [
            *(1, 5, plant, ident, tag, *place, config, config, sha256(b"").digest()),
            *(first + 3, 0, bytes(16), now),
        ]
    )
    done = write_outcome(Outcome(bytes(16), OutcomeStatus.EXECUTED, (), "done", now), plant)
    started = entry.start(plant, now, Started(SALT, config, config, "bench"), SALT)
    rests = Rests(((first + 2, ALL), (first + 1, ALL)))
    rows = [0, group, READINGS // TAGS, TAGS, READINGS, 0, None, None, []]
    return [
        (started, ()),
        (
            encode([1, Kind.ENTRY_BATCH, plant, now, _of(content), edge, epoch, seq, *rows]),
            (Opening(Opens.SEALED, (SALT, batch)),),
        ),
        (
            entry.command(now, _of(asked), command, (plant, "C"), Rests()),
            (_sealed(asked, SERVICE, plant, Purpose.COMMAND),),
        ),
        (
            entry.decision(plant, now, reasons, allowed, rests),
            (Opening(Opens.BLOB, (4, stored)),),
        ),
        (
            encode([1, Kind.ENTRY_PERMIT, plant, now, _of(permit), ident, 0, now, [first + 3]]),
            (Opening(Opens.CONTENT, (SALT, permit)),),
        ),
        (
            encode([1, Kind.ENTRY_OUTCOME, plant, now, _of(done), ident, "executed", [first + 4]]),
            (_sealed(done, ACTUATOR, plant, Purpose.OUTCOME),),
        ),
    ]


def _of(content: bytes) -> bytes:
    return entry.commitment(SALT, sha256(content).digest())


def _sealed(content: bytes, signer: SeededSigner, plant: str, purpose: str) -> Opening:
    return Opening(Opens.SEALED, (SALT, seal(content, signer=signer, plant=plant, purpose=purpose)))
