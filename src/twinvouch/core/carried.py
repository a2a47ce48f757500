"""What a value carries by topology alone: source domains S, confidentiality C, purposes U.

They follow from what rests on what, not from readings, and are computed again only when the graph changes. S is a
union, C a join (the highest level, all compartments), U a meet (the purposes that every input allows).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.graph import Fan, Graph

ANY_PURPOSE = 2**32 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """Of n values: `domains` uint64[n, W] (a bit a failure domain), `level` uint8[n], `compartments` and `purposes` uint32[n]."""

    domains: NDArray[np.uint64]
    level: NDArray[np.uint8]
    compartments: NDArray[np.uint32]
    purposes: NDArray[np.uint32]


def carried(of: Graph, sources: Carried) -> Carried:
    """S, C and U of all values of a graph; what rests on something absent has its other inputs' S and C, and no purpose."""
    found = Carried(
        _room(sources.domains, of, 0),
        _room(sources.level, of, 0),
        _room(sources.compartments, of, 0),
        _room(sources.purposes, of, ANY_PURPOSE),
    )
    found.purposes[of.size] = 0
    for level in of.levels:
        for fan in level:
            _join(found, fan)
    size = of.size
    return Carried(
        found.domains[:size], found.level[:size], found.compartments[:size], found.purposes[:size]
    )


class Standing:
    """The last answer of `carried`, for as long as the graph's revision and the sources are the same."""

    def __init__(self) -> None:
        self._revision = -1
        self._sources: Carried | None = None
        self._found: Carried | None = None

    def of(self, graph: Graph, sources: Carried) -> Carried:
        """S, C and U; computed anew where the revision is another one, or the sources are."""
        if self._found is None or self._revision != graph.revision or self._sources is not sources:
            self._found = carried(graph, sources)
            self._revision, self._sources = graph.revision, sources
        return self._found


def _join(found: Carried, fan: Fan) -> None:
    at, to = fan.inputs, fan.outputs
    for word in range(found.domains.shape[1]):
        column = found.domains[:, word]
        column[to] = np.bitwise_or.reduce(column[at], axis=0)
    found.level[to] = np.maximum.reduce(found.level.take(at), axis=0)
    found.compartments[to] = np.bitwise_or.reduce(found.compartments.take(at), axis=0)
    found.purposes[to] = np.bitwise_and.reduce(found.purposes.take(at), axis=0)


def _room(values: NDArray[Any], of: Graph, fill: int) -> NDArray[Any]:
    """Values of the sources, and room for the rest; words of `domains` side by side, so that a gather is quick."""
    shape = (of.size + 1, *values.shape[1:])
    room = np.full(shape, fill, values.dtype, order="F")
    room[: of.sources] = values
    return room
