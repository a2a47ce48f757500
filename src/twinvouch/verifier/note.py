"""The signed checkpoint (C2SP signed-note and tlog-checkpoint), read strictly, line by line.

Every line that is wrong is named, so that an auditor sees where to look.
"""

import base64
import binascii
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

DASH = "\N{EM DASH} "
BYTES_MAX = 1 << 18


class KeyTextError(ValueError):
    """A verifier key that is not `<name>+<key id in hex>+<base64>` of an Ed25519 key."""


class LineError(ValueError):
    """A checkpoint line that is wrong: `line` counts from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


@dataclass(frozen=True, slots=True)
class Key:
    """The log's name and public key, as the auditor was given them."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """First four bytes of SHA-256(name, newline, 0x01, key)."""
        return sha256(self.name.encode() + b"\n\x01" + self.public_key).digest()[:4]


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint's fields, and every signature as (line number, key name, key id || signature)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...]
    signatures: tuple[tuple[int, str, bytes], ...]

    def text(self) -> bytes:
        """What is signed."""
        root = base64.b64encode(self.root).decode()
        return "".join(
            f"{line}\n" for line in (self.origin, self.size, root, *self.extensions)
        ).encode()


def read_key(text: str) -> Key:
    """A key from its one line; KeyTextError where it is not one."""
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = _unbase64(encoded)
    if not name or raw is None or len(raw) != 33 or raw[0] != 1:
        raise KeyTextError("expected `<name>+<key id in hex>+<base64>` of an Ed25519 key")
    key = Key(name, raw[1:])
    if key.key_id.hex() != key_id:
        raise KeyTextError(f"the key id of this key is {key.key_id.hex()}, got {key_id[:16]!r}")
    return key


def key_text(text_or_file: str) -> str:
    """The key line itself, or the content of a file that holds it; KeyTextError for neither."""
    try:
        read_key(text_or_file)
    except KeyTextError:
        path = Path(text_or_file)
        if not path.is_file():
            raise
        return path.read_bytes()[:BYTES_MAX].decode(errors="replace").strip()
    return text_or_file


def read_note(raw: bytes) -> Note:
    """The fields of a checkpoint, nothing verified; LineError where a line has another form."""
    try:
        whole = raw[:BYTES_MAX].decode()
    except UnicodeDecodeError as error:
        raise LineError(raw[: error.start].count(b"\n") + 1, "not UTF-8") from error
    lines = whole.split("\n")
    for number, line in enumerate(lines, 1):
        if any(c < " " for c in line):
            raise LineError(number, "has control characters")
    if len(raw) > BYTES_MAX or lines.pop() != "":
        raise LineError(len(lines) + 1, "does not end in a newline")
    body, signatures = _split(lines)
    return Note(
        origin=body[0],
        size=_size(body[1]),
        root=_root(body[2]),
        extensions=tuple(body[3:]),
        signatures=tuple(_signature(line, len(body) + 2 + n) for n, line in enumerate(signatures)),
    )


def find_signed(note: Note, key: Key) -> int:
    """The line of the log's valid signature; LineError where there is none, or one that is wrong."""
    if note.origin != key.name:
        raise LineError(1, f"the log is {note.origin[:200]!r}, the key is for {key.name!r}")
    mine = [s for s in note.signatures if s[1] == key.name and s[2][:4] == key.key_id]
    if not mine:
        line = len(note.extensions) + 5
        raise LineError(line, f"no signature by {key.name} with key id {key.key_id.hex()}")
    for line, _, signature in mine:
        if not _fits(note, key, signature[4:]):
            raise LineError(line, f"the signature does not fit the text before it ({key.name})")
    return mine[0][0]


def find_changed(note: Note, key: Key, size: int, root: bytes) -> LineError | None:
    """Which line of a badly signed note was changed, where the files tell.

    The signature is tried with the size and then with the root that the files give.
    """
    signatures = [s[2][4:] for s in note.signatures if s[2][:4] == key.key_id]
    tries = {2: replace(note, size=size), 3: replace(note, root=root)}
    for line, candidate in tries.items():
        if candidate != note and any(_fits(candidate, key, signature) for signature in signatures):
            signed = candidate.text().decode().split("\n")[line - 1]
            return LineError(line, f"was changed: the log signed {signed}")
    return None


def _fits(note: Note, key: Key, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, note.text())
    except InvalidSignature:
        return False
    return True


def _split(lines: list[str]) -> tuple[list[str], list[str]]:
    """Text and signature lines: apart by the last empty line."""
    if "" not in lines:
        raise LineError(len(lines) + 1, "expected an empty line and a signature line")
    at = len(lines) - 1 - lines[::-1].index("")
    body, signatures = lines[:at], lines[at + 1 :]
    if len(body) < 3 or "" in body:
        wrong = body.index("") if "" in body else len(body)
        raise LineError(wrong + 1, "expected origin, size and root, one line each")
    if not signatures:
        raise LineError(at + 2, "expected a signature line")
    return body, signatures


def _size(line: str) -> int:
    if not (line.isascii() and line.isdigit() and len(line) < 20 and str(int(line)) == line):
        raise LineError(2, f"expected a decimal number of entries, got {line[:40]!r}")
    return int(line)


def _root(line: str) -> bytes:
    root = _unbase64(line)
    if root is None or len(root) != 32:
        raise LineError(3, f"expected a root of 32 bytes in base64, got {line[:60]!r}")
    return root


def _signature(line: str, number: int) -> tuple[int, str, bytes]:
    name, _, encoded = line.removeprefix(DASH).partition(" ")
    raw = _unbase64(encoded)
    if not line.startswith(DASH) or not name or "+" in name or raw is None or len(raw) < 5:
        raise LineError(number, f"expected a signature line, got {line[:60]!r}")
    return number, name, raw


def _unbase64(text: str) -> bytes | None:
    """Canonical base64 only; None for anything else."""
    try:
        raw = base64.b64decode(text.encode(), validate=True)
    except binascii.Error:
        return None
    return raw if base64.b64encode(raw).decode() == text else None
