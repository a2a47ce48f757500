"""A stranger's thirty lines, written from docs/reference/ledger-format.md, agree with what we sign."""

import subprocess
import sys
from pathlib import Path

import pytest

from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.ledger import checkpoint, tiles

AUDITOR = Path(__file__).with_name("auditor.py")


def audit(directory: Path, key: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(AUDITOR), str(directory), key],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def write_ledger(directory: Path, *steps: int) -> str:
    ledger = LedgerFiles(directory, "net3/0", SeededSigner(b"\5" * 32))
    for step in steps:
        ledger.publish([f"entry {n}".encode() for n in range(ledger.size, ledger.size + step)])
    ledger.close()
    return ledger.verifier_key


def test_the_auditor_is_thirty_lines_of_nothing_ours() -> None:
    text = AUDITOR.read_text("utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 30
    assert max(len(line) for line in text.splitlines()) <= 100
    imports = {line.split()[1] for line in text.splitlines() if line.startswith(("import", "from"))}
    assert {name for name in imports if not name.startswith("cryptography.")} == {
        "base64", "hashlib", "pathlib", "sys",
    }  # fmt: skip


@pytest.mark.parametrize("steps", [(), (1,), (2, 3), (256,), (250, 10, 700)])
def test_the_auditor_verifies_a_ledger(tmp_path: Path, steps: tuple[int, ...]) -> None:
    done = audit(tmp_path, write_ledger(tmp_path, *steps))
    assert done.stdout == f"verified: {sum(steps)} entries of net3/0\n", done.stderr


@pytest.mark.parametrize("at", [-8, -9, 0, 1])
@pytest.mark.parametrize("path", ["checkpoint", "tile/entries/000.p/5"])
def test_the_auditor_refuses_a_changed_ledger(tmp_path: Path, path: str, at: int) -> None:
    key = write_ledger(tmp_path, 2, 3)
    raw = bytearray((tmp_path / path).read_bytes())
    raw[at] ^= 1
    (tmp_path / path).write_bytes(raw)
    assert audit(tmp_path, key).returncode != 0


def test_the_example_of_the_format_page_is_true() -> None:
    """Key and checkpoint as printed in docs/reference/ledger-format.md, over the entries it names."""
    page = Path(__file__).parents[2] / "docs/reference/ledger-format.md"
    blocks = [
        line.removeprefix("    ")
        for line in page.read_text("utf-8").split("## Checkpoint")[1].splitlines()
        if line.startswith("    ")
    ]
    origin, size, root, signature, key = blocks
    note = f"{origin}\n{size}\n{root}\n\n{signature}\n".encode()
    head = checkpoint.verify(note, checkpoint.read_key(key))
    edge, _ = tiles.grow(tiles.Edge(), [f"entry {n}".encode() for n in range(5)])
    assert (head.size, head.root) == (5, edge.root())
