"""What is asked of a model before a command is allowed, and what it foresaw: the types of look-ahead.

A question starts from what is trusted: of each quantity an interval. Members are the starts that are tried: the centre,
then all low ends together and all high ends together, each with less and with more demand; with `each` every uncertain
quantity alone at either end, too. Paired extremes, not all combinations: 5 members, or 5 + 2n, not 2^n. Where intervals reach over
their limits, the ends that are just inside them, too: what is out already says nothing of what is about to leave.
In every member two branches are compared: the command for `tau_s` and then a backup law, and the backup law at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray

DEMAND: Final = "demand"  # of a start: the factor that demand is multiplied with
CLOCK: Final = "clock_s"  # of a start: seconds since midnight UTC, for patterns of demand
MOST_STEPS: Final = 2_000  # of one run
MOST_MEMBERS: Final = 64
MOST_STANDING: Final = 8  # values that no command may be; each costs a branch of runs
_JUST: Final = 1e-4  # of what is limited, that a start just inside is inside


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a quantity is; `centre` is what is most believed."""

    low: float
    centre: float
    high: float

    @property
    def is_exact(self) -> bool:
        """True where there is nothing to vary."""
        return self.low == self.high


@dataclass(frozen=True, slots=True)
class Source:
    """The tag that a quantity of a model is read from, in the unit of the tag.

    `factor` and `offset` make the model's value of it. While it is trusted it is right within `error`; after that it may
    move `drift_per_h` away from where it was, at most to `low` or `high`.
    """

    tag: str
    low: float
    high: float
    error: float = 0.0
    drift_per_h: float = 0.0
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Ahead:
    """Look-ahead of one actuator: which model, how it is asked. `demands` are those of the actuator's class, by axis.

    `actuator` is its name in the model; `limits` are in the model's units. `tolerance` is the largest residual of the
    physics certificate, `deadline_ns` how long an answer may take, `window_ns` how far back a lie may have begun. `second` is
    another model that has to allow what this one allows.
    """

    model: str
    digest: bytes
    actuator: str
    sources: Mapping[str, Source]
    limits: Mapping[str, tuple[float, float]]
    demands: tuple[int, int, int, int]
    horizon_s: float
    tau_s: float
    step_s: float
    demand: float
    is_each: bool
    deadline_ns: int
    tolerance: float
    window_ns: int
    second: "Ahead | None" = None


