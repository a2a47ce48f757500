"""Blocks of time: the same rows whatever order and size batches come in, and nobody waits for the silent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from twinvouch.core.table import Table
from twinvouch.readings.detect import blocks
from twinvouch.readings.detect.blocks import Open, Plan, Source

SECOND = 10**9
MINUTE = 60 * SECOND
FAST, SLOW = Source(0, np.array([0, 1]), SECOND), Source(1, np.array([2]), 20 * SECOND)


def plan(**other: bool) -> Plan:
    by_exception = np.array([False, other.get("slow_by_exception", False)])
    held = np.where([False, False, by_exception[1]], 10 * MINUTE, 0)
    return Plan(
        MINUTE,
        np.array([False, True, False]),
        by_exception,
        np.array([5 * MINUTE, 5 * MINUTE]),
        held.astype(np.int64),
    )


def rows(count: int, every_s: int, width: int, seed: int) -> tuple[NDArray[np.int64], NDArray]:  # type: ignore[type-arg]
    chance = np.random.default_rng(seed)
    t_ns = np.arange(count, dtype=np.int64) * every_s * SECOND
    values = chance.normal(size=(count, width)).round(3)
    values[chance.uniform(size=values.shape) < 0.1] = np.nan
    return t_ns, values


def told(opened: Open, of: Plan, source: Source, rows: tuple[NDArray[np.int64], NDArray]) -> Open:  # type: ignore[type-arg]
    return blocks.add(opened, of, source, *rows)


def naive(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Minute by minute, cell by cell."""
    fast_t, fast = rows(600, 1, 2, 1)
    slow_t, slow = rows(30, 20, 1, 2)
    found = np.full((len(numbers), 3), np.nan)
    for n, number in enumerate(numbers.tolist()):
        for k, (t_ns, column) in enumerate(
            ((fast_t, fast[:, 0]), (fast_t, fast[:, 1]), (slow_t, slow[:, 0]))
        ):
            inside = column[(t_ns + MINUTE // 2) // MINUTE == number]
            inside = inside[np.isfinite(inside)]
            if len(inside):
                few = k == 1 or len(inside) < blocks.FEWEST
                found[n, k] = inside[-1] if few else inside.mean()
    return found


@given(st.data())
def test_blocks_do_not_depend_on_how_batches_are_cut(data: st.DataObject) -> None:
    of = plan()
    fast_t, fast = rows(600, 1, 2, 1)
    slow_t, slow = rows(30, 20, 1, 2)
    opened, times, values = blocks.nothing(of), [], []
    at = [0, 0]
    while at[0] < 600 or at[1] < 30:
        which = data.draw(st.integers(0, 1)) if at[0] < 600 and at[1] < 30 else int(at[0] >= 600)
        count = data.draw(st.integers(1, 200 if which == 0 else 10))
        part = slice(at[which], at[which] + count)
        source, (t_ns, cells) = (FAST, (fast_t, fast)) if which == 0 else (SLOW, (slow_t, slow))
        opened = told(opened, of, source, (t_ns[part], cells[part]))
        at[which] += len(t_ns[part])
        if abs(int(opened.until_ns[0]) - int(opened.until_ns[1])) < 5 * MINUTE:
            opened, closed, got = blocks.close(opened, of)
            times.append(closed)
            values.append(got)
    opened, closed, got = blocks.close(opened, of)
    number = np.concatenate([*times, closed]) // MINUTE
    assert (np.diff(number) > 0).all()
    assert len(number) >= 9
    assert np.allclose(np.concatenate([*values, got]), naive(number), equal_nan=True)


def test_one_row_a_block_is_complete_at_once() -> None:
    of = plan()
    hourly = Source(0, np.array([0, 1]), MINUTE)
    opened = told(blocks.nothing(of), of, hourly, (np.array([MINUTE]), np.array([[1.5, 1.0]])))
    _, t_ns, values = blocks.close(opened, of)
    assert t_ns.tolist() == [MINUTE]
    assert values[0, :2].tolist() == [1.5, 1.0]


def test_a_group_that_fell_silent_is_not_waited_for() -> None:
    of = plan()
    opened = told(blocks.nothing(of), of, SLOW, (np.array([0]), np.array([[7.0]])))
    opened = told(opened, of, FAST, rows(120, 1, 2, 3))
    opened, t_ns, _ = blocks.close(opened, of)
    assert not len(t_ns)  # the slow one may still come
    later = np.arange(120, 120 + 400, dtype=np.int64) * SECOND
    opened = told(opened, of, FAST, (later, np.ones((400, 2))))
    opened, t_ns, values = blocks.close(opened, of)
    assert (t_ns // MINUTE).tolist() == list(range(9))
    assert np.isnan(values[1:, 2]).all()
    # what comes for a closed block is too late, what comes after counts
    opened = told(opened, of, SLOW, (np.array([MINUTE, 9 * MINUTE]), np.array([[1.0], [2.0]])))
    _, t_ns, values = blocks.close(opened, of)
    assert (t_ns // MINUTE).tolist() == []
    assert opened.sums[:, 2].tolist() == [2.0]


def test_what_is_told_by_exception_is_held_while_it_counts() -> None:
    of = plan(slow_by_exception=True)
    by_exception = Source(1, np.array([2]), 0)
    opened = told(blocks.nothing(of), of, by_exception, (np.array([0]), np.array([[7.0]])))
    t_ns = np.arange(0, 20 * 60, dtype=np.int64) * SECOND
    opened = told(opened, of, FAST, (t_ns, np.ones((len(t_ns), 2))))
    _, closed, values = blocks.close(opened, of)
    level = values[:, 2]
    assert level[0] == 7.0
    fresh = closed - closed[0] <= 10 * MINUTE
    assert (level[fresh] == 7.0).all()
    assert np.isnan(level[~fresh]).all()


def test_averaged_table_keeps_two_valued_columns() -> None:
    t_ns = np.arange(180, dtype=np.int64) * SECOND
    run = (np.arange(180) // 50 % 2).astype(float)
    level = np.arange(180) / 10
    table = blocks.averaged(
        Table(("a/run", "a/level"), t_ns, np.column_stack((run, level))), MINUTE
    )
    assert table.t_ns.tolist() == [0, MINUTE, 2 * MINUTE, 3 * MINUTE]
    assert table.values[:, 0].tolist() == [run[29], run[89], run[149], run[179]]
    assert table.values[1, 1] == pytest.approx(level[30:90].mean())


@given(st.data())
def test_rows_that_are_blocks_come_as_they_are(data: st.DataObject) -> None:
    """The short way gives what the long way gives, whatever comes."""
    of = Plan(MINUTE, np.zeros(2, np.bool_), np.zeros(1, np.bool_), np.array([5 * MINUTE]), np.zeros(2, np.int64))  # fmt: skip
    order = data.draw(st.permutations([0, 1]))
    source = Source(0, np.array(order), MINUTE, is_in_order=order == [0, 1])
    short = long = blocks.nothing(of)
    at = 1000
    for _ in range(data.draw(st.integers(1, 6))):
        steps = data.draw(st.lists(st.sampled_from([0, 1, 1, 1, 2]), min_size=1, max_size=6))
        numbers = at + np.cumsum(steps)
        at = int(numbers[-1])
        jitter = np.sort(np.array(data.draw(st.lists(st.integers(-20, 20), min_size=len(steps), max_size=len(steps)))))  # fmt: skip
        t_ns = numbers * MINUTE + jitter * SECOND
        values = np.arange(2 * len(steps), dtype=float).reshape(-1, 2)
        short, first_t, first = blocks.take(short, of, source, t_ns, values)
        long, second_t, second = blocks.close(blocks.add(long, of, source, t_ns, values), of)
        assert first_t.tolist() == second_t.tolist()
        assert np.array_equal(first, second)
        assert (short.closed, short.numbers.tolist()) == (long.closed, long.numbers.tolist())
