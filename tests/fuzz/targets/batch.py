"""Batches of readings, columnar and SenML: malformed, or the same readings after writing them again."""

from hashlib import sha256

import numpy as np

from tests.unit.wire.samples import group_of, header_of, times
from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.kind import Kind
from twinvouch.wire.batch import read_batch, read_header, write_batch

GROUP = group_of("f8", "u2", "f4", "i4", "u1")
CELLS = np.arange(10.0).reshape(2, 5)
DOUBTS = np.array([[0, 1, 2, 3, 0], [3, 0, 0, 0, 1]], np.uint8)
SEEDS = [
    write_batch(header_of(GROUP), GROUP, times(2), CELLS),
    write_batch(header_of(GROUP), GROUP, times(2), CELLS, DOUBTS),
    write_batch(header_of(GROUP, Kind.BATCH_SENML), GROUP, times(2), CELLS),
]


def one(raw: bytes) -> None:
    """Read, write, read."""
    try:
        header = read_header(raw)
        batch = read_batch(raw, sha256(raw).digest(), header, GROUP, 1000)
    except MalformedError:
        return
    rows, columns = batch.values.shape
    assert columns == 5
    assert 0 < rows * columns <= 1000
    assert batch.quality.max() <= 3
    try:
        again = write_batch(header, GROUP, batch.t_ns, batch.values, batch.quality)
    except UsageError:
        assert header.kind is Kind.BATCH_SENML  # it has no place for every quality
        return
    same = read_batch(again, sha256(again).digest(), read_header(again), GROUP, 1000)
    if header.kind is Kind.BATCH:
        assert np.array_equal(same.t_ns, batch.t_ns)
        assert np.array_equal(same.values, batch.values, equal_nan=True)
        assert np.array_equal(same.quality, batch.quality)
