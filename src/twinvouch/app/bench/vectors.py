"""`bench vectors`: public test vectors of Merkle trees, by the log's own proofs and by the stand-alone verifier.

The vectors are those of transparency-dev/merkle (proofs that are to be accepted or refused) and the log of Tessera's
tests (15 entries, a checkpoint and tiles of every size). What cannot be tried is a row too, with the reason.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any, Final

from twinvouch.core.errors import UsageError
from twinvouch.ledger import checkpoint, tiles, tlog
from twinvouch.verifier.files import Files
from twinvouch.verifier.receipt import is_included
from twinvouch.verifier.walk import Walk

ENTRIES: Final = 15  # of the stored log
COLUMNS: Final = ("vectors_of", "checked_by", "vectors", "passed", "failed", "skipped", "why")
_WHOLE: Final = "the verifier takes no such proofs: it rebuilds the whole tree"
Case = dict[str, Any]
Check = Callable[[Case], bool]


@dataclass(frozen=True, slots=True)
class Row:
    """One set of vectors by one checker; `why` names what was skipped, or the first that failed."""

    vectors_of: str
    checked_by: str
    vectors: int
    passed: int
    failed: int
    skipped: int
    why: str = ""


def run(folder: Path) -> tuple[list[Case], bool]:
    """Every set below `folder` (`merkle-testdata`, `tessera-testdata`), and whether nothing failed."""
    rows = [*_proofs(folder / "merkle-testdata"), *_stored(folder / "tessera-testdata" / "log")]
    return [asdict(row) for row in rows], not any(row.failed for row in rows)


def _proofs(folder: Path) -> Iterator[Row]:
    for name, ours, theirs in _CHECKS:
        cases = _cases(folder / name)
        yield _judged(name, "ledger", cases, ours)
        if theirs is None:
            yield Row(name, "verifier", len(cases), 0, 0, len(cases), _WHOLE)
        else:
            yield _judged(name, "verifier", cases, theirs)


def _cases(folder: Path) -> list[Case]:
    """All vectors below a folder, named by their file."""
    found = [
        {**json.loads(path.read_text("utf-8")), "file": path.relative_to(folder).as_posix()}
        for path in sorted(folder.rglob("*.json"))
    ]
    if not found:
        raise UsageError(f"`{folder}` has no vectors: expected files *.json, one proof each")
    return found


def _judged(name: str, by: str, cases: list[Case], check: Check) -> Row:
    """A proof is to be accepted where the vector wants no error, and refused where it wants one."""
    wrong = [case["file"] for case in cases if check(case) is bool(case["wantErr"])]
    why = f"first: {wrong[0]}" if wrong else ""
    return Row(name, by, len(cases), len(cases) - len(wrong), len(wrong), 0, why)


def _hash(text: str | None) -> bytes:
    """A hash; null is none at all, which no tree has: not the root of an empty one."""
    return base64.b64decode(text or "")


def _proof(case: Case) -> list[bytes]:
    return [_hash(each) for each in case["proof"] or ()]


def _inclusion(case: Case) -> bool:
    leaf, root = _hash(case["leafHash"]), _hash(case["root"])
    return tlog.verify_inclusion(leaf, case["leafIdx"], case["treeSize"], _proof(case), root)


def _inclusion_by_verifier(case: Case) -> bool:
    place = case["leafIdx"], case["treeSize"]
    return is_included(_hash(case["leafHash"]), place, _proof(case), _hash(case["root"]))


def _consistency(case: Case) -> bool:
    roots = _hash(case["root1"]), _hash(case["root2"])
    return tlog.verify_consistency(case["size1"], case["size2"], _proof(case), *roots)


def _subtree_inclusion(case: Case) -> bool:
    span, leaf = (case["start"], case["end"]), _hash(case["leafHash"])
    return tlog.verify_subtree_inclusion(
        leaf, case["leafIdx"], span, _proof(case), _hash(case["root"])
    )


def _subtree_consistency(case: Case) -> bool:
    span, roots = (case["start"], case["end"]), (_hash(case["root1"]), _hash(case["root2"]))
    return tlog.verify_subtree_consistency(span, case["size"], _proof(case), *roots)


_CHECKS: Final[tuple[tuple[str, Check, Check | None], ...]] = (
    ("inclusion", _inclusion, _inclusion_by_verifier),
    ("consistency", _consistency, None),
    ("subtreeinclusion", _subtree_inclusion, None),
    ("subtreeconsistency", _subtree_consistency, None),
)


def _stored(log: Path) -> Iterator[Row]:
    """The log of another program: roots, proofs, and the tiles that we would have written."""
    if not (log / "checkpoint").is_file():
        raise UsageError(f"`{log}` has no `checkpoint`: expected the log of Tessera's tests")
    heads = [_head(log / f"checkpoint.{size}") for size in range(ENTRIES + 1)]
    yield _counted("stored log: roots from tiles", "ledger", _roots(log, heads))
    yield _counted("stored log: consistency of pairs", "ledger", _pairs(log, heads))
    yield _counted("stored log: inclusion", "ledger", _included(log, heads, by_verifier=False))
    yield _counted("stored log: inclusion", "verifier", _included(log, heads, by_verifier=True))
    yield _counted("stored log: tiles as we write them", "ledger", _written(log))
    yield _counted("stored log: root from entries", "verifier", _rebuilt(log, heads))
    unsigned = "the key of that log is not among the vectors"
    yield Row("stored log: signatures", "ledger", len(heads), 0, 0, len(heads), unsigned)


def _head(path: Path) -> checkpoint.Checkpoint:
    return checkpoint.read_text(checkpoint.read_note(path.read_bytes()).text)


def _counted(name: str, by: str, tried: Iterable[tuple[str, bool]]) -> Row:
    found = list(tried)
    wrong = [what for what, is_so in found if not is_so]
    why = f"first: {wrong[0]}" if wrong else ""
    return Row(name, by, len(found), len(found) - len(wrong), len(wrong), 0, why)


def _roots(log: Path, heads: list[checkpoint.Checkpoint]) -> Iterator[tuple[str, bool]]:
    for size, head in enumerate(heads):
        edge = tiles.restore(size, lambda path: (log / path).read_bytes())
        yield f"checkpoint.{size}", (head.size, head.root) == (size, edge.root())


def _pairs(log: Path, heads: list[checkpoint.Checkpoint]) -> Iterator[tuple[str, bool]]:
    hash_at = _hash_at(log)
    for old, new in combinations_with_replacement(range(1, ENTRIES + 1), 2):
        proof = tlog.consistency_proof(hash_at, old, new)
        is_so = tlog.verify_consistency(old, new, proof, heads[old].root, heads[new].root)
        yield f"{old} to {new}", is_so


def _included(
    log: Path, heads: list[checkpoint.Checkpoint], *, by_verifier: bool
) -> Iterator[tuple[str, bool]]:
    hash_at, leaves = _hash_at(log), [tlog.leaf_hash(entry) for entry in _entries(log)]
    for index, size in combinations_with_replacement(range(ENTRIES), 2):
        size += 1  # noqa: PLW2901 - a tree that has the leaf
        leaf, root = leaves[index], heads[size].root
        proof = tlog.inclusion_proof(hash_at, index, size)
        if by_verifier:
            yield f"{index} in {size}", is_included(leaf, (index, size), proof, root)
        else:
            yield f"{index} in {size}", tlog.verify_inclusion(leaf, index, size, proof, root)


def _written(log: Path) -> Iterator[tuple[str, bool]]:
    edge = tiles.Edge()
    for entry in _entries(log):
        edge, files = tiles.grow(edge, [entry])
        for path, content in files:
            yield path, (log / path).read_bytes() == content


def _rebuilt(log: Path, heads: list[checkpoint.Checkpoint]) -> Iterator[tuple[str, bool]]:
    walk = Walk(Files(log), ENTRIES)
    is_so = walk.run() == heads[ENTRIES].root and not walk.faults(entries_are_signed=True)
    yield f"{ENTRIES} entries, every file of them", is_so


def _entries(log: Path) -> list[bytes]:
    raw = (log / tiles.tile_path("entries", 0, ENTRIES)).read_bytes()
    return tiles.read_bundle(raw, ENTRIES)


def _hash_at(log: Path) -> tlog.HashAt:
    return tiles.TileHashes(lambda path: (log / path).read_bytes(), ENTRIES).hash_at
