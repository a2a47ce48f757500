"""Declared rules together: where nothing is declared nothing happens, and what is counted over rows is counted right."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import FLOW, LEVEL, ROOF, SECOND, Line, rules, site_of
from twinvouch.core.declared import Balance, Declarations, Jitter, Redundancy, Step, Term
from twinvouch.core.label import Axis
from twinvouch.readings.declared import keys
from twinvouch.readings.gate import Accepted
from twinvouch.readings.recent import RECENT, counted, may_all_be_unset, none, with_history

TOLD = Declarations(
    steps={LEVEL: Step(0.01)},
    varies_ns={FLOW: 10 * SECOND},
    jitter={"fast": Jitter(SECOND // 50, 0.1)},
    redundancy=(Redundancy("two", (LEVEL, ROOF), 300.0),),
    balances=(Balance("sum", (Term(FLOW),), 10.0, 60 * SECOND),),
)


def test_where_nothing_is_declared_nothing_is_remembered_or_doubted() -> None:
    got = Line().read(values={LEVEL: 5.0137})
    assert (got.memos, got.doubted, rules(got)) == ({}, {}, [])


def test_what_may_be_remembered_is_known_by_name() -> None:
    declared = site_of(declared=TOLD).plant.declared
    expected = {"resolution/fast", "stuck/fast", "jitter/fast", "redundancy/two", "balance/sum"}
    assert keys(declared) == expected
    assert keys({}) == set()


def test_a_late_batch_is_history_and_judged_by_none_of_them() -> None:
    line = Line(site_of(declared=TOLD))
    line.read()
    line.send(line.next("edge-2", "slow"))
    gone = line.next(values={LEVEL: -300.0})
    line.read()
    memos = line.context.memos
    got = line.send(gone)
    assert isinstance(got, Accepted)
    assert (got.memos, got.doubted) == ({}, {})
    assert {"redundancy", "balance", "resolution"} & set(rules(got)) == set()
    assert line.context.memos.keys() == memos.keys()


def test_the_lowest_cap_counts_whichever_rule_it_is_of() -> None:
    line = Line(site_of(declared=TOLD))
    line.send(line.next("edge-2", "slow"))
    got = line.read(values={LEVEL: -300.0})
    assert rules(got) == ["redundancy", "range"] or rules(got) == ["range", "redundancy"]
    group = line.site.plant.groups["fast"]
    axis = got.admitted.label.axes[Axis.PLAUSIBILITY][:, group.ids.index(LEVEL)]
    assert axis.tolist() == [20]


@given(st.lists(st.booleans(), min_size=1, max_size=200), st.lists(st.booleans(), max_size=130))
def test_recent_is_a_count_of_the_last_64(bits: list[bool], more: list[bool]) -> None:
    first, history = counted(np.array([bits]).T, none(1))
    expected = [sum(bits[max(0, n - RECENT + 1) : n + 1]) for n in range(len(bits))]
    assert first[:, 0].tolist() == expected
    if more:
        then, _ = counted(np.array([more]).T, history)
        whole = [False] * RECENT + bits + more
        ends = range(len(whole) - len(more), len(whole))
        assert then[:, 0].tolist() == [sum(whole[n - RECENT + 1 : n + 1]) for n in ends]


@given(st.lists(st.integers(0, 90), max_size=12), st.integers(1, 300))
def test_no_stretch_without_a_bit_is_overlooked(gaps: list[int], rows: int) -> None:
    bits = np.zeros((rows, 1), np.bool_)
    at = np.cumsum(gaps, dtype=int)
    bits[at[at < rows]] = True
    counts, _ = counted(bits, none(1))
    if (counts == 0).any():
        assert may_all_be_unset(with_history(bits, none(1))).tolist() == [True]
    steady = np.ones((rows, 1), np.bool_)
    _, history = counted(np.ones((RECENT, 1), np.bool_), none(1))
    assert may_all_be_unset(with_history(steady, history)).tolist() == [False]
