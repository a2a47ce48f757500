"""Seal a batch of readings as an edge does, open it as the core does, and see one flipped bit refused."""

from hashlib import sha256

import numpy as np

from twinvouch.adapters.keys import SeededSigner
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.errors import MalformedError, SignatureError
from twinvouch.core.inventory import ScanGroup, Tag
from twinvouch.core.kind import Kind, Purpose
from twinvouch.wire.batch import Header, columns_digest, read_batch, read_header, write_batch
from twinvouch.wire.cose import check, seal, unseal

SECOND = 1_000_000_000
tags = (Tag("tank-1/level", "m", low=0.0, high=10.0), Tag("pump-1/flow", "m3/s"))
types = ("f8", "f4")
digest = columns_digest("fast", [tag.id for tag in tags], types)
group = ScanGroup("fast", "edge-1", tags, types, digest, SECOND // 10, 5 * SECOND)
edge = SeededSigner(sha256(b"an example, never a real key").digest())

# the edge: three rows of two columns, chained to the batch before by `prev`
times = 1_800_000_000 * SECOND + np.arange(3) * group.period_ns
values = np.array([[4.98, 0.31], [4.99, 0.31], [5.01, 0.32]])
header = Header(
    Kind.BATCH, "my-plant", Identity("edge-1", 0, 0), bytes(32), Origin.LIVE, "fast", digest
)
content = write_batch(header, group, times, values)
sealed = seal(content, signer=edge, plant="my-plant", purpose=Purpose.READINGS)
print(f"{values.size} readings sealed in {len(sealed)} bytes")


def opened(raw: bytes, plant: str = "my-plant") -> str:
    """What the core says of these bytes."""
    try:
        envelope = unseal(raw)
        check(envelope, edge.public_key, plant=plant, purpose=Purpose.READINGS)
        found = read_header(envelope.content)
        batch = read_batch(envelope.content, envelope.digest, found, group, max_cells=1000)
    except (MalformedError, SignatureError) as error:
        return f"refused: {error}"
    return f"batch {batch.identity.seq} of {batch.identity.edge}, level {batch.values[:, 0]} m"


print(opened(sealed))
print(opened(sealed[:-5] + bytes([sealed[-5] ^ 1]) + sealed[-4:]))
print(opened(sealed, plant="another-plant"))
