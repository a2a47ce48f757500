"""What was done to the history beside the core, waiting until the core has entered it in the ledger.

One small file each, written whole and durable; the core takes it away when its entry is durable. One that was entered and
not taken away yet when a process died is entered twice, never lost.
"""

import os
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

from twinvouch.adapters.lock_file import make_directory, sync_directory
from twinvouch.core.errors import MalformedError
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.fields import Fields

DIRECTORY: Final = "deeds"
WHAT: Final = frozenset({"written", "purged", "shredded"})
_DRAFT: Final = ".tmp"


@dataclass(frozen=True, slots=True)
class Deed:
    """The fields of event HistoryChanged, without its salt."""

    what: str
    subject: str
    day: int
    count: int
    digest: bytes


def note(data: Path, deed: Deed, at_ns: int) -> None:
    """Keep a deed until the core has entered it; files sort by time."""
    directory = data / DIRECTORY
    make_directory(directory)
    path = directory / f"{at_ns:020d}-{os.urandom(4).hex()}"
    draft = path.with_suffix(_DRAFT)
    with draft.open("wb") as file:
        file.write(encode([1, *astuple(deed)]))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_directory(directory)


def waiting(data: Path) -> list[Path]:
    """Deeds that wait, oldest first."""
    directory = data / DIRECTORY
    return sorted(p for p in directory.glob("*") if p.suffix != _DRAFT)


def read(path: Path) -> Deed:
    """One of them; MalformedError where it is none."""
    fields = Fields(decode(path.read_bytes()), 6, "deed")
    fields.integer("version", 1, 1)
    what = fields.text("what")
    if what not in WHAT:
        raise MalformedError(f"deed: `what`: expected one of {sorted(WHAT)}, got {what!r:.60}")
    subject, day, count = fields.text("subject"), fields.integer("day"), fields.integer("count")
    return Deed(what, subject, day, count, fields.octets("digest", 0, 32))
