"""The signed head of a log: a C2SP checkpoint in a C2SP signed note, Ed25519 only.

The text is three lines (origin, number of entries, root in base64), then an empty line, then
signature lines. The key has the name of the origin, `<plant>/<log-epoch>`. Reading is strict down
to the unused bits of base64, so that no bit of a checkpoint can be flipped unseen.
"""

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from twinvouch.core.errors import MalformedError, SignatureError, UsageError
from twinvouch.core.ports import Signer
from twinvouch.ledger.tlog import HASH_BYTES

ED25519 = b"\x01"  # signature type of the signed-note format
BYTES_MAX = 1 << 18  # a note with 16 post-quantum signatures has about 110 kB
DASH = "\N{EM DASH} "


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: `root` (32 bytes) over the first `size` entries of the log `origin`."""

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """The three lines that are signed."""
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\n".encode()


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key as auditors hold it: the name it signs under and 32 bytes of Ed25519."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public_key).digest()[:4]

    def text(self) -> str:
        """`<name>+<key id in hex>+<base64 of type and key>`, one line."""
        key = base64.b64encode(ED25519 + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note: the signed text and (key name, key id || signature) per signature line."""

    text: bytes
    signatures: tuple[tuple[str, bytes], ...]


def check_name(name: str) -> str:
    """The name, where it may stand in a key and in an origin line; UsageError where not."""
    if not name or "+" in name or any(c.isspace() or not c.isprintable() for c in name):
        raise UsageError(f"`{name!r}` cannot name a log: no spaces, no plus, not empty")
    return name


def read_key(text: str) -> VerifierKey:
    """A verifier key from its one line; MalformedError where form or key id do not fit."""
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = unbase64(encoded, "a verifier key `<name>+<hex>+<base64>`")
    if len(raw) != 1 + HASH_BYTES or raw[:1] != ED25519:
        raise MalformedError(f"verifier key of `{name}`: expected an Ed25519 key of 32 bytes")
    key = VerifierKey(check_name(name), raw[1:])
    if key.key_id.hex() != key_id:
        raise MalformedError(
            f"verifier key of `{name}`: its id is {key.key_id.hex()}, got {key_id!r}"
        )
    return key


def sign(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """The note as it is published: the text, an empty line and one signature line."""
    text = checkpoint.text()
    key = VerifierKey(check_name(checkpoint.origin), signer.public_key)
    signature = base64.b64encode(key.key_id + signer.sign(text)).decode()
    return text + f"\n{DASH}{key.name} {signature}\n".encode()


def verify(raw: bytes, key: VerifierKey) -> Checkpoint:
    """The checkpoint, where `key` signed it and it is about the key's log.

    Raises MalformedError (form) or SignatureError (no or a wrong signature of this key).
    """
    note = read_note(raw)
    checkpoint = read_text(note.text)
    mine = [s[4:] for name, s in note.signatures if name == key.name and s[:4] == key.key_id]
    if not mine:
        raise SignatureError(f"checkpoint: no signature by `{key.name}` ({key.key_id.hex()})")
    for signature in mine:
        try:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, note.text)
        except InvalidSignature as error:
            raise SignatureError(
                f"checkpoint: the signature by `{key.name}` does not fit"
            ) from error
    if checkpoint.origin != key.name:
        raise SignatureError(f"checkpoint: of log `{checkpoint.origin}`, expected `{key.name}`")
    return checkpoint


def read_note(raw: bytes) -> Note:
    """Split a note into text and signatures, without verifying; MalformedError names the line."""
    if len(raw) > BYTES_MAX:
        raise MalformedError(f"checkpoint: {len(raw)} bytes, the limit is {BYTES_MAX}")
    try:
        whole = raw.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(f"checkpoint: offset {error.start}: not UTF-8") from error
    if any(c < " " and c != "\n" for c in whole):
        raise MalformedError("checkpoint: has control characters")
    text, empty, rest = whole.rpartition("\n\n")
    if not empty or not rest.endswith("\n"):
        raise MalformedError("checkpoint: expected text, an empty line and signature lines")
    first = text.count("\n") + 3
    lines = rest[:-1].split("\n")
    return Note(
        text.encode() + b"\n",
        tuple(_read_signature(line, first + at) for at, line in enumerate(lines)),
    )


def write_note(note: Note) -> bytes:
    """The note that `read_note` takes apart into this."""
    lines = [f"{DASH}{name} {base64.b64encode(raw).decode()}\n" for name, raw in note.signatures]
    return note.text + b"\n" + "".join(lines).encode()


def read_text(text: bytes) -> Checkpoint:
    """The fields of a checkpoint's text; further lines (extensions) must not be empty."""
    lines = text.decode().removesuffix("\n").split("\n")
    if len(lines) < 3 or not all(lines):
        raise MalformedError(
            f"checkpoint: expected three lines that are not empty, got {len(lines)}"
        )
    size, root = lines[1], unbase64(lines[2], "checkpoint: line 3: a root in base64")
    if not (size.isascii() and size.isdigit() and len(size) < 20 and str(int(size)) == size):
        raise MalformedError(f"checkpoint: line 2: expected a decimal size, got {size[:40]!r}")
    if len(root) != HASH_BYTES:
        raise MalformedError(f"checkpoint: line 3: expected 32 bytes, got {len(root)}")
    return Checkpoint(lines[0], int(size), root)


def _read_signature(line: str, number: int) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(DASH).partition(" ")
    raw = unbase64(encoded, f"checkpoint: line {number}: a signature in base64")
    if not line.startswith(DASH) or not name or "+" in name or len(raw) <= 4:
        raise MalformedError(f"checkpoint: line {number}: expected a signature line")
    return name, raw


def unbase64(text: str, what: str) -> bytes:
    """Canonical base64 only: the unused bits of the last character are zero."""
    try:
        raw = base64.b64decode(text.encode(), validate=True)
    except binascii.Error as error:
        raise MalformedError(f"{what}: expected, got {text[:60]!r}") from error
    if base64.b64encode(raw).decode() != text:
        raise MalformedError(f"{what}: expected in canonical form, got {text[:60]!r}")
    return raw
