"""Whose signatures count by what the plant root said in entries 75 of a receipt: key, purpose, from when, until when.

Only what the root signed counts, in the order of the entries; a rotation of the root (kind 9) is followed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from twinvouch.verifier.cbor import CborError, decode
from twinvouch.verifier.sealed import key_id, opened

ENTRY, KEY, ROOT = 75, 8, 9
USES = {
    "readings": {"edge"},
    "command": {"service", "person"},
    "statement": {"person"},
    "outcome": {"actuator"},
    "model": {"model-signer"},
}


@dataclass(slots=True)
class Rooted:
    """Keys by their id: what the root named them for, in which entry, and in which it revoked them."""

    root: bytes
    plant: str
    named: dict[bytes, tuple[bytes, str, int]] = field(default_factory=dict)
    revoked: dict[bytes, int] = field(default_factory=dict)

    def take(self, entries: Iterable[tuple[int, list[Any]]]) -> None:
        """Look at entries of kind 75, as index and elements; what the root did not sign is passed over."""
        for index, items in entries:
            try:
                found: Any = decode(opened(items[5], self.plant, "key", self.root))
                self._said(index, found)
            except (CborError, ValueError, TypeError, LookupError):
                continue

    def _said(self, index: int, said: list[Any]) -> None:
        if said[2] != self.plant:
            return
        if said[1] == ROOT and len(said) == 7:
            old, new, proof = said[4:7]
            if old == self.root and opened(proof, self.plant, "key", new):
                self.root = new
        elif said[1] == KEY and len(said) == 12:
            kid = key_id(said[7])
            if said[4] == "revoke":
                self.revoked.setdefault(kid, index)
            else:
                self.named.setdefault(kid, (said[7], said[5], index))

    def key_of(self, kid: bytes, purpose: str, at: int) -> tuple[bytes, str]:
        """The key that may sign for `purpose` in entry `at`, or why it may not; nothing of both where none is known."""
        found = self.named.get(kid)
        if found is None:
            return b"", ""
        key, named_for, _ = found
        if named_for not in USES.get(purpose, set()):
            return b"", f"its key is for {named_for[:40]}, not for {purpose}"
        if self.revoked.get(kid, at) < at:
            return b"", f"its key was revoked in entry {self.revoked[kid]}"
        return key, ""
