"""The ledger on disk: tiles, entry bundles and the signed checkpoint, safe against kill -9 anywhere.

Order of a `publish`: files are written beside their place and synced, renamed, their directories
synced; partial files that a full one replaces are removed; last the checkpoint, the same way. So
whatever a checkpoint covers is on disk before the checkpoint is, and a crash leaves at most files
beyond it, which the next publish finds, compares and keeps. Files are never changed: where other
bytes stand already, or where the root of the files differs from the signed one, this refuses with
CorruptError instead of signing a second history.

Publishing follows the commit and is never waited for by an acknowledgement: what is not yet here is
in the state store, and `catch_up` brings it. Use from one thread; `size`, `root` from any.
"""

import weakref
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from twinvouch.adapters.disk import OS, Disk
from twinvouch.adapters.whole_file import beside, write_beside
from twinvouch.core.errors import CorruptError, MalformedError, SignatureError, UnavailableError
from twinvouch.core.ports import Leaves, Signer
from twinvouch.ledger import checkpoint as note
from twinvouch.ledger import tiles
from twinvouch.ledger.checkpoint import Checkpoint, VerifierKey

CHUNK = (
    4096  # leaves per checkpoint while catching up: bounds memory at some 256 MB of largest entries
)

_MODE = 0o644  # what is in the directory is for everybody to copy


