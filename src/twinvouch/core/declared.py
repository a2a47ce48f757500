"""What a plant declares of its tags beyond limits: steps, variation, jitter, redundancy, balances, states of actuators.

All of it is optional, and nothing is guessed or learned. `by_group` sorts it by scan group, with the columns that are
meant there; a group of which nothing is declared is not in it, so that what is not declared costs nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
ELSEWHERE = -1  # column of a tag that is in another scan group
SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """Values of a tag are whole multiples of `size` above or below `origin`, in the tag's unit."""

    size: float
    origin: float = 0.0


@dataclass(frozen=True, slots=True)
class Jitter:
    """An interval between rows that is `tolerance_ns` off the period is odd; more than `share` of them is a finding."""

    tolerance_ns: int
    share: float


@dataclass(frozen=True, slots=True)
class Redundancy:
    """Tags that measure one quantity, and differ by at most `tolerance` but for `settle_ns` at a time."""

    name: str
    tags: tuple[str, ...]
    tolerance: float
    settle_ns: int = 0


class Take(StrEnum):
    """What of a tag counts in a balance: its mean over the window, the change of it, each also over or times the window."""

    MEAN = "mean"
    DERIVATIVE = "derivative"  # change over the window, per second
    INTEGRAL = "integral"  # mean times the window, in seconds
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Term:
    """One summand of a balance."""

    tag: str
    factor: float = 1.0
    take: Take = Take.MEAN


@dataclass(frozen=True, slots=True)
class Balance:
    """The terms add up to zero over every window, within `tolerance`; `unit` is that of the sum, for people."""

    name: str
    terms: tuple[Term, ...]
    tolerance: float
    window_ns: int
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Expectation:
    """While `status` is within `low..high`, `tag` is within `least..most`, but for `settle_ns` at a time."""

    name: str
    status: str
    low: float
    high: float
    tag: str
    least: float = -inf
    most: float = inf
    settle_ns: int = SECOND


@dataclass(frozen=True, slots=True)
class Declarations:
    """All that a plant declares; `steps` and `varies_ns` by tag, `jitter` by scan group."""

    steps: Mapping[str, Step] = field(default_factory=dict)
    varies_ns: Mapping[str, int] = field(default_factory=dict)
    jitter: Mapping[str, Jitter] = field(default_factory=dict)
    redundancy: tuple[Redundancy, ...] = ()
    balances: tuple[Balance, ...] = ()
    expectations: tuple[Expectation, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Columns intp[n] whose values have steps: `size` and `origin` float64[n]."""

    columns: NDArray[np.intp]
    size: NDArray[np.float64]
    origin: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Varying:
    """Columns intp[n] that must change within `limit_ns` int64[n]."""

    columns: NDArray[np.intp]
    limit_ns: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Placed(Generic[T]):
    """A declaration and where its tags are in this scan group: a column each, or ELSEWHERE."""

    what: T
    tags: tuple[str, ...]
    columns: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class BalancePart:
    """What one scan group adds to a balance: the integral of values @ `flow` plus the change of values @ `stock`.

    `place` is the number of this group among the `groups` that the balance has tags in.
    """

    balance: Balance
    groups: tuple[str, ...]
    place: int
    placed: Placed[Balance]
    flow: NDArray[np.float64]
    stock: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GroupRules:
    """What is declared of one scan group."""

    steps: Steps | None = None
    varying: Varying | None = None
    jitter: Jitter | None = None
    redundancy: tuple[Placed[Redundancy], ...] = ()
    balances: tuple[BalancePart, ...] = ()
    expectations: tuple[Placed[Expectation], ...] = ()


def by_group(groups: Mapping[str, Sequence[str]], told: Declarations) -> dict[str, GroupRules]:
    """The rules of each scan group that has any; `groups` gives the tag ids of each in column order."""
    home = {tag: name for name, ids in groups.items() for tag in ids}
    found = {}
    for name, ids in groups.items():
        column = {tag: k for k, tag in enumerate(ids)}
        rules = GroupRules(
            _steps(column, told.steps),
            _varying(column, told.varies_ns),
            told.jitter.get(name),
            tuple(_here([(r, r.tags) for r in told.redundancy], column)),
            tuple(_parts(name, column, told.balances, home)),
            tuple(_here([(e, (e.status, e.tag)) for e in told.expectations], column)),
        )
        if any(getattr(rules, part) for part in GroupRules.__slots__):
            found[name] = rules
    return found


def _steps(column: Mapping[str, int], steps: Mapping[str, Step]) -> Steps | None:
    mine = [tag for tag in column if tag in steps]
    if not mine:
        return None
    sizes = np.array([steps[tag].size for tag in mine])
    return Steps(_columns(mine, column), sizes, np.array([steps[tag].origin for tag in mine]))


def _varying(column: Mapping[str, int], varies_ns: Mapping[str, int]) -> Varying | None:
    mine = [tag for tag in column if tag in varies_ns]
    if not mine:
        return None
    return Varying(_columns(mine, column), np.array([varies_ns[tag] for tag in mine], np.int64))


def _columns(tags: Sequence[str], column: Mapping[str, int]) -> NDArray[np.intp]:
    return np.array([column.get(tag, ELSEWHERE) for tag in tags], np.intp)


def _here(
    declared: Sequence[tuple[T, tuple[str, ...]]], column: Mapping[str, int]
) -> Iterator[Placed[T]]:
    """Those with a tag in this scan group."""
    for what, tags in declared:
        placed = _placed(what, tags, column)
        if placed is not None:
            yield placed


def _placed(what: T, tags: tuple[str, ...], column: Mapping[str, int]) -> Placed[T] | None:
    columns = _columns(tags, column)
    return Placed(what, tags, columns) if (columns != ELSEWHERE).any() else None


def _parts(
    name: str, column: Mapping[str, int], balances: Sequence[Balance], home: Mapping[str, str]
) -> Iterator[BalancePart]:
    for balance in balances:
        tags = tuple(dict.fromkeys(term.tag for term in balance.terms))
        placed = _placed(balance, tags, column)
        if placed is not None:
            groups = tuple(sorted({home[tag] for tag in tags}))
            own = [tag for tag in tags if tag in column]
            flow, stock = _factors(balance, own)
            yield BalancePart(balance, groups, groups.index(name), placed, flow, stock)


def _factors(
    balance: Balance, tags: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each tag's integral (in seconds) and change over a window is multiplied with."""
    flow, stock = np.zeros(len(tags)), np.zeros(len(tags))
    window_s = balance.window_ns / SECOND
    for term in balance.terms:
        if term.tag in tags:
            into = flow if term.take in {Take.MEAN, Take.INTEGRAL} else stock
            per = window_s if term.take in {Take.MEAN, Take.DERIVATIVE} else 1.0
            into[tags.index(term.tag)] += term.factor / per
    return flow, stock
