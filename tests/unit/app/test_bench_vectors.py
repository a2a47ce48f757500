"""`bench vectors`: the table of Shows 5, and that it tells a vector which is not as it should be."""

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from twinvouch.app.bench import vectors
from twinvouch.app.cli import cli
from twinvouch.ledger import tlog
from twinvouch.verifier.receipt import is_included

COUNTS = {"inclusion": 98, "consistency": 98, "subtreeinclusion": 204, "subtreeconsistency": 118}


def test_all_public_vectors_pass_and_what_is_skipped_is_listed(shared_data: Path) -> None:
    rows, is_ok = vectors.run(shared_data / "trust" / "tlog")
    assert is_ok
    by_ledger = {r["vectors_of"]: r for r in rows if r["checked_by"] == "ledger"}
    for name, count in COUNTS.items():
        assert (by_ledger[name]["vectors"], by_ledger[name]["passed"]) == (count, count)
    skipped = {(r["vectors_of"], r["checked_by"]): r["why"] for r in rows if r["skipped"]}
    assert set(skipped) == {
        ("consistency", "verifier"),
        ("subtreeinclusion", "verifier"),
        ("subtreeconsistency", "verifier"),
        ("stored log: signatures", "ledger"),
    }
    assert all(skipped.values())
    assert all(r["passed"] + r["failed"] + r["skipped"] == r["vectors"] > 0 for r in rows)


def vector(**other: Any) -> dict[str, Any]:
    leaf = base64.b64encode(tlog.leaf_hash(b"only")).decode()
    known = {"leafIdx": 0, "treeSize": 1, "root": leaf, "leafHash": leaf, "proof": None}
    return {**known, "wantErr": False, **other}


def test_what_is_not_as_the_vector_wants_is_counted_and_named(tmp_path: Path) -> None:
    folder = tmp_path / "inclusion"
    folder.mkdir()
    (folder / "good.json").write_text(json.dumps(vector()))
    (folder / "wrong.json").write_text(json.dumps(vector(wantErr=True)))
    cases = vectors._cases(folder)
    row = vectors._judged("inclusion", "ledger", cases, vectors._inclusion)
    assert (row.vectors, row.passed, row.failed) == (2, 1, 1)
    assert row.why == "first: wrong.json"


def test_no_leaf_under_no_root_is_in_no_tree() -> None:
    """A null root is no hash: neither checker takes nothing for a proof of nothing."""
    assert not is_included(b"", (0, 1), [], b"")
    assert not tlog.verify_inclusion(b"", 0, 1, [], b"")
    whole = sha256(b"\0x").digest()
    assert is_included(whole, (0, 1), [], whole)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["bench", "vectors", "--data", str(tmp_path)])
    assert done.exit_code != 0
    with pytest.raises(Exception, match=r"inclusion` has no vectors"):
        vectors.run(tmp_path)
