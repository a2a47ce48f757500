"""A part of the lineage as a picture: nodes with a place each, so that whoever shows it only draws.

A node's `layer` is its row, by the longest way from what rests on nothing, its `order` the place in the row: near its
parents, then by index. Of too many nodes those nearest in the ledger are shown, and how many are not.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from twinvouch.core.event import Plain
from twinvouch.core.inventory import Plant
from twinvouch.ledger.entry import COLUMNS_BYTES
from twinvouch.ledger.lineage import Index, Layout, Lineage
from twinvouch.ledger.told import told

NODES_MAX = 500
EDGES_MAX = 5000
Entries = Callable[[Sequence[int]], Sequence[bytes]]


def picture(
    of: Lineage, start: int, entries: Entries, columns: Mapping[Layout, Sequence[str]], **how: int
) -> dict[str, Plain]:
    """What entry `start` rests on (`up=1`), or what rests on it, at most `depth` steps away (0: as far as it goes)."""
    at = np.array([start - of.first])
    walk = of.parents if how["up"] else of.children
    found = np.flatnonzero(walk(at, how["depth"] or None))
    shown = _nearest(found, int(at[0]))
    edges = _edges(of, shown)
    places = _places(of, shown, edges)
    raw = entries([int(n) + of.first for n in shown])
    nodes: list[Plain] = [
        {"entry": int(n) + of.first, **told(entry), "layer": layer, "order": order}
        for n, entry, (layer, order) in zip(shown, raw, places, strict=True)
    ]
    lines: list[Plain] = [
        {
            "from": parent + of.first,
            "to": child + of.first,
            "columns": None if mask is None else _named(of, parent, mask, columns),
        }
        for parent, child, mask in edges[:EDGES_MAX]
    ]
    return {
        "entry": start,
        "direction": "up" if how["up"] else "down",
        "nodes": nodes,
        "edges": lines,
        "nodes_left_off": len(found) - len(shown),
        "edges_left_off": max(0, len(edges) - EDGES_MAX),
        "begins_at": of.first,
    }


def layouts(plant: Plant) -> dict[Layout, Sequence[str]]:
    """Tags by column, of the layouts that this configuration has."""
    return {(g.name, g.digest[:COLUMNS_BYTES]): g.ids for g in plant.groups.values()}


def _nearest(found: Index, at: int) -> Index:
    order = np.argsort(np.abs(found - at), kind="stable")[:NODES_MAX]
    return np.sort(found[order])


def _edges(of: Lineage, shown: Index) -> list[tuple[int, int, bytes | None]]:
    """Parent, child and columns (None: all) of edges between what is shown; ranges are written out."""
    parent, child, mask = of.edges()
    here = np.isin(child, shown) & np.isin(parent, shown)
    bits = list(of.masks)
    found: list[tuple[int, int, bytes | None]] = [
        (p, c, bits[m][1] or None)
        for p, c, m in zip(parent[here].tolist(), child[here].tolist(), mask[here].tolist(), strict=True)
    ]  # fmt: skip
    for pool, reader, since in of.ranges():
        mine = pool[np.isin(pool, shown)]
        asked = np.isin(reader, shown)
        for c, first in zip(reader[asked].tolist(), since[asked].tolist(), strict=True):
            found += [(p, c, None) for p in mine[(mine >= first) & (mine < c)].tolist()]
    return sorted(found, key=lambda each: (each[1], each[0]))


def _places(
    of: Lineage, shown: Index, edges: Sequence[tuple[int, int, bytes | None]]
) -> list[tuple[int, int]]:
    """Layer and order of each node."""
    layer = np.unique(of.level[shown], return_inverse=True)[1].tolist()
    above: dict[int, list[int]] = {}
    for parent, child, _ in edges:
        above.setdefault(child, []).append(parent)
    order: dict[int, int] = {}
    for row in range(max(layer, default=-1) + 1):
        mine = [n for n, at in zip(shown.tolist(), layer, strict=True) if at == row]
        mine.sort(key=lambda n: (_middle([order[p] for p in above.get(n, ())]), n))
        order |= {n: place for place, n in enumerate(mine)}
    return [(at, order[n]) for n, at in zip(shown.tolist(), layer, strict=True)]


def _middle(orders: Sequence[int]) -> float:
    return sum(orders) / len(orders) if orders else 0.0


def _named(of: Lineage, parent: int, mask: bytes, columns: Mapping[Layout, Sequence[str]]) -> Plain:
    """Tags that count of a batch; numbers of columns where this configuration has other ones."""
    layout = list(of.layouts)[int(of.layout[parent])]
    places = [k for k in range(8 * len(mask)) if mask[k // 8] >> k % 8 & 1]
    names = columns.get(layout) if layout is not None else None
    return [names[k] for k in places] if names is not None else places
