import base64
import json
from pathlib import Path
from typing import Any

import pytest

from twinvouch.core.errors import UsageError
from twinvouch.ledger import tlog


def cases(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("*.json"))]


def raw(text: str | None) -> bytes:
    """A null field is no hash at all: like the empty string it can never be a leaf."""
    return base64.b64decode(text or "")


def proof(case: dict[str, Any]) -> list[bytes]:
    return [raw(each) for each in case["proof"] or []]


@pytest.fixture(scope="module")
def vectors(shared_data: Path) -> Path:
    return shared_data / "trust" / "tlog" / "merkle-testdata"


def test_public_inclusion_vectors(vectors: Path) -> None:
    found = cases(vectors / "inclusion")
    wrong = [
        c["desc"]
        for c in found
        if tlog.verify_inclusion(
            raw(c["leafHash"]), c["leafIdx"], c["treeSize"], proof(c), raw(c["root"])
        )
        is c["wantErr"]
    ]
    assert (len(found), wrong) == (98, [])


def test_public_consistency_vectors(vectors: Path) -> None:
    found = cases(vectors / "consistency")
    wrong = [
        c["desc"]
        for c in found
        if tlog.verify_consistency(
            c["size1"], c["size2"], proof(c), raw(c["root1"]), raw(c["root2"])
        )
        is c["wantErr"]
    ]
    assert (len(found), wrong) == (98, [])


def test_public_subtree_inclusion_vectors(vectors: Path) -> None:
    found = cases(vectors / "subtreeinclusion")
    wrong = [
        c["desc"]
        for c in found
        if tlog.verify_subtree_inclusion(
            raw(c["leafHash"]), c["leafIdx"], (c["start"], c["end"]), proof(c), raw(c["root"])
        )
        is c["wantErr"]
    ]
    assert (len(found), wrong) == (204, [])


def test_public_subtree_consistency_vectors(vectors: Path) -> None:
    found = cases(vectors / "subtreeconsistency")
    wrong = [
        c["desc"]
        for c in found
        if tlog.verify_subtree_consistency(
            (c["start"], c["end"]), c["size"], proof(c), raw(c["root1"]), raw(c["root2"])
        )
        is c["wantErr"]
    ]
    assert (len(found), wrong) == (118, [])


def test_hashes_of_rfc_6962() -> None:
    # the empty string as a leaf, and the root of no leaves at all
    assert tlog.leaf_hash(b"").hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
    assert tlog.Tree().root().hex() == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_a_tree_goes_on_from_its_peaks() -> None:
    whole, part = tlog.Tree(), tlog.Tree()
    for n in range(21):
        whole.append(tlog.leaf_hash(bytes([n])))
    for n in range(13):
        part.append(tlog.leaf_hash(bytes([n])))
    part = tlog.Tree(part.size, part.peaks)
    for n in range(13, 21):
        part.append(tlog.leaf_hash(bytes([n])))
    assert part.root() == whole.root()


def test_peaks_that_do_not_fit_the_size_are_refused() -> None:
    with pytest.raises(UsageError, match="a tree of 3 leaves has 2 peaks, got 1"):
        tlog.Tree(3, [bytes(32)])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_no_inclusion_proof_beyond_the_tree(index: int, size: int) -> None:
    with pytest.raises(UsageError, match="ask below the size"):
        tlog.inclusion_proof(lambda _level, _index: bytes(32), index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 1), (3, 2)])
def test_no_consistency_proof_without_an_older_tree(old: int, new: int) -> None:
    with pytest.raises(UsageError, match="need 0 < old <= new"):
        tlog.consistency_proof(lambda _level, _index: bytes(32), old, new)
