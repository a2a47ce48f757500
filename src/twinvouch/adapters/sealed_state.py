"""The state store with its values encrypted: rows under the day they were written, blobs as they come.

Keys of rows, digests of blobs and ledger entries stay readable; the entries are for auditors anyway. What was
written before encryption was turned on is read as it is, and replaced as it changes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from twinvouch.adapters.key_store import ErasedError
from twinvouch.adapters.vault import STATE, Vault, opened
from twinvouch.core.errors import CorruptError
from twinvouch.core.ports import Group, State
from twinvouch.wire.encrypted import DAY_NS, is_encrypted, read_label


def blob_place(digest: bytes) -> bytes:
    """Where a blob belongs: encrypted bytes of another one do not open there."""
    return b"blob/" + digest


SALT_BYTES = 16


class SealedState:
    """A State over `state` whose rows go through `vault`; the blobs of a group come encrypted already."""

    def __init__(self, state: State, vault: Vault, clock_ns: Callable[[], int]) -> None:
        self._state, self._vault, self._clock_ns = state, vault, clock_ns

    def load(self) -> tuple[Mapping[str, bytes], int]:
        """All rows, opened, and `log_end` of the last commit."""
        rows, end = self._state.load()
        return opened_rows(self._vault, rows), end

    def commit(self, group: Group) -> None:
        """All of it or nothing, its rows encrypted."""
        now_ns = self._clock_ns()
        rows = {
            key: None if raw is None else self._vault.seal(STATE, now_ns, raw, _row_place(key))
            for key, raw in group.rows.items()
        }
        self._state.commit(replace(group, rows=rows))

    def renew(self) -> None:
        """Encrypt again, with today's key, the rows of earlier days and those from before encryption.

        After it only the keys of today and later are needed for rows; call it once, at the start.
        """
        stored, end = self._state.load()
        today = self._clock_ns() // DAY_NS
        old = {
            key: opened(self._vault, raw, _row_place(key))
            for key, raw in stored.items()
            if not is_encrypted(raw) or read_label(raw).day < today
        }
        if old:
            self.commit(Group(old, [], [], end))

    def leaf_count(self) -> int:
        """How many leaves are committed."""
        return self._state.leaf_count()

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        """Committed leaves start..end."""
        return self._state.leaves(start, end)

    def blob(self, digest: bytes) -> bytes | None:
        """Content by its SHA-256; None where there is none, or none any more since its key was shredded."""
        return opened_blob(self._vault, self._state.blob(digest), digest)

    def close(self) -> None:
        """Release the store; the vault is the caller's."""
        self._state.close()


def opened_blob(vault: Vault | None, stored: bytes | None, digest: bytes) -> bytes | None:
    """A blob as it was kept; None where there is none, or its key was shredded; CorruptError for other bytes."""
    if stored is None or digest in {sha256(stored).digest(), commitment(stored)}:
        return stored
    if not is_encrypted(stored):
        raise CorruptError(f"blob {digest.hex()} has other bytes than its digest says")
    try:
        return opened(vault, stored, blob_place(digest))
    except ErasedError:
        return None


def commitment(stored: bytes) -> bytes:
    """What names a blob by its entry's salted commitment, a permit: SHA-256(salt || SHA-256(content))."""
    salt, content = stored[:SALT_BYTES], stored[SALT_BYTES:]
    return sha256(salt + sha256(content).digest()).digest()


def opened_rows(vault: Vault | None, rows: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Rows as the engine wrote them."""
    return {key: opened(vault, raw, _row_place(key)) for key, raw in rows.items()}


def _row_place(key: str) -> bytes:
    return b"row/" + key.encode()
