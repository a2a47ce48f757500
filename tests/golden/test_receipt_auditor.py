"""A stranger's fifty lines, written from docs/reference/receipt-format.md, agree with the receipts we make."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.claims.site import Toy
from tests.unit.app.test_receipts import KEY, executed, made

AUDITOR = Path(__file__).with_name("receipt_auditor.py")


def audit(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(AUDITOR), str(file), KEY.text()],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_auditor_of_receipts_needs_nothing_of_ours() -> None:
    text = AUDITOR.read_text("utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 60
    imports = {line.split()[1] for line in text.splitlines() if line.startswith(("import", "from"))}
    assert {name for name in imports if not name.startswith("cryptography.")} == {
        "base64", "hashlib", "pathlib", "sys",
    }  # fmt: skip


@pytest.mark.parametrize(("tag", "value"), [("valve/opening", 0.6), ("pump/run", 1.0)])
def test_the_auditor_verifies_a_receipt(tmp_path: Path, tag: str, value: float) -> None:
    (tmp_path / "d").mkdir()
    toy = Toy(tmp_path / "d")
    ident = executed(toy, tag, value)
    file = tmp_path / "receipt.cbor"
    file.write_bytes(made(toy, ident))
    done = audit(file)
    assert done.stdout.startswith(f"verified: command {ident} of toy, "), done.stderr


@pytest.mark.parametrize("at", [5, 200, 700, 1500, -40, -1])
def test_the_auditor_refuses_a_changed_receipt(tmp_path: Path, at: int) -> None:
    (tmp_path / "d").mkdir()
    toy = Toy(tmp_path / "d")
    raw = bytearray(made(toy, executed(toy)))
    raw[at] ^= 1
    file = tmp_path / "receipt.cbor"
    file.write_bytes(raw)
    assert audit(file).returncode != 0
