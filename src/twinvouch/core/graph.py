"""R2 for whole levels: many values at once, each derived from a few of the values before it.

A graph is what rests on what, level by level; it changes with the model, never with the readings. Labels are gathered
and combined elementwise, the four axes of a value side by side in one word, so that a label costs about as much as
the value it belongs to. A value without inputs has no trust, and an input that is not there (-1) counts as nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.errors import UsageError
from twinvouch.core.label import AXES, NEVER, Label

Index = NDArray[np.intp]
ABSENT = -1  # an input that does not exist


@dataclass(frozen=True, slots=True, eq=False)
class Fan:
    """Values of one level with about as many inputs each.

    `outputs` intp[n] are their places; `inputs` intp[fan, n] the places of what they rest on, a column a value.
    Where a value has fewer inputs than the others its first one stands again: an input twice is an input once.
    """

    outputs: Index
    inputs: Index


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """`levels` in order, the inputs of each known before it; `sources` values begin it, `size` are there in all.

    `revision` names what it was made from: what follows from topology alone is computed again when it changes.
    Place `size` is that of nothing: no trust, on which everything absent rests.
    """

    revision: int
    sources: int
    size: int
    levels: tuple[tuple[Fan, ...], ...]


def fixed(inputs: Index, first: int) -> tuple[Fan, ...]:
    """A level of n values from `first` on with the same number of inputs each: `inputs` intp[n, fan]."""
    count = len(inputs)
    return (Fan(np.arange(first, first + count), np.ascontiguousarray(inputs.T)),)


def ragged(starts: Index, inputs: Index, first: int) -> tuple[Fan, ...]:
    """A level of n values from `first` on in compressed rows: those of value k are inputs[starts[k]:starts[k + 1]].

    Values are sorted into fans of 1, 2, 4, 8 ... inputs, so that no more than half of the work is padding.
    """
    counts = np.diff(starts)
    width = np.maximum(counts, 1)
    width = 2 ** np.ceil(np.log2(width)).astype(np.intp)
    padded = np.append(inputs, ABSENT)
    fans = []
    for fan in np.unique(width).tolist():
        rows = np.flatnonzero(width == fan)
        at = starts[rows] + np.minimum(np.arange(fan)[:, None], counts[rows] - 1)
        at[:, counts[rows] == 0] = len(inputs)
        again = np.arange(fan)[:, None] >= counts[rows]
        fans.append(Fan(rows + first, padded[np.where(again, at[0], at)]))
    return tuple(fans)


def graph(revision: int, sources: int, levels: Sequence[tuple[Fan, ...]]) -> Graph:
    """A graph whose values are numbered level by level behind its `sources`; UsageError where one rests on a later one."""
    size = sources
    for n, level in enumerate(levels):
        for fan in level:
            if fan.inputs.size and not (fan.inputs.min() >= ABSENT and fan.inputs.max() < size):
                raise UsageError(
                    f"level {n} rests on value {fan.inputs.max()}, only {size} are known before it: "
                    "number values level by level, and use -1 for what does not exist"
                )
        size += sum(len(fan.outputs) for fan in level)
    return Graph(revision, sources, size, tuple(_placed(level, size) for level in levels))


def label(of: Graph, sources: Label, by: Label | None = None) -> Label:
    """R2 for all values: `sources` label the first of them, `by` (None: full) the computation of each of the others.

    Each axis is the minimum over inputs and computation, fresh_until too. Gives the labels of all `of.size` values.
    """
    words, fresh = room(of, sources, by)
    carry(of, words, fresh)
    return Label(_axes(words[: of.size]), fresh[: of.size].copy())


Words = NDArray[np.uint32]  # the four axes of a value side by side


def room(of: Graph, sources: Label, by: Label | None = None) -> tuple[Words, NDArray[np.int64]]:
    """Labels as `carry` works on them, uint32 and int64 [size + 1]: sources in place, the others at their computation's."""
    words = np.full(of.size + 1, 2**32 - 1, np.uint32)
    fresh = np.full(of.size + 1, NEVER)
    words[: of.sources], fresh[: of.sources] = _words(sources), sources.fresh_until
    if by is not None:
        words[of.sources : -1], fresh[of.sources : -1] = _words(by), by.fresh_until
    words[-1], fresh[-1] = 0, 0
    return words, fresh


def carry(of: Graph, words: Words, fresh: NDArray[np.int64]) -> None:
    """R2 in place: each derived value becomes the minimum of what stands there and of its inputs."""
    for level in of.levels:
        for fan in level:
            own = words[fan.outputs].view(np.uint8)
            worst = np.minimum.reduce(words.take(fan.inputs).view(np.uint8), axis=0)
            words[fan.outputs] = np.minimum(own, worst).view(np.uint32)
            soonest = np.minimum.reduce(fresh.take(fan.inputs), axis=0)
            fresh[fan.outputs] = np.minimum(fresh[fan.outputs], soonest)


def touched(of: Graph, seeds: Index) -> NDArray[np.bool_]:
    """Which values rest on any of `seeds`, themselves included: bool[size]."""
    found = np.zeros(of.size + 1, np.bool_)
    found[seeds] = True
    for level in of.levels:
        for fan in level:
            found[fan.outputs] |= found.take(fan.inputs).any(axis=0)
    return found[: of.size]


def _words(of: Label) -> Words:
    return np.ascontiguousarray(of.axes.T).view(np.uint32)[:, 0]


def _axes(words: Words) -> NDArray[np.uint8]:
    return np.ascontiguousarray(words.view(np.uint8).reshape(-1, AXES).T)


def _placed(level: tuple[Fan, ...], size: int) -> tuple[Fan, ...]:
    """A level whose absent inputs are at the place of nothing."""
    return tuple(Fan(f.outputs, np.where(f.inputs == ABSENT, size, f.inputs)) for f in level)
