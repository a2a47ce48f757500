"""The laws of the trust algebra (docs/explanation/trust-algebra.md), over values and graphs of any form."""

from itertools import pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinvouch.core.domains import independent
from twinvouch.core.errors import UsageError
from twinvouch.core.graph import ABSENT, Graph, fixed, graph, label, ragged, touched
from twinvouch.core.inventory import Domains
from twinvouch.core.label import FULL, NEVER, Axis, Label, aged, derive
from twinvouch.core.raised import Endorsement, alternative, endorsed, redundant
from twinvouch.core.trained import Training, trained

GRAPHS = 1000
SEEDS = st.integers(0, 2**32 - 1)


def labels(chance: np.random.Generator, count: int) -> Label:
    """Few levels, so that equal ones are common."""
    axes = chance.choice(np.array([0, 60, 120, 200, 255], np.uint8), (4, count))
    return Label(axes, chance.integers(0, 1000, count))


def a_graph(chance: np.random.Generator) -> Graph:
    """Up to five levels of ragged fans, some inputs absent, some values without any."""
    sources = int(chance.integers(1, 12))
    levels, size = [], sources
    for _ in range(int(chance.integers(1, 6))):
        counts = chance.integers(0, 7, int(chance.integers(1, 8)))
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
        inputs = chance.integers(-1, size, int(starts[-1]))
        levels.append(ragged(starts, inputs, size))
        size += len(counts)
    return graph(0, sources, levels)


def one_by_one(of: Graph, sources: Label, by: Label) -> tuple[np.ndarray, np.ndarray]:
    """R2 as it is written down, one value at a time."""
    axes = np.zeros((4, of.size), np.uint8)
    fresh = np.zeros(of.size, np.int64)
    axes[:, : of.sources], fresh[: of.sources] = sources.axes, sources.fresh_until
    for level in of.levels:
        for fan in level:
            for n, output in enumerate(fan.outputs.tolist()):
                inputs = fan.inputs[:, n].tolist()
                own = output - of.sources
                axes[:, output], fresh[output] = by.axes[:, own], by.fresh_until[own]
                for i in inputs:
                    axes[:, output] = np.minimum(axes[:, output], axes[:, i] if i < of.size else 0)
                    fresh[output] = min(fresh[output], fresh[i] if i < of.size else 0)
    return axes, fresh


def reached(of: Graph, seeds: np.ndarray) -> np.ndarray:
    found = np.isin(np.arange(of.size), seeds)
    for level in of.levels:
        for fan in level:
            for n, output in enumerate(fan.outputs.tolist()):
                found[output] |= any(found[i] for i in fan.inputs[:, n] if i < of.size)
    return found


