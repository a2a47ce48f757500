"""One group, one signer and examples of every content, for the tests of the formats."""

import numpy as np
import pytest
from nacl.signing import SigningKey

from twinvouch.core.batch import Identity, Origin
from twinvouch.core.inventory import ScanGroup, Tag
from twinvouch.core.kind import Kind
from twinvouch.wire.batch import Header, columns_digest


class SeedSigner:
    """Signs with a key made from 32 bytes."""

    def __init__(self, seed: bytes = b"\x01" * 32) -> None:
        self._key = SigningKey(seed)
        self.public_key = bytes(self._key.verify_key)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message).signature


def make_group(*dtypes: str) -> ScanGroup:
    ids = tuple(f"asset-{k}/level" for k in range(len(dtypes)))
    return ScanGroup(
        name="fast",
        edge="edge-1",
        tags=tuple(Tag(id=i, unit="m") for i in ids),
        dtypes=dtypes,
        digest=columns_digest("fast", ids, dtypes),
        period_ns=10**8,
        max_age_ns=5 * 10**9,
    )


def make_header(group: ScanGroup, kind: Kind = Kind.BATCH) -> Header:
    identity = Identity("edge-1", 3, 70_000)
    return Header(kind, "net3", identity, b"\x07" * 32, Origin.LIVE, group.name, group.digest)


def times(rows: int) -> np.ndarray:
    return 1_700_000_000 * 10**9 + np.arange(rows, dtype=np.int64) * 10**8


@pytest.fixture
def signer() -> SeedSigner:
    return SeedSigner()
