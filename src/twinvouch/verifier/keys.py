"""Log keys as the plant root names them in the ledger: entries of kind 75 hold its statements whole.

With the root's public key an auditor follows the log across a rotation of its key. Only the root's own signatures
count here: an entry that it did not sign is passed over, since an owner of the log could have put it there.
"""

import base64
import binascii
from dataclasses import dataclass, field

from twinvouch.verifier.entry import Reader
from twinvouch.verifier.sealed import opened

ENTRY_KEY, KEY, ROOT = 75, 8, 9


class RootTextError(ValueError):
    """A root key that is not base64 of an Ed25519 or P-256 public key."""


def read_root(text: str) -> bytes:
    """The root's public key from its base64, as twin.yaml pins it."""
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) not in {32, 65}:
        raise RootTextError("expected base64 of a public key, as `key_list.root` has it")
    return raw


@dataclass(slots=True)
class LogKeys:
    """What the root said of keys of the log, gathered in the order of the entries."""

    root: bytes
    plant: str  # statements for another plant say nothing here, even where the root is the same
    named: dict[bytes, int] = field(default_factory=dict)  # public key -> entry that named it
    revoked: dict[bytes, int] = field(default_factory=dict)

    def take(self, entry: bytes, index: int) -> None:
        """Look at one entry; nothing in it can raise."""
        try:
            content = opened(_sealed_in(entry), self.plant, "key", self.root)
            self._said(content, index)
        except ValueError:
            return

    def _said(self, content: bytes, index: int) -> None:
        reader = Reader(content)
        count = reader.array()
        _, kind, said_plant, _ = reader.integer(), reader.integer(), reader.text(), reader.integer()
        if said_plant != self.plant:
            raise ValueError
        if (kind, count) == (ROOT, 7):
            old, new, proof = reader.octets(), reader.octets(), reader.octets()
            if old == self.root and opened(proof, self.plant, "key", new):
                self.root = new
        elif (kind, count) == (KEY, 12):
            verb, purpose, _, key = reader.text(), reader.text(), reader.text(), reader.octets()
            # checkpoints know only Ed25519; a revocation counts whatever it says that the key was for, as in the core
            if key in self.named or (purpose == "log" and len(key) == 32):
                (self.revoked if verb == "revoke" else self.named).setdefault(key, index)


def _sealed_in(entry: bytes) -> bytes:
    reader = Reader(entry)
    count = reader.array()
    version, kind = reader.integer(), reader.integer()
    reader.text()
    reader.integer()
    reader.octets()
    if (version, kind, count) != (1, ENTRY_KEY, 6):
        raise ValueError
    return reader.octets()
