"""Gate 1: contents that an enrolled key signed, and bytes of nobody."""

import numpy as np

from tests.unit.readings.world import PLANT, Line, signer
from twinvouch.core.kind import Purpose
from twinvouch.readings.gate import Accepted, Refused, Repeated
from twinvouch.wire.cose import seal

SEEDS = [
    Line().content(),
    Line().content(quality=np.array([[0, 1, 2, 3, 0]], np.uint8)),
    Line().content(values={"tank/level": 99.0}),
    b"\x00",
]


def one(raw: bytes) -> None:
    """As it is, and as the content of a batch by an edge's own key: always an Admission; what was taken is no news."""
    line = Line()
    got = line.send(raw)
    assert isinstance(got, Refused)
    sealed = seal(raw, signer=signer("edge-1"), plant=PLANT, purpose=Purpose.READINGS)
    got = line.send(sealed)
    assert isinstance(got, Accepted | Refused | Repeated)
    if isinstance(got, Accepted):
        label = got.admitted.label
        assert label.axes.shape[1:] == got.admitted.batch.values.shape
        assert isinstance(line.send(sealed), Repeated)
