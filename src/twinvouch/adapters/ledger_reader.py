"""Reads a ledger directory, one's own or a copy, while its core may go on publishing: entries, heads and proofs."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from twinvouch.adapters.disk import OS
from twinvouch.adapters.whole_file import replace_file
from twinvouch.core.errors import CorruptError, MalformedError, SignatureError, UsageError
from twinvouch.ledger import checkpoint, tiles, tlog
from twinvouch.ledger.checkpoint import Checkpoint, Note, VerifierKey

CHECKPOINT, WITNESSED = "checkpoint", "checkpoint.witnessed"
_KEPT = 16  # bundles that are kept apart


class LedgerReader:
    """The ledger as a checkpoint of it says: `head` is what everything here is proven against. For one thread."""

    def __init__(self, directory: Path, note: bytes) -> None:
        self.directory = directory
        self.note = note
        self.head: Checkpoint = checkpoint.read_text(checkpoint.read_note(note).text)
        self._hashes = tiles.TileHashes(self._read, self.head.size)
        self._bundle = lru_cache(_KEPT)(self._bundle_of)

    def consistency(self, old: int) -> list[bytes]:
        """Proof that the head extends that of `old` entries; empty for 0."""
        return tlog.consistency_proof(self._hashes.hash_at, old, self.head.size) if old else []

    def root_at(self, size: int) -> bytes:
        """The root over the first `size` entries."""
        return tlog.root_at(self._hashes.hash_at, size)

    def inclusion(self, index: int) -> list[bytes]:
        """Proof that entry `index` is under the head."""
        return tlog.inclusion_proof(self._hashes.hash_at, index, self.head.size)

    def entry(self, index: int) -> bytes:
        """One entry; UsageError beyond the head, CorruptError where it does not hash to its tile."""
        if not 0 <= index < self.head.size:
            raise UsageError(f"entry {index}: the head covers {self.head.size} entries")
        found = self._bundle(index // tiles.WIDTH)[index % tiles.WIDTH]
        if tlog.leaf_hash(found) != self._hashes.hash_at(0, index):
            raise CorruptError(f"entry {index} does not hash to its tile")
        return found

    def entries(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Entries start..end with their indices, in order."""
        for index in range(max(0, start), min(end, self.head.size)):
            yield index, self._bundle(index // tiles.WIDTH)[index % tiles.WIDTH]

    def _bundle_of(self, number: int) -> list[bytes]:
        width = min(tiles.WIDTH, self.head.size - number * tiles.WIDTH)
        for path in (tiles.tile_path("entries", number, width), tiles.tile_path("entries", number)):
            if (raw := self._read(path)) is not None:
                try:
                    return tiles.read_bundle(raw, width)
                except MalformedError as error:
                    raise CorruptError(f"`{self.directory}`: {path}: {error}") from None
        raise CorruptError(
            f"`{self.directory}`: {tiles.tile_path('entries', number, width)} is missing"
        )

    def _read(self, path: str) -> bytes | None:
        return read(self.directory, path)


def read(directory: Path, path: str) -> bytes | None:
    """A file below a ledger directory; None where there is none."""
    try:
        return (directory / path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def open_ledger(directory: Path, key: VerifierKey, name: str = CHECKPOINT) -> LedgerReader:
    """The ledger under a head that `key` signed; CorruptError where it has none, or one that does not fit."""
    raw = read(directory, name)
    if raw is None:
        raise CorruptError(f"`{directory}` has no `{name}`")
    try:
        checkpoint.verify(raw, key)
    except (MalformedError, SignatureError) as error:
        raise CorruptError(f"`{directory}`: {name}: {error}") from None
    return LedgerReader(directory, raw)


def keep_witnessed(directory: Path, note: bytes) -> None:
    """Put a cosigned head beside the checkpoint: added to one of the same head, in place of an older one; OSError."""
    known = read(directory, WITNESSED)
    new = checkpoint.read_note(note)
    if known is not None:
        try:
            old = checkpoint.read_note(known)
            if old.text == new.text:
                both = dict.fromkeys([*old.signatures, *new.signatures])
                names = {(name, s[:4]): (name, s) for name, s in both}  # the later of one witness
                new = Note(new.text, tuple(names.values()))
            elif checkpoint.read_text(old.text).size > checkpoint.read_text(new.text).size:
                return
        except MalformedError:
            pass  # what cannot be read is replaced
    # as all of the directory, it is for everybody to copy
    replace_file(OS, directory / WITNESSED, checkpoint.write_note(new), 0o644)
