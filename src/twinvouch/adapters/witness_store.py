"""What a witness has cosigned last, one file a log, durable before a cosignature leaves.

A file `<SHA-256 of the origin in hex>` holds the note with the log's signatures and the cosignature: it is replaced
as a whole, so a crash leaves the last head or this one, and nothing was given out of one that is lost. Every answer
begins by reading the file: what another program changed, or a failed sync left unknown, is never built on from memory.
"""

import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from twinvouch.adapters.disk import OS, Disk
from twinvouch.adapters.whole_file import replace_file
from twinvouch.core.errors import CorruptError, MalformedError, SignatureError, UnavailableError
from twinvouch.core.ports import Signer
from twinvouch.ledger import checkpoint, witness
from twinvouch.ledger.checkpoint import Checkpoint, Note, VerifierKey
from twinvouch.ledger.cosignature import WitnessKey, cosign, expect_cosigned
from twinvouch.ledger.witness import Judged, Request


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A head that this witness stands for: the note with the log's signatures and its own, and its own line."""

    head: Checkpoint
    note: bytes
    line: bytes


class WitnessStore:
    """The one writer of a witness's directory; a second one is refused with UnavailableError. One thread at a time."""

    def __init__(
        self,
        directory: Path,
        name: str,
        signer: Signer,
        disk: Disk = OS,
        now_s: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        self.key = WitnessKey(name, signer.public_key)
        self._directory = directory
        self._signer = signer
        self._disk = disk
        self._now_s = now_s
        self._settled: set[Path] = set()  # files whose content and name are known to be durable
        disk.make_directory(directory)
        self._release = weakref.finalize(self, disk.close, disk.hold(directory / "lock"))

    def last(self, origin: str) -> Cosigned | None:
        """What was cosigned last of a log; CorruptError where the file is not what was written here.

        It is durable when this returns; UnavailableError where that cannot be had.
        """
        path = self._path(origin)
        try:
            raw = self._disk.read(path)
            if path not in self._settled:
                self._put(path, raw)  # a crash or failed sync may have left it seen and not stored
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unavailable(self._directory, error) from error
        try:
            note = checkpoint.read_note(raw)
            head = checkpoint.read_text(note.text)
            expect_cosigned(note, self.key)
        except (MalformedError, SignatureError) as error:
            raise CorruptError(
                f"witness `{path}`: {error}: nothing of this log is cosigned; make a new witness key, and begin with it"
            ) from None
        mine = [s for s in note.signatures if s[0] == self.key.name]
        line = checkpoint.write_note(Note(b"", tuple(mine[-1:]))).removeprefix(b"\n")
        return Cosigned(head, raw, line)

    def add(
        self, request: Request, logs: Mapping[str, Sequence[VerifierKey]]
    ) -> tuple[Judged, Cosigned | None]:
        """Judge a head; where it extends the last one it is cosigned, durably, when this returns.

        Raises UnavailableError where the disk refuses: nothing was given out, and the same may be asked again.
        """
        origin = origin_of(request.note)
        seen = self.last(origin) if origin in logs else None
        judged = witness.judge(request, logs, seen.head if seen is not None else None)
        if judged.code != witness.OK or judged.head is None:
            return judged, seen
        return judged, self._remember(judged.head, judged.note)

    def close(self) -> None:
        """Let another process open the directory."""
        self._release()

    def _remember(self, head: Checkpoint, note: bytes) -> Cosigned:
        signed = checkpoint.read_note(note)
        line = cosign(signed.text, self.key.name, self._signer, self._now_s())
        made = Cosigned(head, note + line, line)
        try:
            self._put(self._path(head.origin), made.note)
        except OSError as error:
            raise _unavailable(self._directory, error) from error
        return made

    def _put(self, path: Path, content: bytes) -> None:
        self._settled.discard(path)
        replace_file(self._disk, path, content, 0o600)
        self._settled.add(path)

    def _path(self, origin: str) -> Path:
        return self._directory / sha256(origin.encode()).hexdigest()


def _unavailable(directory: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"witness `{directory}`: cannot keep what would be cosigned: {error.strerror}; nothing was said"
    )


def origin_of(note: bytes) -> str:
    """The first line of a note; nothing is verified."""
    return note.partition(b"\n")[0].decode("utf-8", "replace")
