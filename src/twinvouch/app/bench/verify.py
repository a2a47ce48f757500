"""What a signed batch costs to take in, against decoding the same values as plain JSON.

Ours: unseal, check the signature, compare the chain, read header and cells, of K = 50 tags. Theirs: a
SenML pack in JSON (RFC 8428, base name and base time used) or columns in JSON, decoded by msgspec into
typed Structs, with nothing verified. Both are run in turn and the medians of CPU time are divided.
"""

from collections.abc import Callable
from statistics import median
from time import process_time_ns

import msgspec
import numpy as np
from nacl.signing import SigningKey
from numpy.typing import NDArray

from twinvouch.core.batch import Batch, Identity, Origin
from twinvouch.core.inventory import ScanGroup, Tag
from twinvouch.core.kind import Kind, Purpose
from twinvouch.wire.batch import Header, columns_digest, read_batch, read_header, write_batch
from twinvouch.wire.cose import check, seal, unseal

PLANT = "net3"
TAGS = 50
ROUNDS = 40
CALLS = 50  # of one round
_PREV = b"\x07" * 32


class Record(msgspec.Struct):
    """A SenML record: every field of RFC 8428, table 1, each of which may be absent."""

    bn: str | None = None
    bt: float | None = None
    bu: str | None = None
    bv: float | None = None
    bs: float | None = None
    bver: int | None = None
    n: str | None = None
    u: str | None = None
    v: float | None = None
    vs: str | None = None
    vb: bool | None = None
    vd: str | None = None
    s: float | None = None
    t: float | None = None
    ut: float | None = None


class Wide(msgspec.Struct):
    """The same values as columns."""

    t_ns: list[int]
    values: dict[str, list[float]]


class _Key:
    """A throw-away key: measuring needs no secret."""

    def __init__(self) -> None:
        self._key = SigningKey(bytes(32))
        self.public_key = bytes(self._key.verify_key)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message).signature


def run() -> dict[str, float | int]:
    """The ratios, and the microseconds of CPU time of each side."""
    figures: dict[str, float | int] = {}
    for cells in (500, 1_000, 10_000):
        ours, senml, wide = _measured(cells // TAGS)
        figures |= {
            f"verify_vs_senml_json_{cells}": round(ours / senml, 3),
            f"verify_vs_wide_json_{cells}": round(ours / wide, 3),
            f"verify_us_{cells}": round(ours / 1e3, 1),
            f"senml_json_us_{cells}": round(senml / 1e3, 1),
            f"wide_json_us_{cells}": round(wide / 1e3, 1),
        }
    return figures


def _measured(rows: int) -> tuple[float, float, float]:
    group = _group()
    t_ns = 1_700_000_000_000_000_000 + np.arange(rows, dtype=np.int64) * 100_000_000
    values = np.round(np.random.default_rng(1).uniform(0, 100, (rows, TAGS)), 3)
    plain = msgspec.json.Decoder(list[Record])
    columns = msgspec.json.Decoder(Wide)
    pack, wide = _senml_json(group, t_ns, values), _wide_json(group, t_ns, values)
    assert len(plain.decode(pack)) == values.size
    assert len(columns.decode(wide).values) == TAGS
    verify = _verifier(group, t_ns, values)
    assert np.array_equal(verify().values, values)
    ours, senml, wide_json = _medians(
        verify, lambda: plain.decode(pack), lambda: columns.decode(wide)
    )
    return ours, senml, wide_json


def _medians(*sides: Callable[[], object]) -> list[float]:
    """Nanoseconds of CPU time of one call of each side, run in turn."""
    taken: list[list[float]] = [[] for _ in sides]
    for _ in range(ROUNDS):
        for side, times in zip(sides, taken, strict=True):
            began = process_time_ns()
            for _ in range(CALLS):
                side()
            times.append((process_time_ns() - began) / CALLS)
    return [median(times) for times in taken]


def _verifier(
    group: ScanGroup, t_ns: NDArray[np.int64], values: NDArray[np.float64]
) -> Callable[[], Batch]:
    key = _Key()
    header = Header(
        Kind.BATCH, PLANT, Identity("edge-1", 1, 7), _PREV, Origin.LIVE, group.name, group.digest
    )
    content = write_batch(header, group, t_ns, values)
    raw = seal(content, signer=key, plant=PLANT, purpose=Purpose.READINGS)

    def verify() -> Batch:
        sealed = unseal(raw)
        check(sealed, key.public_key, plant=PLANT, purpose=Purpose.READINGS)
        said = read_header(sealed.content)
        assert said.prev == _PREV
        return read_batch(sealed.content, sealed.digest, said, group, 1_000_000)

    return verify


def _group() -> ScanGroup:
    ids = tuple(f"tank-{k}/level" for k in range(TAGS))
    dtypes = ("f8",) * TAGS
    return ScanGroup(
        name="fast",
        edge="edge-1",
        tags=tuple(Tag(id=i, unit="m") for i in ids),
        dtypes=dtypes,
        digest=columns_digest("fast", ids, dtypes),
        period_ns=100_000_000,
        max_age_ns=5_000_000_000,
    )


def _senml_json(group: ScanGroup, t_ns: NDArray[np.int64], values: NDArray[np.float64]) -> bytes:
    began = int(t_ns[0])
    records: list[dict[str, object]] = [
        {"n": tag, "t": (time - began) / 1e9, "v": value}
        for time, row in zip(t_ns.tolist(), values.tolist(), strict=True)
        for tag, value in zip(group.ids, row, strict=True)
    ]
    records[0] = {"bn": f"{PLANT}/", "bt": began / 1e9, "bu": "m", **records[0]}
    return msgspec.json.encode(records)


def _wide_json(group: ScanGroup, t_ns: NDArray[np.int64], values: NDArray[np.float64]) -> bytes:
    columns = dict(zip(group.ids, values.T.tolist(), strict=True))
    return msgspec.json.encode({"t_ns": t_ns.tolist(), "values": columns})
