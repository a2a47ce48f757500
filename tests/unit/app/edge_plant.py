"""A small plant, devices and a core in memory, for the tests of the edge."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from twinvouch.core.errors import MalformedError, UnavailableError
from twinvouch.core.event import Plain
from twinvouch.core.inventory import Edge, Encoding, Plant, Point, ScanGroup, Table, Tag
from twinvouch.wire.batch import columns_digest

SECOND = 1_000_000_000


def point(address: int, encoding: Encoding = Encoding.U16, **more: object) -> Point:
    fields = {"device": "plc-1", "unit": 1, "table": Table.HOLDING} | more
    return Point(address=address, encoding=encoding, **fields)  # type: ignore[arg-type]


def group(
    points: Sequence[Point | None], name: str = "fast", period_ns: int = SECOND // 50
) -> ScanGroup:
    tags = tuple(
        Tag(id=f"tank-1/{name}-{i}", unit="m", group=name, point=p) for i, p in enumerate(points)
    )
    dtypes = ("f8",) * len(tags)
    digest = columns_digest(name, [t.id for t in tags], dtypes)
    return ScanGroup(name, "edge-1", tags, dtypes, digest, period_ns, max_age_ns=5 * SECOND)


def plant(*groups: ScanGroup) -> Plant:
    return Plant(
        id="net3",
        assets={},
        zones={},
        conduits=(),
        tags={t.id: t for g in groups for t in g.tags},
        groups={g.name: g for g in groups},
        edges={"edge-1": Edge("edge-1", tuple(g.name for g in groups))},
        principals={},
        classes={},
    )


class MemoryDevice:
    """A controller whose registers hold their own address; it can be told to fail or hang."""

    def __init__(self) -> None:
        self.requests: list[tuple[int, str, int, int]] = []
        self.error: Exception | None = None
        self.refused: set[int] = set()  # start addresses
        self.answering = asyncio.Event()
        self.answering.set()
        self.words: dict[int, int] = {}

    async def read(self, unit: int, table: str, address: int, count: int) -> Sequence[int]:
        self.requests.append((unit, table, address, count))
        await self.answering.wait()
        if self.error is not None:
            raise self.error
        if address in self.refused:
            raise MalformedError("exception 2: illegal data address")
        return [self.words.get(a, a) for a in range(address, address + count)]

    async def write(self, unit: int, table: str, address: int, words: Sequence[int]) -> None:
        raise AssertionError("an edge never writes")


class MemoryCore:
    """Takes every batch, or answers what it was told to."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.asked = 0
        self.is_down = False
        self.answers: list[tuple[int, Mapping[str, Plain]]] = []
        self.got = asyncio.Event()

    async def send(self, path: str, body: bytes) -> tuple[int, Mapping[str, Plain]]:
        assert path == "/api/v1/ingest"
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_down:
            raise UnavailableError("nobody there")
        if self.answers:
            return self.answers.pop(0)
        self.taken.append(body)
        self.got.set()
        return 200, {"status": "admitted"}


async def becomes(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds that nothing announces."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)
