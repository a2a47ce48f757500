"""Rows gathered into batches by time or number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.app.edge_plant import group, point
from twinvouch.app.edge_gather import MAX_CELLS, Gatherer
from twinvouch.app.edge_scan import Row
from twinvouch.core.batch import Quality


def row(t_ns: int, columns: int = 2) -> Row:
    return Row(t_ns, np.full(columns, float(t_ns)), np.full(columns, Quality.GOOD, np.uint8))


def gatherer(gather_ns: int = 100, max_rows: int = 256, columns: int = 2) -> Gatherer:
    return Gatherer(group([point(i) for i in range(columns)]), gather_ns, max_rows)


def test_a_batch_closes_when_the_next_row_would_come_too_late() -> None:
    g = gatherer(gather_ns=100)
    assert [g.add(row(t), t, t + 40) for t in (0, 40)] == [False, False]
    assert g.add(row(80), 80, 120)
    taken = g.take()
    assert taken.t_ns.tolist() == [0, 40, 80]
    assert taken.values.shape == taken.quality.shape == (3, 2)
    assert taken.quality.dtype == np.uint8
    assert len(g) == 0


def test_a_slow_group_never_waits() -> None:
    assert gatherer(gather_ns=100).add(row(0), 0, 100)


def test_a_batch_closes_when_it_has_its_rows_or_cells() -> None:
    g = gatherer(gather_ns=10**9, max_rows=3)
    assert [g.add(row(t), t, t + 1) for t in range(3)] == [False, False, True]
    wide = gatherer(10**9, 10**6, columns=1000)
    rows = 0
    while not wide.add(row(rows, 1000), rows, rows + 1):
        rows += 1
    assert (rows + 1) * 1000 == MAX_CELLS


def test_an_empty_gatherer_has_no_batch() -> None:
    with pytest.raises(AssertionError, match="no batch"):
        gatherer().take()


@given(st.lists(st.integers(1, 80), max_size=60), st.integers(1, 200), st.integers(1, 9))
def test_no_row_is_lost_and_no_batch_is_older_or_longer_than_allowed(
    steps: list[int], gather_ns: int, max_rows: int
) -> None:
    g = gatherer(gather_ns, max_rows)
    now, taken = 0, []
    for step in steps:
        if g.add(row(now), now, now + step):
            taken.append(g.take().t_ns.tolist())
        now += step
    if len(g):
        taken.append(g.take().t_ns.tolist())
    times = [t for batch in taken for t in batch]
    assert times == [sum(steps[:i]) for i in range(len(steps))]
    assert all(len(batch) <= max_rows for batch in taken)
    assert all(batch[-1] - batch[0] < gather_ns for batch in taken)
