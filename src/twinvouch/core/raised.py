"""The ways up: redundancy (R3), endorsement (R4), alternatives (R5). Nothing else ever raises a label.

Each answers with the label that it would have without raising where its conditions are not met, never with less. Each
lets values of lower trust move the result a little (within a tolerance, or by choosing among the others), which is
why they are outside the promise of non-interference and why each use is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.label import AXES, Axis, Label, derive, nothing

RAISED = (Axis.INTEGRITY, Axis.PLAUSIBILITY)  # who measured, and when it was checked, no vote tells
Axes = Sequence[int]


@dataclass(frozen=True, slots=True)
class Agreed:
    """What redundant sources say together: `value` (NaN: nothing), how many independent ones agree, of how many."""

    value: float
    label: Label
    agreeing: int
    independent: int


def redundant(
    values: NDArray[np.float64],
    label: Label,
    groups: NDArray[np.intp],
    tolerance: float,
    breakdown: int,
) -> Agreed:
    """R3: the median over independent sources, and the label that it earns.

    `values` float64[k] (NaN: absent), `groups` intp[k] as `core.domains.independent` gives them. Sources of one group
    count once, with their median and their worst label. With g groups the median withstands (g - 1) // 2 liars, so no
    more than that of `breakdown` counts; one that is absent or further than `tolerance` from the median counts as
    nothing. Integrity and plausibility are then the (b + 1)-th smallest: to raise them falsely an attacker has to own
    b + 1 groups. Identity, calibration and fresh_until stay the minimum over all. Two groups never raise.
    """
    if not len(values):
        return Agreed(np.nan, nothing(1), 0, 0)
    count = int(groups.max()) + 1
    values = _finite(values)
    told = np.array([_middle(values[groups == g]) for g in range(count)])
    worst = np.array([label.axes[:, groups == g].min(axis=1) for g in range(count)], np.uint8)
    value = _middle(told)
    near = _near(told, value, tolerance)
    least = derive([label])
    axes = least.axes.copy()
    liars = max(0, min(breakdown, (count - 1) // 2))
    for axis in RAISED:
        ranked = np.sort(np.where(near, worst[:, axis], 0))
        axes[axis] = max(axes[axis, 0], ranked[liars])
    return Agreed(value, Label(axes, least.fresh_until), int(near.sum()), count)


@dataclass(frozen=True, slots=True)
class Endorsement:
    """A person's or an independent check's word for a value, as axes of 0..255 each.

    `cap` is what their authority can vouch for, `evidence` the label of what they looked at, `target` what they ask
    for, `shown` the worst of everything that was on the screen when they decided.
    """

    cap: Axes
    evidence: Axes
    target: Axes
    shown: Axes


def endorsed(label: Label, by: Endorsement) -> tuple[Label, bool]:
    """R4: `label` raised to min(cap, evidence, target), and whether the endorsement counts.

    It is refused as a whole where what was shown rested on data below the target on any axis: who decides on tainted
    data endorses the taint. It never lowers, never goes past the evidence, and never makes anything fresher.
    """
    if any(shown < target for shown, target in zip(by.shown, by.target, strict=True)):
        return label, False
    limit = np.array([by.cap, by.evidence, by.target], np.uint8).min(axis=0)
    assert limit.shape == (AXES,), limit.shape
    return Label(np.maximum(label.axes, limit[:, None]), label.fresh_until), True


def alternative(
    values: NDArray[np.float64],
    label: Label,
    registered: NDArray[np.bool_],
    tolerance: float,
    used: int,
) -> Label:
    """R5: the label of value `used` among k derivations of one fact: the highest of each axis of those that back it.

    `values` float64[k], `label` of k, `registered` bool[k]: those which the signed inventory names as derivations of
    this fact. One backs the value used where both are registered and they are within `tolerance` of each other; what
    disagrees, is absent or is not registered adds nothing, and the value used then stands for itself.
    """
    near = _near(_finite(values), values[used], tolerance)
    back = near & registered & registered[used]
    back[used] = True
    return Label(
        label.axes[:, back].max(axis=1, keepdims=True),
        label.fresh_until[back].max(keepdims=True),
    )


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), values, np.nan)


def _near(
    values: NDArray[np.float64], value: np.float64 | float, tolerance: float
) -> NDArray[np.bool_]:
    """Which are within `tolerance` of `value`; what is absent or not finite is near nothing."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.abs(values - value) <= tolerance, np.bool_)


def _middle(values: NDArray[np.float64]) -> float:
    """The median of those present, the lower of two in the middle, so that it is always somebody's value; NaN of none."""
    present = np.sort(values[~np.isnan(values)])
    return float(present[(len(present) - 1) // 2]) if len(present) else np.nan
