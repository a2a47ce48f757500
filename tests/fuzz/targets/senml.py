"""SenML packs in CBOR, on their own."""

import numpy as np

from tests.unit.wire.samples import times
from twinvouch.core.errors import MalformedError
from twinvouch.wire.cbor import encode
from twinvouch.wire.senml import read_pack, write_pack

IDS, UNITS = ("tank/level", "tank/flow"), ("m", "l/s")
BASE = 1_700_000_000
SEEDS = [
    write_pack(IDS, UNITS, (times(2), np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros((2, 2), np.uint8))),
    encode([{-2: "tank/", -3: BASE, -4: "m", -5: 1.5, 0: "level", 2: 0.5}, {0: "flow", 1: "l/s", 4: True, 6: 1}]),
    encode([{0: "tank/level", 3: "broken", 6: BASE}, {0: "tank/flow", 8: b"\x01", 6: BASE}]),
]  # fmt: skip


def one(raw: bytes) -> None:
    """Rows by distinct time, in order; every cell told once."""
    try:
        t_ns, values, quality = read_pack(raw, IDS, UNITS, 1000)
    except MalformedError:
        return
    assert values.shape == quality.shape == (len(t_ns), 2)
    assert (np.diff(t_ns) > 0).all()
    assert (quality.min(axis=1) < 3).all()  # no row of nothing
