"""What is written encrypts here, what is read opens here: the data keys in use, and chance for nonces.

Nonces are 96 random bits, drawn for every encryption from the system, so that nothing has to be remembered over
a crash. A key serves one stream for one day: with 1,000 records a second that are 2**26.4 nonces, and two of them
are equal with probability 2**-44; NIST SP 800-38D allows 2**32 under one key.

Streams: the id of an edge for what came under its key id, `unknown` for batches under a key that nobody has (one
stream, or strangers could make keys), `core` for all other events, `state` for what the engine knows, `labels` for
the labels that many entries share, `spool` on an edge. Blobs are under the key of the event they came with, so that
erasing it erases what was said about it.
"""

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twinvouch.adapters.key_store import KeyStore
from twinvouch.core.errors import CorruptError, UnavailableError
from twinvouch.core.event import BatchReceived, Event
from twinvouch.core.inventory import Plant, PrincipalKind
from twinvouch.core.keyring import Keyring
from twinvouch.wire.cose import key_id_of
from twinvouch.wire.encrypted import (
    DAY_NS,
    NONCE_BYTES,
    Label,
    commitment,
    decrypt,
    encrypt,
    is_encrypted,
    label,
    read_label,
)
from twinvouch.wire.signed import holder

CORE: Final = "core"
UNKNOWN: Final = "unknown"
STATE: Final = "state"
LABELS: Final = "labels"
SPOOL: Final = "spool"
LOG: Final = b"log"  # the place of records of the event log
_OPEN = 256  # ciphers that are kept at hand


class Vault:
    """Encrypts under today's key of a stream and decrypts under any that is not shredded. Any thread."""

    def __init__(self, keys: KeyStore) -> None:
        self.keys = keys
        self._today: dict[str, tuple[Label, AESGCM]] = {}
        self._known: OrderedDict[bytes, AESGCM] = OrderedDict()
        self.make_room: Callable[[], bool] = bool  # asked where a new key found no room

    @property
    def id(self) -> bytes:
        """What names the key store in files that are written under it, 8 bytes."""
        return self.keys.id

    def seal(self, stream: str, now_ns: int, plain: bytes, place: bytes) -> bytes:
        """The stored form of `plain`; its key is durable before this returns."""
        day = now_ns // DAY_NS
        found = self._today.get(stream)
        if found is None or found[0].day != day:
            key = self._key(stream, day)
            found = label(stream, day, commitment(key)), AESGCM(key)
            self._today[stream] = found
        return encrypt(found[1], found[0], os.urandom(NONCE_BYTES), plain, place)

    def _key(self, stream: str, day: int) -> bytes:
        """The key of a stream and day; a new one that finds no room is tried once more when some was made."""
        try:
            return self.keys.key(stream, day)
        except UnavailableError:
            self.make_room()  # or another thread has made it
            return self.keys.key(stream, day)

    def open(self, stored: bytes, place: bytes) -> bytes:
        """The plain bytes; ErasedError where their key was shredded, CorruptError where they were changed."""
        under = read_label(stored)
        cipher = self._known.get(under.commitment)
        if cipher is None:
            cipher = AESGCM(self.keys.find(under.stream, under.day, under.commitment))
            self._known[under.commitment] = cipher
            while len(self._known) > _OPEN:
                self._known.popitem(last=False)
        return decrypt(cipher, under, stored, place)

    def close(self) -> None:
        """Forget the keys and release their file."""
        self._today.clear()
        self._known.clear()
        self.keys.close()


def opened(vault: Vault | None, stored: bytes, place: bytes) -> bytes:
    """The plain bytes of what may or may not be encrypted."""
    if not is_encrypted(stored):
        return stored
    if vault is None:
        raise CorruptError(
            "the data is encrypted and no key is configured: name the key-encryption key in `encryption:`"
        )
    return vault.open(stored, place)


def stream_of(event: Event, plant: Plant, ring: Keyring | None) -> str:
    """The stream of an event, by who it claims to be from: its signature has not been checked yet."""
    if not isinstance(event, BatchReceived):
        return CORE
    sender = holder(key_id_of(event.raw), plant, ring)
    return UNKNOWN if sender is None or sender.kind is not PrincipalKind.EDGE else sender.id
