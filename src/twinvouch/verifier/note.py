"""The signed checkpoint (C2SP signed-note and tlog-checkpoint), read strictly, line by line.

Every line that is wrong is named, so that an auditor sees where to look.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

DASH = "\N{EM DASH} "
BYTES_MAX = 1 << 18
ED25519_COSIGNER = 4


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
    type: int = 1  # 0x01 a log, 0x04 or 0x06 a witness

    @property
    def key_id(self) -> bytes:
        """First four bytes of SHA-256(name, newline, type, key)."""
        material = bytes([self.type]) + self.public_key
        return sha256(self.name.encode() + b"\n" + material).digest()[:4]


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


def key_text(text_or_file: str, read: Callable[[str], Key] = read_key) -> str:
    """The key line itself, or the content of a file that holds it; KeyTextError for neither."""
    try:
        read(text_or_file)
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


def read_witness(text: str) -> Key:
    """A witness's key: `<name>+<key id in hex>+<base64 of 0x04 or 0x06 and the key>`; KeyTextError for anything else."""
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = _unbase64(encoded)
    if not name or raw is None or len(raw) != {4: 33, 6: 1313}.get(raw[0] if raw else 0):
        raise KeyTextError("expected a witness key: type 0x04 (Ed25519) or 0x06 (ML-DSA-44)")
    if raw[0] != ED25519_COSIGNER and not _has_ml_dsa():
        raise KeyTextError("this key is ML-DSA-44 (type 0x06): install `cryptography` 50 or later")
    key = Key(name, raw[1:], raw[0])
    if key.key_id.hex() != key_id:
        raise KeyTextError(f"the key id of this key is {key.key_id.hex()}, got {key_id[:16]!r}")
    return key


def cosigned_at(note: Note, key: Key) -> int | None:
    """When a witness cosigned (C2SP tlog-cosignature), POSIX seconds; None where it did not; LineError where it is wrong."""
    found = None
    for line, name, raw in note.signatures:
        if name != key.name or raw[:4] != key.key_id:
            continue
        at = int.from_bytes(raw[4:12], "big")
        if not 0 < at < 1 << 63 or not _cosigned(note, key, at, raw[12:]):
            raise LineError(line, f"the cosignature does not fit ({key.name})")
        found = at
    return found


def _cosigned(note: Note, key: Key, at: int, signature: bytes) -> bool:
    try:
        if key.type == ED25519_COSIGNER:
            message = f"cosignature/v1\ntime {at}\n".encode() + note.text()
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, message)
        else:
            from cryptography.hazmat.primitives.asymmetric import mldsa

            public = mldsa.MLDSA44PublicKey.from_public_bytes(key.public_key)
            public.verify(signature, _subtree(note, key, at))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _has_ml_dsa() -> bool:
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa
    except ImportError:
        return False
    return bool(mldsa)


def _subtree(note: Note, key: Key, at: int) -> bytes:
    """The message of the ML-DSA-44 type; it names the witness and leaves extension lines out."""
    names = (bytes([len(name)]) + name for name in (key.name.encode(), note.origin.encode()))
    name, origin = names
    start_end = bytes(8) + note.size.to_bytes(8, "big")
    return b"subtree/v1\n\0" + name + at.to_bytes(8, "big") + origin + start_end + note.root


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