class LedgerFiles:
    """The one writer of a ledger directory; a second one is refused with UnavailableError.

    `origin` is `<plant>/<log-epoch>`. The public half of the key is left in `log.vkey` for
    convenience: an auditor must get it another way. `earlier` are public keys of the log before this one: what they
    signed last is taken over, and `log.vkey` becomes the new key's, with the next checkpoint.
    """

    def __init__(
        self,
        directory: Path,
        origin: str,
        signer: Signer,
        earlier: Sequence[bytes] = (),
        disk: Disk = OS,
    ) -> None:
        self._directory = directory
        self._disk = disk
        self._origin = note.check_name(origin)
        self._signer = signer
        self._key = VerifierKey(origin, signer.public_key)
        self._earlier = [VerifierKey(origin, key) for key in earlier if key != signer.public_key]
        self._made: set[Path] = {directory}
        self._checkpoint = b""
        self._continues = False  # whether the state store was seen to hold the last entries
        disk.make_directories(directory, 0o777)
        disk.sync_directory(directory.parent)
        self._release = weakref.finalize(self, disk.close, disk.hold(_lock_of(directory)))
        try:
            self._edge = self._open()
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """How many entries the signed checkpoint covers."""
        return self._edge.size

    @property
    def root(self) -> bytes:
        """The signed root, 32 bytes."""
        return self._edge.root()

    @property
    def verifier_key(self) -> str:
        """The line that auditors verify with: `<origin>+<key id>+<base64>`."""
        return self._key.text()

    def publish(self, leaves: Sequence[bytes]) -> None:
        """Append entries (each <= 65,535 bytes) and sign the new head; durable when it returns.

        Where the disk fails (UnavailableError) nothing is signed and the same leaves can be
        published again.
        """
        if not leaves:
            return
        edge, files = tiles.grow(self._edge, leaves)
        try:
            self._expect_unchanged()
            self._write(files)
            self._remove_partials(path for path, _ in files)
            self._write_checkpoint(edge)
        except OSError as error:
            raise UnavailableError(
                f"ledger {self._directory}: cannot publish entries {self.size} to {edge.size}: "
                f"{error}; nothing was signed, free the disk and publish again"
            ) from error
        self._edge = edge

    def catch_up(self, state: Leaves) -> None:
        """Publish what is committed in `state` and not yet here.

        Raises CorruptError where `state` holds fewer entries than were signed or other last ones:
        a restored backup needs a new log epoch.
        """
        committed = state.leaf_count()
        if committed < self.size:
            raise CorruptError(
                f"ledger {self._directory}: {self.size} entries are signed, the state store has "
                f"{committed}: was a backup restored? open a new log epoch"
            )
        if not self._continues:
            self._expect_tail(state)
            self._continues = True
        while self.size < committed:
            self.publish(state.leaves(self.size, min(self.size + CHUNK, committed)))

    def close(self) -> None:
        """Let another writer open the directory."""
        self._release()

    def _open(self) -> tiles.Edge:
        """The edge that the signed checkpoint covers; an empty ledger signs size 0."""
        raw = self._read("checkpoint")
        if raw is None:
            if self._disk.exists(self._directory / "tile"):
                raise CorruptError(
                    f"ledger {self._directory}: has tiles and no checkpoint: restore `checkpoint` "
                    "from a mirror, or move the directory away to publish it again"
                )
            edge = tiles.Edge()
            self._write([("log.vkey", f"{self.verifier_key}\n".encode())])
            self._write_checkpoint(edge)
            return edge
        signed = self._signed(raw)
        edge = tiles.restore(signed.size, self._read)
        self._expect_signed(edge, signed)
        self._checkpoint = raw
        return edge

    def _signed(self, raw: bytes) -> Checkpoint:
        for key in self._earlier:
            try:
                return note.verify(raw, key)
            except (MalformedError, SignatureError):
                continue
        try:
            return note.verify(raw, self._key)
        except (MalformedError, SignatureError) as error:
            raise CorruptError(
                f"ledger {self._directory}: {error}; nothing is signed on top of it: restore "
                "`checkpoint` from a mirror, or check which log key is configured"
            ) from error

    def _expect_unchanged(self) -> None:
        """The checkpoint on disk is the one that was read or written here last."""
        if self._read("checkpoint") != self._checkpoint:
            raise CorruptError(
                f"ledger {self._directory}: `checkpoint` was changed by another program since it "
                "was written: nothing is signed; find out which, then start again"
            )

    def _expect_signed(self, edge: tiles.Edge, signed: Checkpoint) -> None:
        """The checkpoint is about these tiles: never two roots for one size."""
        if (signed.size, signed.root) != (edge.size, edge.root()):
            raise CorruptError(
                f"ledger {self._directory}: the checkpoint signs root {signed.root.hex()} of "
                f"{signed.size} entries, the tiles give {edge.root().hex()} of {edge.size}: "
                "restore the ledger files from a mirror"
            )

    def _expect_tail(self, state: Leaves) -> None:
        """The entries of the last bundle are those that the state store holds."""
        if not self.size:
            return
        first = (self.size - 1) // tiles.WIDTH * tiles.WIDTH
        here = self._edge.bundle or self._read(tiles.tile_path("entries", first // tiles.WIDTH))
        if here != tiles.write_bundle(state.leaves(first, self.size)):
            raise CorruptError(
                f"ledger {self._directory}: entries {first} to {self.size} differ from those in "
                "the state store: nothing more is signed; was another data directory mixed in?"
            )

    def _read(self, path: str) -> bytes | None:
        try:
            return self._disk.read(self._directory / path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _write(self, files: Iterable[tiles.File]) -> None:
        """Put files in place durably; one that stands already must hold the same bytes."""
        missing, places = [], set()
        for path, content in files:
            places.add((self._directory / path).parent)
            there = self._read(path)
            if there is None:
                missing.append((self._directory / path, content))
            elif there != content:
                raise CorruptError(
                    f"ledger {self._directory}: {path} holds other bytes than the entries give: "
                    "nothing is signed; restore it from a mirror"
                )
        # of files that stand already the names may be as new: put in place, and not synced before a crash
        touched, made = self._make_directories(places)
        for target, content in missing:
            write_beside(self._disk, target, content, _MODE)
        for target, _ in missing:
            self._disk.rename(beside(target), target)
        for directory in sorted(touched):
            self._disk.sync_directory(directory)
        self._made |= made  # only now: where a sync failed, the next attempt syncs them all again

    def _make_directories(self, wanted: set[Path]) -> tuple[set[Path], set[Path]]:
        """Make what is missing; the directories whose listing changes once files are in place, and the new ones."""
        touched, made = set(wanted), set()
        for directory in sorted(wanted - self._made):
            chain = [directory, *directory.parents]
            for child, parent in pairwise(chain[: chain.index(self._directory) + 1]):
                if child not in self._made:
                    made.add(child)
                    touched.add(parent)
            self._disk.make_directories(directory, 0o777)
        return touched, made

    def _remove_partials(self, paths: Iterable[str]) -> None:
        """Drop the partial files of every tile that is now full and durable."""
        for path in paths:
            if ".p/" not in path:
                partial = self._directory / f"{path}.p"
                if partial in self._made or self._disk.exists(partial):
                    self._disk.remove_tree(partial)
                    self._made.discard(partial)

    def _write_checkpoint(self, edge: tiles.Edge) -> None:
        raw = note.sign(Checkpoint(self._origin, edge.size, edge.root()), self._signer)
        target = self._directory / "checkpoint"
        write_beside(self._disk, target, raw, _MODE)
        self._disk.rename(beside(target), target)
        key, key_file = f"{self.verifier_key}\n".encode(), self._directory / "log.vkey"
        if self._read("log.vkey") != key:
            write_beside(self._disk, key_file, key, _MODE)
            self._disk.rename(beside(key_file), key_file)
        self._checkpoint = raw  # it is the one to be seen, even where it cannot be made durable
        self._disk.sync_directory(self._directory)


def _lock_of(directory: Path) -> Path:
    """Beside the directory, not in it: what is in it is for everybody to copy."""
    return directory.with_name(f"{directory.name}.lock")
