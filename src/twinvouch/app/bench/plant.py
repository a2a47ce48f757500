"""A plant of 50 tags for benchmarks, and signed, chained batches of its readings."""

from hashlib import sha256

import numpy as np

from twinvouch.adapters.cedar import default_policy
from twinvouch.adapters.keys import SeededSigner
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.inventory import Domains, Edge, Plant, Principal, PrincipalKind, ScanGroup, Tag
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.site import SECOND, Site
from twinvouch.wire.batch import Header, columns_digest, write_batch
from twinvouch.wire.cose import seal

TAGS = 50
PERIOD_NS = SECOND // 100


class Plant50:
    """One edge, one scan group of 50 float tags with range, rate and resolution."""

    start_ns = 1_790_000_000 * SECOND

    def __init__(self) -> None:
        self.signer = SeededSigner(sha256(b"bench edge").digest())
        tags = tuple(
            Tag(
                f"unit/t{i:02}",
                "m",
                -50.0,
                50.0,
                rate=1e4,
                resolution=0.001,
                group="g",
                domains=Domains("edge"),
            )
            for i in range(TAGS)
        )
        dtypes = ("f8",) * TAGS
        digest = columns_digest("g", [t.id for t in tags], dtypes)
        self.group = ScanGroup("g", "edge", tags, dtypes, digest, PERIOD_NS, 3600 * SECOND)

    def site(self) -> Site:
        """What an engine works with."""
        edge = Principal("edge", PrincipalKind.EDGE, self.signer.public_key)
        plant = Plant(
            id="bench",
            assets={},
            zones={},
            conduits=(),
            tags={t.id: t for t in self.group.tags},
            groups={"g": self.group},
            edges={"edge": Edge("edge", ("g",))},
            principals={"edge": edge},
            classes={},
        )
        return Site(plant, default_policy(), bytes(32))


def sealed_batches(plant: Plant50, rows: int, count: int) -> list[bytes]:
    """`count` chained batches of `rows` x 50 readings of a slow walk, seeded."""
    rng = np.random.default_rng(7)
    batches, prev = [], bytes(32)
    t_ns = plant.start_ns - PERIOD_NS * rows * count
    level = np.zeros(TAGS)
    for seq in range(count):
        steps = rng.normal(0.0, 0.01, (rows, TAGS)).cumsum(axis=0)
        values = np.clip(level + steps, -40.0, 40.0)
        level = values[-1]
        times = t_ns + PERIOD_NS * np.arange(rows, dtype=np.int64)
        t_ns = int(times[-1]) + PERIOD_NS
        header = Header(
            Kind.BATCH,
            "bench",
            Identity("edge", 0, seq),
            prev,
            Origin.LIVE,
            "g",
            plant.group.digest,
        )
        content = write_batch(header, plant.group, times, values)
        prev = sha256(content).digest()
        batches.append(seal(content, signer=plant.signer, plant="bench", purpose=Purpose.READINGS))
    return batches
