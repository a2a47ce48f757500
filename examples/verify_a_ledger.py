"""Verify a ledger with the stand-alone verifier: `python verify_a_ledger.py [DIRECTORY KEY]`.

Without arguments it makes a small one first, and shows what a flipped bit looks like.
"""

import sys
import tempfile
from pathlib import Path

from twinvouch import verifier


def told(directory: Path, key: str) -> bool:
    """Print what the verifier says of every file below `directory`; True where all of it fits."""
    report = verifier.verify(directory, key)
    print(f"{report.size} entries of {report.origin}, root {report.root.hex()[:16]}")
    for fault in report.faults:
        print(f"  {fault.place}: {fault.why}")
    return report.ok


def example(directory: Path) -> str:
    """Publish a few entries as the core does; the verifier key."""
    from twinvouch.adapters.keys import SeededSigner
    from twinvouch.adapters.ledger_files import LedgerFiles

    ledger = LedgerFiles(directory, "my-plant/0", SeededSigner(bytes(32)))
    ledger.publish([f"entry {n}".encode() for n in range(300)])
    ledger.close()
    return ledger.verifier_key


def main() -> int:
    """Verify the given ledger, or the example before and after somebody touched it."""
    if len(sys.argv) == 3:
        return 0 if told(Path(sys.argv[1]), sys.argv[2]) else 1
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "ledger"
        key = example(directory)
        fine = told(directory, key)
        bundle = directory / "tile" / "entries" / "000"
        raw = bytearray(bundle.read_bytes())
        raw[-1] ^= 1
        bundle.write_bytes(raw)
        return 0 if fine and not told(directory, key) else 1


if __name__ == "__main__":
    sys.exit(main())