@dataclass(frozen=True, slots=True)
class Question:
    """One look-ahead: `state` by quantity, sorted; `low` and `high` are what the actuator may be set to at all.

    `standing` are the values that the actuator may have as long as nobody commands it, so what no command may be; empty where
    that is not known or they are more than MOST_STANDING, and then nothing is compared with none.
    Without an `actuator` it asks what comes of no command: all that is set stays so, to the horizon.
    """

    model: str
    digest: bytes
    state: tuple[tuple[str, Interval], ...]
    limits: tuple[tuple[str, float, float], ...]
    actuator: str
    value: float
    low: float
    high: float
    horizon_s: float
    tau_s: float
    step_s: float
    demand: float
    clock_s: float
    is_each: bool = False
    standing: tuple[float, ...] = ()

    @property
    def steps(self) -> int:
        """Of one run."""
        return max(1, min(MOST_STEPS, ceil(self.horizon_s / self.step_s - 1e-9)))

    @property
    def is_idle(self) -> bool:
        """True where it is about no command."""
        return not self.actuator

    @property
    def held(self) -> int:
        """Steps that the command lasts; at least one, of no command all of them and the last moment."""
        if self.is_idle:
            return self.steps + 1
        return max(1, min(self.steps, ceil(self.tau_s / self.step_s - 1e-9)))


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One run as told by a model: `rows` float64[steps + 1, columns], `samples` float64[n, m] at the rows `sampled`."""

    rows: NDArray[np.float64]
    samples: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    sampled: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """What several runs do: for `held` steps of `steps` the `settings` stand, then each follows its one of `laws`."""

    laws: tuple[str, ...]
    settings: Mapping[str, float]
    held: int
    steps: int
    step_s: float


@dataclass(frozen=True, slots=True)
class Branch:
    """How near one run came to its limits.

    `worst` is the largest excess as a share of the limited range, negative while inside; `at_s` when a limit was first
    passed, the horizon where none was; `quantity` the one that was nearest. While it is compared, `each` is the largest excess
    of every limited quantity and `path` the excess at every step, float64[steps + 1, quantities]; nobody stores either.
    """

    worst: float
    at_s: float
    quantity: str
    each: tuple[float, ...] = field(default=(), compare=False)
    path: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a model foresaw, certified: branches in the order of members, then of laws.

    `backups` is empty where no command branch leaves the limits. No command has one run a member, told once for each law.
    `eased`, where it was looked at, says of each command branch that it leaves them less than with no command for as long, or
    that it leaves nothing further out in any of them, at any step. `further`, where there are backups,
    that the best law at once would leave some quantity less far out; empty in what earlier versions stored.
    `residual` is the largest of the physics certificate;
    `allowed` the nearest value that would have been allowed, None where none was found or looked for.
    """

    question: bytes  # digest
    model: bytes  # digest
    laws: tuple[str, ...]
    commands: tuple[Branch, ...]
    backups: tuple[Branch, ...]
    residual: float
    runs: int
    allowed: float | None = None
    eased: tuple[bool, ...] = ()
    further: tuple[bool, ...] = ()

    @property
    def is_finite(self) -> bool:
        """False where anything in it is no number."""
        branches = (*self.commands, *self.backups)
        numbers = [self.residual, *(n for b in branches for n in (b.worst, b.at_s))]
        return all(isfinite(n) for n in (*numbers, 0.0 if self.allowed is None else self.allowed))


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to a question about one command: what was foreseen, or why nothing was; and that of a second model."""

    asked: Question
    foresight: Foresight | None
    why: str = ""
    second: "Prediction | None" = None


def members(question: Question) -> tuple[dict[str, float], ...]:
    """The starts that are tried, each a value by quantity."""
    return tuple(_starts(question))[:MOST_MEMBERS]


def _starts(q: Question) -> Iterator[dict[str, float]]:
    less, more = 1.0 - q.demand, 1.0 + q.demand
    centre = {name: i.centre for name, i in q.state}
    low, high = {n: i.low for n, i in q.state}, {n: i.high for n, i in q.state}
    yield _start(q, centre, 1.0)
    for ends in (low, high):
        for factor in (less, more):
            yield _start(q, ends, factor)
    for limit, factor in ((0, more), (1, less)):
        inside = dict(_just_inside(q, limit))
        if inside:
            yield _start(q, {**(low, high)[limit], **inside}, factor)
    uncertain = [name for name, i in q.state if not i.is_exact] if q.is_each else []
    for name in uncertain:
        yield _start(q, {**centre, name: low[name]}, more)
        yield _start(q, {**centre, name: high[name]}, less)


def _just_inside(q: Question, limit: int) -> Iterator[tuple[str, float]]:
    """Quantities whose interval reaches over their low (0) or high (1) limit: what is about to leave is neither at the end nor the centre."""
    told = dict(q.state)
    for name, least, most in q.limits:
        at, at_limit = told.get(name), (least, most)[limit]
        if at is not None and at.low < at_limit < at.high:
            yield name, at_limit + (1, -1)[limit] * _JUST * (most - least)


def _start(q: Question, values: Mapping[str, float], factor: float) -> dict[str, float]:
    return {**values, DEMAND: factor, CLOCK: q.clock_s}


def nearest(
    rows: NDArray[np.float64],
    columns: Sequence[str],
    limits: Sequence[tuple[str, float, float]],
    step_s: float,
) -> Branch:
    """How near a run came to its limits; a limited quantity that no column tells of is a ValueError."""
    worst, first, quantity, each = -np.inf, len(rows) - 1, "", []
    path = np.empty((len(rows), len(limits)))
    for n, (name, low, high) in enumerate(limits):
        values = rows[:, columns.index(name)]
        excess = path[:, n] = np.maximum(values - high, low - values) / (high - low)
        largest = float(excess.max())
        each.append(largest)
        if not largest <= worst:  # also what is no number
            worst, quantity = largest, name
        outside = np.flatnonzero(~(excess <= 0))
        first = min(first, int(outside[0])) if outside.size else first
    return Branch(float(worst), first * step_s, quantity, tuple(each), path)