@pytest.mark.parametrize("part", range(10))
def test_r2_whole_levels_are_one_value_at_a_time(part: int) -> None:
    """Over 1,000 random graphs: evaluating all at once is computing one by one, and so is evaluating again."""
    for seed in range(part * GRAPHS // 10, (part + 1) * GRAPHS // 10):
        chance = np.random.default_rng(seed)
        of = a_graph(chance)
        by = labels(chance, of.size - of.sources)
        for _ in range(
            2
        ):  # the second valuation: the graph is kept, nothing is computed from values again
            sources = labels(chance, of.sources)
            found = label(of, sources, by)
            axes, fresh = one_by_one(of, sources, by)
            assert (found.axes == axes).all(), seed
            assert (found.fresh_until == fresh).all(), seed
        seeds = chance.integers(0, of.size, 2)
        assert (touched(of, seeds) == reached(of, seeds)).all(), seed


@pytest.mark.parametrize("part", range(10))
def test_ni1_what_differs_only_below_a_level_gives_the_same_labels_from_there_on(part: int) -> None:
    """NI-1, exact: without R3, R4 and R6 two valuations that agree from theta on do so everywhere."""
    for seed in range(part * GRAPHS // 10, (part + 1) * GRAPHS // 10):
        chance = np.random.default_rng(seed)
        of, theta = a_graph(chance), int(chance.choice([1, 60, 61, 120, 200, 255]))
        by = labels(chance, of.size - of.sources)
        one = labels(chance, of.sources)
        below = chance.integers(0, theta, one.axes.shape).astype(np.uint8)
        other = Label(np.where(one.axes < theta, below, one.axes), one.fresh_until)
        a, b = label(of, one, by).axes, label(of, other, by).axes
        assert ((a >= theta) == (b >= theta)).all(), seed
        assert (a[a >= theta] == b[a >= theta]).all(), seed


@given(SEEDS)
def test_r2_a_worse_source_never_raises_any_label(seed: int) -> None:
    chance = np.random.default_rng(seed)
    of = a_graph(chance)
    better = labels(chance, of.sources)
    loss = chance.integers(0, 256, better.axes.shape)
    worse = Label(np.maximum(better.axes - loss, 0).astype(np.uint8), better.fresh_until)
    assert (label(of, worse).axes <= label(of, better).axes).all()


@given(SEEDS)
def test_r2_the_order_of_inputs_does_not_matter_nor_does_one_twice(seed: int) -> None:
    chance = np.random.default_rng(seed)
    inputs = chance.integers(0, 9, (5, 4))
    sources = labels(chance, 9)
    again = np.concatenate([chance.permuted(inputs, axis=1), inputs[:, :2]], axis=1)
    one, two = (graph(0, 9, [fixed(i, 9)]) for i in (inputs, again))
    assert (label(one, sources).axes == label(two, sources).axes).all()


def test_r2_a_value_of_nothing_and_one_of_something_absent_have_no_trust() -> None:
    of = graph(0, 1, [ragged(np.array([0, 0, 2]), np.array([0, ABSENT]), 1)])
    full = Label(np.full((4, 1), FULL, np.uint8), np.array([9], np.int64))
    assert label(of, full).axes[:, 1:].max() == 0
    assert label(of, full).fresh_until.tolist() == [9, 0, 0]


def test_a_graph_that_rests_on_what_comes_later_is_refused() -> None:
    with pytest.raises(UsageError, match="level 0 rests on value 2"):
        graph(0, 2, [fixed(np.array([[0, 2]]), 2)])


def test_max_and_min_are_a_commutative_semiring_on_every_axis() -> None:
    levels = (0, 1, 59, 60, 128, 254, 255)
    for a, b, c in product(levels, repeat=3):
        assert max(a, b) == max(b, a)
        assert min(a, b) == min(b, a)
        assert max(a, b, c) == max(a, b, c)
        assert min(a, b, c) == min(a, b, c)
        assert min(a, max(b, c)) == max(min(a, b), min(a, c))
        assert max(a, 0) == a
        assert min(a, 255) == a
        assert min(a, 0) == 0
        assert max(a, a) == a


@given(SEEDS, st.integers(0, 3), st.floats(0, 3))
def test_r3_never_below_the_minimum_never_above_what_b_plus_one_groups_give(
    seed: int, breakdown: int, tolerance: float
) -> None:
    chance = np.random.default_rng(seed)
    count = int(chance.integers(1, 8))
    groups = np.unique(chance.integers(0, 5, count), return_inverse=True)[1]
    values = chance.choice([0.0, 1.0, 2.0, np.nan], count)
    given_ = labels(chance, count)
    found = redundant(values, given_, groups, tolerance, breakdown)
    least = derive([given_])
    assert (found.label.axes >= least.axes).all()
    assert (found.label.axes[[Axis.IDENTITY, Axis.CALIBRATION]] == least.axes[[0, 3]]).all()
    assert found.label.fresh_until == least.fresh_until
    worst = np.array([given_.axes[:, groups == g].min(axis=1) for g in range(groups.max() + 1)])
    liars = min(breakdown, groups.max() // 2)
    for axis in (Axis.INTEGRITY, Axis.PLAUSIBILITY):
        at_most = max(int(np.sort(worst[:, axis])[liars]), int(least.axes[axis, 0]))
        assert found.label.axes[axis, 0] <= at_most


@given(SEEDS)
def test_r3_a_worse_source_never_raises_and_order_does_not_matter(seed: int) -> None:
    chance = np.random.default_rng(seed)
    count = int(chance.integers(3, 8))
    groups, values = np.arange(count), chance.choice([0.0, 0.4, 1.0], count)
    given_ = labels(chance, count)
    loss = chance.integers(0, 256, given_.axes.shape)
    worse = Label(np.maximum(given_.axes - loss, 0).astype(np.uint8), given_.fresh_until)
    found = redundant(values, given_, groups, 0.5, 1)
    assert (redundant(values, worse, groups, 0.5, 1).label.axes <= found.label.axes).all()
    order = chance.permutation(count)
    turned = Label(given_.axes[:, order].copy(), given_.fresh_until[order].copy())
    other = redundant(values[order], turned, groups, 0.5, 1)
    assert (other.label.axes == found.label.axes).all()
    assert other.value == found.value


def test_r3_three_that_share_nothing_raise_and_the_value_is_the_median() -> None:
    given_ = Label(
        np.array([[120] * 3, [60, 255, 255], [20, 255, 200], [255] * 3], np.uint8),
        np.array([5, 6, 7]),
    )
    found = redundant(np.array([9.0, 5.0, 5.1]), given_, np.arange(3), 0.2, 1)
    assert found.label.axes[:, 0].tolist() == [120, 255, 200, 255]
    assert (found.value, found.agreeing, found.independent) == (5.1, 2, 3)
    assert found.label.fresh_until.tolist() == [5]


@given(SEEDS)
def test_r4_an_endorsement_never_lowers_and_never_passes_cap_evidence_or_target(seed: int) -> None:
    chance = np.random.default_rng(seed)
    given_ = labels(chance, 3)
    cap, evidence, target, shown = chance.choice([0, 60, 120, 255], (4, 4)).tolist()
    found, counts = endorsed(given_, Endorsement(cap, evidence, target, shown))
    assert counts == all(s >= t for s, t in zip(shown, target, strict=True))
    limit = np.minimum.reduce([cap, evidence, target])[:, None] if counts else 0
    assert (found.axes == np.maximum(given_.axes, limit)).all()
    assert (found.fresh_until == given_.fresh_until).all()


@given(SEEDS)
def test_r5_never_below_the_value_used_and_a_worse_derivation_never_raises(seed: int) -> None:
    chance = np.random.default_rng(seed)
    given_, values = labels(chance, 4), chance.choice([0.0, 1.0, np.nan], 4)
    registered = chance.integers(0, 2, 4).astype(bool)
    found = alternative(values, given_, registered, 0.5, 0).axes[:, 0]
    assert (found >= given_.axes[:, 0]).all()
    loss = chance.integers(0, 256, given_.axes.shape)
    worse = Label(np.maximum(given_.axes - loss, 0).astype(np.uint8), given_.fresh_until)
    assert (alternative(values, worse, registered, 0.5, 0).axes[:, 0] <= found).all()


@given(SEEDS, st.integers(0, 999))
def test_r6_no_more_than_the_spared_share_lies_below_what_the_sources_count_as(
    seed: int, spared: int
) -> None:
    chance = np.random.default_rng(seed)
    sources, weights = labels(chance, 9), chance.integers(0, 5, 9)
    trainer, verdict = labels(chance, 1), labels(chance, 1)
    found = trained(Training(sources, weights, spared), trainer, verdict)
    assert (found.axes <= derive([trainer, verdict]).axes).all()
    for axis in range(4):
        below = int(weights[sources.axes[axis] < found.axes[axis, 0]].sum())
        assert below * 1000 <= int(weights.sum()) * spared
    none = trained(Training(sources, weights, 0), trainer, verdict)
    if weights.any():
        used = Label(sources.axes[:, weights > 0].copy(), sources.fresh_until[weights > 0].copy())
        assert (none.axes == derive([used, trainer, verdict]).axes).all(), "0 spared is R2"
    else:
        assert not none.axes.any()


def test_r6_refuses_influences_that_are_none() -> None:
    one = Label(np.full((4, 2), 200, np.uint8), np.full(2, NEVER))
    trainer = Label(np.full((4, 1), 255, np.uint8), np.array([NEVER]))
    with pytest.raises(UsageError, match="influence"):
        trained(Training(one, np.array([5, -4]), 0), trainer, trainer)
    with pytest.raises(UsageError, match="spared share"):
        trained(Training(one, np.array([5, 4]), 1000), trainer, trainer)


@given(SEEDS, st.integers(0, 50))
def test_r8_time_never_raises_and_stops_at_the_cap(seed: int, decay_ns: int) -> None:
    chance = np.random.default_rng(seed)
    given_, due = labels(chance, 3), chance.choice([0, 20, NEVER], (4, 3))
    caps = chance.choice([0, 60, 255], 4).tolist()
    seen = [aged(given_, due, caps, decay_ns, now).axes for now in range(0, 100, 7)]
    assert all((after <= before).all() for before, after in pairwise(seen))
    assert (seen[-1] >= np.minimum(given_.axes, np.array(caps)[:, None])).all()
    late = due < 20 - decay_ns
    assert (seen[-1][late] <= np.repeat(caps, 3).reshape(4, 3)[late]).all()
    never = due == NEVER
    assert (seen[-1][never] == given_.axes[never]).all()


def test_r8_trust_returns_by_evidence_only() -> None:
    given_ = Label(np.full((4, 1), 200, np.uint8), np.array([NEVER]))
    due = np.full((4, 1), NEVER)
    due[Axis.CALIBRATION] = 100
    caps = (0, 0, 0, 60)
    fell = [int(aged(given_, due, caps, 10, now).axes[3, 0]) for now in (100, 105, 110, 10**6)]
    assert fell == [200, 128, 60, 60]
    due[Axis.CALIBRATION] = 2 * 10**6  # it was checked
    assert aged(given_, due, caps, 10, 10**6).axes[3, 0] == 200


def apart(n: int) -> Domains:
    return Domains(*(f"{part}-{n}" for part in ("e", "z", "v", "k", "t")))


@given(st.lists(st.tuples(*[st.sampled_from("ab")] * 5), min_size=1, max_size=6))
@settings(max_examples=200)
def test_sources_of_two_groups_share_nothing_and_order_does_not_matter(told: list[tuple]) -> None:
    sources = [Domains(*t) for t in told]
    groups = independent(sources)
    for n, m in permutations(range(len(told)), 2):
        if groups[n] != groups[m]:
            assert all(x != y for x, y in zip(told[n], told[m], strict=True))
    turned = independent(sources[::-1])[::-1]
    same = groups[:, None] == groups
    assert (same == (turned[:, None] == turned)).all()


@pytest.mark.parametrize("part", ["edge", "zone", "vendor", "key", "time_source"])
def test_a_domain_that_is_shared_or_not_declared_makes_two_sources_one(part: str) -> None:
    one, other = apart(1), apart(2)
    assert independent([one, other]).tolist() == [0, 1]
    told = {name: getattr(other, name) for name in other.__slots__}
    assert independent([one, Domains(**told | {part: getattr(one, part)})]).tolist() == [0, 0]
    assert independent([one, Domains(**told | {part: ""}), apart(3)]).tolist() == [0, 0, 0]
