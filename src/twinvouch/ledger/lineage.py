"""The lineage of the ledger: which entry rests on which, by index, kept once and evaluated under any labels.

Nodes are entries, numbered as in the ledger; a parent always comes before its child, so levels are known at once and
everything is evaluated level by level, in numpy. An edge may say which columns of a batch count; who read more than
can be listed rests on a *range*: every batch, or every answer to the same principal, from an index on. The order of
batches in an edge's chain is no lineage. Only ids are here: what an entry is about stays in the ledger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.label import FULL
from twinvouch.ledger.grown import Grown
from twinvouch.ledger.rests import ALL, NONE, NOTHING, Rests

Index = NDArray[np.intp]
Levels = NDArray[np.uint8]
Layout = tuple[str, bytes]  # scan group, and the first bytes of the digest of its columns
BATCHES = ""  # the pool of all batches; the others have the name of the principal that was answered


@dataclass(frozen=True, slots=True)
class Node:
    """One entry: its kind, when, who signed or asked it, what it rests on, the columns of a batch.

    `pool` is where ranges find it (None: nowhere); `is_done` is what its kind says of it: a command executed, a
    decision or a read allowed, a model admitted, advice readable.
    """

    kind: int
    now_ns: int
    who: str = ""
    rests: Rests = NOTHING
    layout: Layout | None = None
    pool: str | None = None
    is_done: bool = False


class Lineage:
    """The DAG, growing by entries in the order of the ledger. `first` is the index of its first node.

    What lies before it is not known: such parents are left out, and `cut` counts them.
    """

    def __init__(self, first: int = 0) -> None:
        self.first, self.cut = first, 0
        self._kind, self._level = Grown(np.uint8), Grown(np.int32)
        self._time, self._layout = Grown(np.int64), Grown(np.int32)
        self._who, self._done = Grown(np.int32), Grown(np.bool_)
        self._ends = Grown(np.int64)  # where the parents of each node end
        self._parent, self._mask = Grown(np.int64), Grown(np.int32)
        self._ranges = Grown(np.int64, 3)  # child, pool, first node that counts
        self._pools: dict[str, Grown] = {}
        self._pool_names: list[str] = []
        self._pool_levels: list[int] = []
        self.layouts: dict[Layout | None, int] = {None: 0}
        self.people: dict[str, int] = {}
        self.masks: dict[tuple[int, bytes], int] = {(0, ALL): 0}
        self._children: tuple[Index, Index, Index] | None = None

    def __len__(self) -> int:
        return len(self._kind)

    @property
    def end(self) -> int:
        """The index of the next entry."""
        return self.first + len(self)

    @property
    def kind(self) -> NDArray[np.uint8]:
        """Of every node."""
        return self._kind.array

    @property
    def now_ns(self) -> NDArray[np.int64]:
        """Of every node."""
        return self._time.array

    @property
    def who(self) -> NDArray[np.int32]:
        """Who signed or asked each, by their number in `people`."""
        return self._who.array

    @property
    def done(self) -> NDArray[np.bool_]:
        """Whether each came to what its kind is for."""
        return self._done.array

    @property
    def layout(self) -> NDArray[np.int32]:
        """Of every node, by its number in `layouts`; 0 of what is no batch."""
        return self._layout.array

    def append(self, node: Node) -> None:
        """The next entry."""
        me, level = len(self), 0
        self._children = None
        layout = self.layouts.setdefault(node.layout, len(self.layouts))
        for index, columns in node.rests.parents:
            parent = index - self.first
            if parent < 0:
                self.cut += 1
                continue
            self._parent.append(parent)
            self._mask.append(self._mask_of(parent, columns))
            level = max(level, int(self._level.array[parent]) + 1)
        for name, since in (
            (BATCHES, node.rests.batches_since),
            (node.who, node.rests.answers_since),
        ):
            if since != NONE and name in self._pools:
                pool = self._pool_names.index(name)
                self._ranges.append((me, pool, max(since - self.first, 0)))
                level = max(level, self._pool_levels[pool] + 1)
        self._kind.append(node.kind)
        self._level.append(level)
        self._time.append(node.now_ns)
        self._layout.append(layout)
        self._who.append(self.people.setdefault(node.who, len(self.people)))
        self._done.append(node.is_done)
        self._ends.append(len(self._parent))
        if node.pool is not None:
            self._enter(node.pool, me, level)

    def parents(self, nodes: Index, depth: int | None = None) -> NDArray[np.bool_]:
        """`nodes` and everything that they rest on, at most `depth` steps away: bool[n]."""
        return self._walk(nodes, depth, self._above)

    def children(self, nodes: Index, depth: int | None = None) -> NDArray[np.bool_]:
        """`nodes` and everything that rests on them, at most `depth` steps away: bool[n]."""
        return self._walk(nodes, depth, self._below)

    def edges(self) -> tuple[Index, Index, Index]:
        """Parent, child and mask of every edge that is listed."""
        counts = np.diff(self._ends.array, prepend=0)
        return (
            self._parent.array,
            np.repeat(np.arange(len(self)), counts),
            self._mask.array,
        )

    def ranges(self) -> list[tuple[Index, Index, Index]]:
        """Of each pool its nodes, and of each range over it the child and the first node that counts."""
        told = self._ranges.array
        found = []
        for pool, name in enumerate(self._pool_names):
            mine = told[told[:, 1] == pool]
            found.append((self._pools[name].array, mine[:, 0], mine[:, 2]))
        return found

    @property
    def level(self) -> NDArray[np.int32]:
        """Of every node: its longest way from what rests on nothing."""
        return self._level.array

    def _mask_of(self, parent: int, columns: bytes) -> int:
        """A set of columns means something only together with the layout of the batch."""
        layout = int(self._layout.array[parent])
        key = (layout, columns) if layout and columns else (0, ALL)
        return self.masks.setdefault(key, len(self.masks))

    def _enter(self, name: str, me: int, level: int) -> None:
        if name not in self._pools:
            self._pools[name] = Grown(np.int64)
            self._pool_names.append(name)
            self._pool_levels.append(0)
        self._pools[name].append(me)
        pool = self._pool_names.index(name)
        self._pool_levels[pool] = max(self._pool_levels[pool], level)

    def _walk(self, nodes: Index, depth: int | None, step: Any) -> NDArray[np.bool_]:
        found = np.zeros(len(self), np.bool_)
        found[nodes] = True
        front = np.unique(nodes)
        while len(front) and (depth is None or depth > 0):
            new = np.zeros(len(self), np.bool_)
            new[step(front)] = True
            front = np.flatnonzero(new & ~found)
            found[front] = True
            depth = None if depth is None else depth - 1
        return found

    def _above(self, front: Index) -> Index:
        ends = self._ends.array
        starts = np.where(front, ends[front - 1], 0)
        listed = self._parent.array[spread(starts, ends[front])]
        parts = [listed]
        for pool, child, since in self.ranges():
            mine = np.isin(child, front)
            low = np.searchsorted(pool, since[mine])
            parts.append(pool[spread(low, np.searchsorted(pool, child[mine]))])
        return np.concatenate(parts)

    def _below(self, front: Index) -> Index:
        if self._children is None:
            parent, child, _ = self.edges()
            order = np.argsort(parent, kind="stable")
            self._children = child[order], parent[order], order
        child, parent, _ = self._children
        low = np.searchsorted(parent, front)
        parts = [child[spread(low, np.searchsorted(parent, front, "right"))]]
        for pool, reader, since in self.ranges():
            mine = pool[np.isin(pool, front)]
            hit = np.searchsorted(mine, reader) > np.searchsorted(mine, since)
            parts.append(reader[hit])
        return np.concatenate(parts)


@dataclass(frozen=True, slots=True, eq=False)
class Valuation:
    """What each entry counts as by itself, 0..255 on one axis.

    `own` uint8[n] is of the whole node, `some` uint8[n] of those columns only that `columns` names (of each layout a
    bit string); batches whose layout is not in it are meant as a whole.
    """

    own: Levels
    some: Levels
    columns: Mapping[Layout, bytes]


def evaluate(of: Lineage, given: Valuation) -> Levels:
    """R2 over the whole ledger under other labels: the level of each entry, uint8[n], the minimum of all it rests on.

    Nothing is replayed: (max, min) over the DAG is a semiring, so evaluating again equals computing anew.
    """
    whole, some = given.own.copy(), np.minimum(given.own, given.some)
    parent, child, mask = of.edges()
    hit = _hits(of, given.columns)[mask]
    order = np.argsort(of.level[child], kind="stable")
    parent, child, hit = parent[order], child[order], hit[order]
    at = np.searchsorted(of.level[child], np.arange(int(of.level.max(initial=0)) + 2))
    for level in range(1, len(at) - 1):
        mine = slice(at[level], at[level + 1])
        worst = np.where(hit[mine], some[parent[mine]], whole[parent[mine]])
        _lower(whole, some, child[mine], worst)
        for pool, reader, since in of.ranges():
            now = of.level[reader] == level
            if now.any():
                least = _least(some[pool], pool, since[now], reader[now])
                _lower(whole, some, reader[now], least)
    return np.minimum(whole, some)


def tainted(of: Lineage, given: Valuation) -> NDArray[np.bool_]:
    """Which entries rest, in full or in part, on something that counts as nothing: bool[n]."""
    found: NDArray[np.bool_] = evaluate(of, given) == 0
    return found


def _lower(whole: Levels, some: Levels, nodes: Index, levels: Levels) -> None:
    np.minimum.at(whole, nodes, levels)
    np.minimum.at(some, nodes, levels)


def _hits(of: Lineage, columns: Mapping[Layout, bytes]) -> NDArray[np.bool_]:
    """Which masks meet the columns that are meant; a batch of an unknown layout is met as a whole."""
    names = {number: layout for layout, number in of.layouts.items()}
    return np.array(
        [_meets(mask, columns.get(names[layout] or ("", b""))) for layout, mask in of.masks],
        np.bool_,
    )


def _meets(mask: bytes, meant: bytes | None) -> bool:
    if not mask or meant is None:
        return True
    return any(a & b for a, b in zip(mask, meant, strict=False))


def _least(levels: Levels, pool: Index, since: Index, before: Index) -> Levels:
    """The smallest level of the pool's nodes from `since` on and before `before`, FULL where there is none."""
    low, high = np.searchsorted(pool, since), np.searchsorted(pool, before)
    width = high - low
    table = [levels]  # of each power of two the least of so many in a row
    while 2 ** len(table) <= len(levels):
        half = 2 ** (len(table) - 1)
        table.append(np.minimum(table[-1][:-half], table[-1][half:]))
    found = np.full(len(since), FULL, np.uint8)
    for power, row in enumerate(table):
        mine = np.flatnonzero((width >> power) == 1)
        ends = high[mine] - 2**power
        found[mine] = np.minimum(row[low[mine]], row[ends])
    return found


def spread(starts: Index, ends: Index) -> Index:
    """All numbers from each start to before its end, side by side."""
    counts = ends - starts
    return np.repeat(ends - np.cumsum(counts), counts) + np.arange(int(counts.sum()))


def seeds(of: Lineage, nodes: Index, columns: Mapping[Layout, bytes]) -> Valuation:
    """The valuation under which these columns of these batches (of other nodes: all of them) count as nothing."""
    some: Levels = np.full(len(of), FULL, np.uint8)
    some[nodes] = 0
    return Valuation(np.full(len(of), FULL, np.uint8), some, columns)


def among(of: Lineage, indices: Sequence[int]) -> Index:
    """Nodes by ledger index, as far as they are known."""
    at = np.asarray(indices, np.int64) - of.first
    return at[(at >= 0) & (at < len(of))]
