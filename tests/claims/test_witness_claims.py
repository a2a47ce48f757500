"""C34: what a witness stands for; and what thieves of its key, of the log's, of both, or a backup can do."""

from pathlib import Path

import pytest

from tests.unit.app.test_witness import ledger
from tests.unit.ledger.test_witness import KEY, LOG
from twinvouch import verifier
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.witness_store import WitnessStore
from twinvouch.app.witness_check import check, prove
from twinvouch.core.errors import TwoHistoriesError
from twinvouch.ledger import checkpoint, cosignature, evidence
from twinvouch.ledger.evidence import Evidence

WITNESS, OTHER = SeededSigner(b"\3" * 32), SeededSigner(b"\4" * 32)


def store(directory: Path, name: str = "w1", signer: SeededSigner = WITNESS) -> WitnessStore:
    return WitnessStore(directory, name, signer)


def test_c34_the_thief_of_the_log_key_gets_no_cosignature_and_leaves_evidence(
    tmp_path: Path,
) -> None:
    """Stolen: the log key. The other history is signed well and verifies; the witness refuses it and shows both."""
    witness = store(tmp_path / "w")
    check(ledger(tmp_path / "true", 5), KEY, witness, tmp_path)
    forged = ledger(tmp_path / "forged", 9, fork=3)
    assert verifier.verify(forged, KEY.text()).ok  # without a policy nobody can tell
    asked = verifier.witness_policy([witness.key.text()], 1)
    assert not verifier.verify(forged, KEY.text(), "", asked).ok
    with pytest.raises(TwoHistoriesError):
        check(forged, KEY, witness, tmp_path)
    [path] = tmp_path.glob("evidence-*.json")
    assert "history was rewritten" in prove(path, [KEY])
    witness.close()


def test_c34_the_thief_of_a_witness_key_can_sign_no_head_of_his_own(tmp_path: Path) -> None:
    """Stolen: the witness key. Without the log's key there is no head for it to stand under."""
    place, witness = ledger(tmp_path / "l", 5), store(tmp_path / "w")
    head = checkpoint.Checkpoint("net3/0", 5, bytes(32))
    text = head.text()
    note = text + b"\n" + cosignature.cosign(text, "w1", WITNESS, 1_800_000_000)
    (place / "checkpoint.witnessed").write_bytes(note)
    asked = verifier.witness_policy([witness.key.text()], 1)
    assert not verifier.verify(place, KEY.text(), "", asked).ok
    witness.close()


def test_c34_both_keys_make_another_history_that_a_second_witness_betrays(tmp_path: Path) -> None:
    """Stolen: both. A reader content with one witness is deceived; one who asks for two, or compares, is not."""
    first, second = store(tmp_path / "w1"), store(tmp_path / "w2", "w2", OTHER)
    true, forged = ledger(tmp_path / "true", 5), ledger(tmp_path / "forged", 5, fork=2)
    for each in (first, second):
        check(true, KEY, each, tmp_path)
    stolen = store(tmp_path / "stolen")  # the same key with an empty memory
    check(forged, KEY, stolen, tmp_path)
    one = verifier.witness_policy([first.key.text()], 1)
    two = verifier.witness_policy([first.key.text(), second.key.text()], 2)
    assert verifier.verify(
        forged, KEY.text(), "", one
    ).ok  # said in stolen-keys.md: this is not noticed
    assert not verifier.verify(forged, KEY.text(), "", two).ok
    with pytest.raises(TwoHistoriesError):
        check(forged, KEY, second, tmp_path)
    notes = [(place / "checkpoint.witnessed").read_bytes() for place in (true, forged)]
    head = checkpoint.read_text(checkpoint.read_note(notes[1]).text)
    assert "two heads of 5 entries" in evidence.proves(Evidence(*notes, head.root, ()), [KEY])
    for each in (first, second, stolen):
        each.close()


def test_c34_a_witness_restored_from_a_backup_is_why_none_may_be(tmp_path: Path) -> None:
    """Its memory ends with the backup: what it cosigned since it would cosign otherwise. Both heads prove that."""
    place, witness = ledger(tmp_path / "l", 5), store(tmp_path / "w")
    check(place, KEY, witness, tmp_path)
    [kept] = [p for p in (tmp_path / "w").iterdir() if p.name != "lock"]
    backup = kept.read_bytes()
    after = check(ledger(place, 4), KEY, witness, tmp_path).made
    witness.close()
    kept.write_bytes(backup)
    restored = store(tmp_path / "w")
    again = check(ledger(tmp_path / "forged", 9, fork=7), KEY, restored, tmp_path).made
    found = Evidence(after.note, again.note, again.head.root, ())
    assert "two heads of 9 entries" in evidence.proves(found, [KEY])
    both = [
        cosignature.cosigned_at(checkpoint.read_note(n), restored.key)
        for n in (after.note, again.note)
    ]
    assert all(both)  # the witness itself is convicted too
    restored.close()


def test_c34_an_honest_log_is_never_accused(tmp_path: Path) -> None:
    place, witness = tmp_path / "l", store(tmp_path / "w")
    for step in (1, 2, 253, 1, 300, 0):
        looked = check(ledger(place, step), KEY, witness, tmp_path)
        assert (
            looked.made.head.root
            == checkpoint.verify((place / "checkpoint").read_bytes(), KEY).root
        )
    assert list(tmp_path.glob("evidence-*")) == []
    assert LOG.public_key == KEY.public_key
    witness.close()
