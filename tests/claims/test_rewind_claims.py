"""C41: a rewind shows what disavowed readings changed and nothing else, writes nothing of the plant and releases nothing."""

from pathlib import Path

import pytest

from tests.unit.app.rewound_plant import A, B, C, Plant, configured, lied_to
from tests.unit.app.test_rewind import files, told, verified
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.app.disowned import Disowned
from twinvouch.core.errors import CorruptError, SignatureError
from twinvouch.ledger.checkpoint import read_key, verify


def test_c41_nothing_disavowed_is_no_difference_and_the_same_entries(tmp_path: Path) -> None:
    config = configured(tmp_path / "plant")
    plant, _ = lied_to(config)
    before = files(config.data_dir)
    found = told(config)
    assert found["entries_compared"] == plant.memory.size
    assert not any(found[kind] for kind in ("decisions", "advice", "tags", "estimates", "models"))
    assert [found["findings"][side]["count"] for side in ("old_only", "new_only")] == [0, 0]
    assert files(config.data_dir) == before


def test_c41_a_decision_that_rested_on_the_lie_is_named_and_no_other(tmp_path: Path) -> None:
    """The pump is controlled by gauge a alone: what b and c said while they were bad changed no decision."""
    config = configured(tmp_path / "plant")
    _, at = lied_to(config)
    span = at["since"], at["until"]
    before = files(config.data_dir)
    assert [d["old"]["value"] for d in told(config, Disowned(A, *span))["decisions"]] == [
        60.0,
        61.0,
    ]
    [only] = told(config, Disowned(B, *span))["decisions"]
    assert only["old"]["value"] == 61.0, "which declared b"
    assert told(config, Disowned(C, *span))["decisions"] == []
    assert files(config.data_dir) == before


def test_c41_a_rewind_ends_in_a_ledger_that_verifies_and_is_not_the_plants(tmp_path: Path) -> None:
    config = configured(tmp_path / "plant")
    _, at = lied_to(config)
    found = told(config, Disowned(A, at["since"], at["until"]))
    report = verified(found)
    assert report.origin.startswith("tanks/rewind-")
    assert {e.origin for e in report.epochs} == {"tanks/0"}
    raw = (config.data_dir / "ledger" / "checkpoint").read_bytes()
    with pytest.raises(SignatureError):  # what signs the one signs nothing of the other
        verify(raw, read_key(found["ledger_key"]))


def test_c41_where_one_entry_cannot_be_made_again_nothing_is_reported(tmp_path: Path) -> None:
    config = configured(tmp_path / "plant")
    plant = Plant(config)
    for _ in range(3):
        plant.second()
    plant.close()
    state = SqliteState(config.data_dir / "state.db")
    state._connection.execute("UPDATE leaf SET entry = x'84' WHERE idx = 7")
    state.close()
    with pytest.raises(CorruptError, match="entry 7"):
        told(config)
    assert sorted(p.name for p in (config.data_dir / "rewinds").iterdir()) == ["lock"]
