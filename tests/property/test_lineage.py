"""The lineage against an oracle that looks at one entry after the other, over random ledgers."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.kind import Kind
from twinvouch.ledger.affected import Source, affected
from twinvouch.ledger.lineage import (
    BATCHES,
    Layout,
    Lineage,
    Node,
    Valuation,
    among,
    evaluate,
    spread,
)
from twinvouch.ledger.rests import ALL, LISTED, NONE, Rests, bits, read_rests

COLUMNS = 10
LAYOUTS: tuple[Layout, ...] = (("tank", b"1"), ("tank", b"0"), ("roof", b"2"))
MEANT = {LAYOUTS[0]: bits([3], COLUMNS), LAYOUTS[2]: bits([], COLUMNS)}
LEDGERS = 1000


def ledger(seed: int) -> list[Node]:
    """Batches, answers, commands and decisions in any order, each resting on what came before."""
    chance = np.random.default_rng(seed)
    nodes: list[Node] = []
    for me in range(int(chance.integers(1, 40))):
        kind = int(chance.choice([Kind.ENTRY_BATCH, Kind.ENTRY_QUERY, Kind.ENTRY_COMMAND]))
        parents = [
            (int(p), bits(chance.integers(0, COLUMNS, 2).tolist(), COLUMNS) if chance.random() < 0.5 else ALL)
            for p in chance.integers(0, max(me, 1), int(chance.integers(0, 4)))
            if p < me
        ]  # fmt: skip
        who = str(chance.choice(["twin", "other"]))
        since = [int(s) if s < me else NONE for s in chance.integers(-5, me + 4, 2).clip(NONE)]
        layout, pool = None, None
        if kind == Kind.ENTRY_BATCH:
            parents = [p for p in parents if nodes[p[0]].kind != kind and chance.random() < 0.3]
            layout, pool, since = LAYOUTS[chance.integers(3)], BATCHES, [NONE, NONE]
            who = str(chance.choice(["edge-1", "edge-2"]))
        if kind == Kind.ENTRY_QUERY:
            pool = who
        if chance.random() < 0.7:
            since = [NONE, NONE]
        nodes.append(Node(kind, me, who, Rests(tuple(parents), *since), layout, pool))
    return nodes


def grown(nodes: list[Node], first: int = 0) -> Lineage:
    found = Lineage(first)
    for node in nodes[first:]:
        found.append(node)
    return found


def ways(nodes: list[Node], me: int) -> list[tuple[int, bytes]]:
    """Parents of an entry with the columns that count, ranges written out."""
    rests, who = nodes[me].rests, nodes[me].who
    found = list(rests.parents)
    for pool, since in ((BATCHES, rests.batches_since), (who, rests.answers_since)):
        if since != NONE:
            found += [(p, ALL) for p in range(since, me) if nodes[p].pool == pool]
    return found


def hits(node: Node, mask: bytes) -> bool:
    if node.layout is None or not mask or node.layout not in MEANT:
        return True
    return any(a & b for a, b in zip(mask, MEANT[node.layout], strict=True))


def oracle(nodes: list[Node], own: list[int], some: list[int]) -> list[int]:
    derived: list[int] = []
    for me in range(len(nodes)):
        level = own[me]
        for parent, mask in ways(nodes, me):
            below = derived[parent]
            if hits(nodes[parent], mask):
                below = min(below, some[parent])
            level = min(level, below)
        derived.append(level)
    return [min(d, s) for d, s in zip(derived, some, strict=True)]


@pytest.mark.parametrize("part", range(10))
def test_evaluating_again_is_computing_one_entry_after_the_other(part: int) -> None:
    """Over 1,000 random ledgers, each under two valuations."""
    for seed in range(part * LEDGERS // 10, (part + 1) * LEDGERS // 10):
        nodes, chance = ledger(seed), np.random.default_rng([seed, 1])
        of = grown(nodes)
        for _ in range(2):
            own, some = chance.choice(np.array([0, 60, 200, 255], np.uint8), (2, len(nodes)))
            found = evaluate(of, Valuation(own, some, MEANT))
            assert found.tolist() == oracle(nodes, own.tolist(), some.tolist()), seed


@pytest.mark.parametrize("part", range(10))
def test_c38_what_is_affected_is_what_brute_force_finds(part: int) -> None:
    for seed in range(part * LEDGERS // 10, (part + 1) * LEDGERS // 10):
        nodes = ledger(seed)
        of = grown(nodes)
        tag = Source(columns=MEANT, groups=frozenset({"tank"}))
        signer = Source(principal="edge-1")
        for source in (tag, signer):
            since, until = seed % 7, seed % 7 + seed % 23
            found = affected(of, source, since, until)
            bad = [
                since <= me <= until
                and (node.layout is not None and node.layout[0] == "tank" if source is tag else node.who == "edge-1")
                for me, node in enumerate(nodes)
            ]  # fmt: skip
            assert found.sources.tolist() == bad
            levels = [0 if b else 255 for b in bad]
            meant = source.columns
            told = oracle(nodes, [255] * len(nodes), levels) if meant else whole(nodes, bad)
            assert found.touched.tolist() == [level == 0 for level in told], seed


def whole(nodes: list[Node], bad: list[bool]) -> list[int]:
    touched: list[bool] = []
    for me in range(len(nodes)):
        touched.append(bad[me] or any(touched[p] for p, _ in ways(nodes, me)))
    return [0 if t else 255 for t in touched]


def walked(nodes: list[Node], start: int, depth: int, *, up: bool) -> list[bool]:
    """Breadth first, one step at a time."""
    steps = [{p for p, _ in ways(nodes, me)} for me in range(len(nodes))]
    if not up:
        steps = [{c for c in range(len(nodes)) if me in steps[c]} for me in range(len(nodes))]
    far = {start: 0}
    queue = deque([start])
    while queue:
        me = queue.popleft()
        for n in steps[me] - set(far):
            far[n] = far[me] + 1
            queue.append(n)
    return [far.get(me, depth + 1) <= depth for me in range(len(nodes))]


@given(st.integers(0, 2**32 - 1), st.integers(0, 5))
def test_ancestors_and_descendants_are_what_a_walk_finds(seed: int, depth: int) -> None:
    nodes = ledger(seed)
    of, start = grown(nodes), seed % len(nodes)
    at = np.array([start])
    assert of.parents(at, depth).tolist() == walked(nodes, start, depth, up=True)
    assert of.children(at, depth).tolist() == walked(nodes, start, depth, up=False)
    assert of.parents(at).tolist() == walked(nodes, start, 10**6, up=True)
    assert of.children(at).tolist() == walked(nodes, start, 10**6, up=False)


@given(st.integers(0, 2**32 - 1))
def test_growing_step_by_step_changes_nothing_of_what_was_there(seed: int) -> None:
    """Between appends everything is asked for once, as a running core does."""
    nodes = ledger(seed)
    of = Lineage()
    for node in nodes:
        of.append(node)
        of.children(np.array([0]))
    again = grown(nodes)
    assert of.level.tolist() == again.level.tolist()
    assert [a.tolist() for a in of.edges()] == [a.tolist() for a in again.edges()]
    at = np.array([0])
    assert of.children(at).tolist() == again.children(at).tolist()


@given(st.integers(0, 2**32 - 1))
def test_a_lineage_that_begins_late_knows_what_it_does_not_have(seed: int) -> None:
    nodes = ledger(seed)
    first = len(nodes) // 2
    of = grown(nodes, first)
    assert (of.end, len(of)) == (len(nodes), len(nodes) - first)
    listed = [p for n in nodes[first:] for p, _ in n.rests.parents]
    assert of.cut == sum(p < first for p in listed)
    assert among(of, range(-1, len(nodes) + 1)).tolist() == list(range(len(nodes) - first))


def test_spread_writes_ranges_out() -> None:
    assert spread(np.array([3, 7, 7]), np.array([6, 7, 9])).tolist() == [3, 4, 5, 7, 8]


@given(
    st.lists(st.tuples(st.integers(0, 99), st.binary(max_size=3)), max_size=9), st.integers(-1, 99)
)
def test_what_an_entry_rests_on_is_read_as_it_was_written(parents: list, since: int) -> None:
    rests = Rests(tuple(parents), since, NONE)
    assert read_rests(rests.plain(), 100) == rests


def test_more_parents_than_are_listed_become_a_range() -> None:
    many = Rests(tuple((7 + n, ALL) for n in range(LISTED + 1)))
    assert many.plain() == [[], 7, NONE]
    assert Rests(many.parents, 3).plain() == [[], 3, NONE]


@given(st.recursive(st.integers() | st.binary() | st.text() | st.none(), st.lists))
def test_hostile_rests_name_only_what_came_before(content: object) -> None:
    rests = read_rests(content, 10)
    assert all(0 <= parent < 10 for parent, _ in rests.parents)
    assert -1 <= rests.batches_since < 10
    assert -1 <= rests.answers_since < 10
