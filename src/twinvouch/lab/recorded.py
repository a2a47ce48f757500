"""Reads back what a demo left: which batches its ledger has, and whether the verifier agrees with it."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twinvouch.core.batch import Identity
from twinvouch.core.kind import Kind
from twinvouch.ledger import tiles
from twinvouch.ledger.checkpoint import VerifierKey
from twinvouch.wire.cbor import decode

WITNESSED = "checkpoint.witnessed"
_VERIFY_S = 900.0  # the ledger of a soak has some 400,000 entries


@dataclass(frozen=True, slots=True)
class Verified:
    """What the separate verifier program says of a ledger directory."""

    ok: bool
    size: int
    root: str


def verify(directory: Path, origin: str, public_key: bytes, witness: str = "") -> Verified:
    """Run the verifier as a program of its own; the key is ours, not the directory's, and so is that of a witness."""
    key = VerifierKey(origin, public_key).text()
    asked = ("--witness", witness) if witness else ()
    program = (sys.executable, "-m", "twinvouch", "ledger", "verify", *asked)
    done = subprocess.run(
        [*program, str(directory), "--key", key, "--json"],
        capture_output=True,
        timeout=_VERIFY_S,
        check=False,
    )
    said = json.loads(done.stdout) if done.stdout else {}
    ok = done.returncode == 0 and said.get("ok") is True
    return Verified(ok, int(said.get("size", 0)), str(said.get("root", "")))


def head(directory: Path, name: str = "checkpoint") -> tuple[int, bytes] | None:
    """Size and root of the checkpoint that lies there now; None where there is none yet."""
    try:
        lines = (directory / name).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return None
    return int(lines[1]), base64.b64decode(lines[2])


def batches(directory: Path, size: int) -> set[Identity]:
    """Identities of all batches among the first `size` entries of a ledger directory."""
    found = set()
    for entry in entries(directory, size):
        said = decode(entry)
        if isinstance(said, list) and said[1] == Kind.ENTRY_BATCH:
            edge, epoch, seq = said[5:8]
            found.add(Identity(str(edge), int(str(epoch)), int(str(seq))))
    return found


def entries(directory: Path, size: int) -> Iterator[bytes]:
    """All entries of a ledger directory, in order."""
    for number in range(-(-size // tiles.WIDTH)):
        width = min(tiles.WIDTH, size - number * tiles.WIDTH)
        raw = (directory / tiles.tile_path("entries", number, width)).read_bytes()
        yield from tiles.read_bundle(raw, width)
