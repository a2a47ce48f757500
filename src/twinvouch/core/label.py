"""Labels and the rules by which trust travels (ARCHITECTURE: the trust algebra).

Four axes, uint8, 0 = none .. 255 = full: identity, integrity, plausibility, calibration; and
`fresh_until` (ns). By topology: source domains S, confidentiality C, purposes U. The headline is the
smallest axis. Combining is elementwise, so order never matters and a worse input never raises.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Axis(IntEnum):
    """The four axes of a Label, in storage order."""

    IDENTITY = 0
    INTEGRITY = 1
    PLAUSIBILITY = 2
    CALIBRATION = 3


FULL = 255
NEVER = np.int64(2**63 - 1)
AXES = len(Axis)


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """Trust of n values: `axes` uint8[4, n], `fresh_until` int64[n] (ns since 1970)."""

    axes: NDArray[np.uint8]
    fresh_until: NDArray[np.int64]

    def __post_init__(self) -> None:
        assert self.axes.dtype == np.uint8
        assert self.axes.shape == (AXES, *self.fresh_until.shape), (
            self.axes.shape,
            self.fresh_until.shape,
        )
        self.axes.flags.writeable = False
        self.fresh_until.flags.writeable = False

    @property
    def is_uniform(self) -> bool:
        """True where the label of a batch [4, R, K] is known to be one row repeated: no memory behind the rows."""
        return (
            self.axes.ndim == 3 and self.axes.strides[1] == 0 and self.fresh_until.strides[0] == 0
        )

    def repeated(self, rows: int) -> "Label":
        """A label of K values for each of `rows` rows, without copying: shape [4, R, K]."""
        columns = self.axes.shape[1]
        # np.broadcast_to does the same and costs 12 us a call, on the path of every batch
        axes = np.ndarray(
            (AXES, rows, columns),
            np.uint8,
            np.ascontiguousarray(self.axes),
            strides=(columns, 0, 1),
        )
        fresh = np.ndarray(
            (rows, columns), np.int64, np.ascontiguousarray(self.fresh_until), strides=(0, 8)
        )
        return Label(axes, fresh)

    def headline(self) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
        """The smallest axis and which one it is, per value."""
        return self.axes.min(axis=0), self.axes.argmin(axis=0)


def source(
    *,
    identity: NDArray[np.uint8] | int,
    integrity: NDArray[np.uint8] | int,
    plausibility: NDArray[np.uint8] | int,
    calibration: NDArray[np.uint8] | int,
    fresh_until: NDArray[np.int64],
) -> Label:
    """R1: the label of values as they enter, one argument an axis, broadcast to fresh_until's shape."""
    axes = np.empty((AXES, *fresh_until.shape), dtype=np.uint8)
    axes[Axis.IDENTITY] = identity
    axes[Axis.INTEGRITY] = integrity
    axes[Axis.PLAUSIBILITY] = plausibility
    axes[Axis.CALIBRATION] = calibration
    return Label(axes, fresh_until)


def derive(inputs: Sequence[Label], by: Label | None = None) -> Label:
    """R2: the label of one value computed from all `inputs` by a model labelled `by`.

    Each axis is the minimum, fresh_until too; no input at all is no trust at all.
    """
    parts = [*inputs, *([by] if by is not None else [])]
    if not inputs:
        return nothing(1)
    axes = np.concatenate([p.axes for p in parts], axis=1).min(axis=1, keepdims=True)
    fresh = np.concatenate([p.fresh_until for p in parts]).min(keepdims=True)
    return Label(axes, fresh)


def nothing(count: int) -> Label:
    """The label of what is missing: zero on every axis, never fresh."""
    return Label(np.zeros((AXES, count), dtype=np.uint8), np.zeros(count, dtype=np.int64))


def expired(label: Label, now_ns: int) -> Label:
    """The label as it counts at `now_ns`: past fresh_until nothing is plausible any more."""
    axes = label.axes.copy()
    axes[Axis.PLAUSIBILITY][label.fresh_until < now_ns] = 0
    return Label(axes, label.fresh_until)


def aged(
    label: Label, due_ns: NDArray[np.int64], caps: Sequence[int], decay_ns: int, now_ns: int
) -> Label:
    """R8: each axis as it counts at `now_ns` where its re-check was due at `due_ns` int64[4, n] (NEVER: none is needed).

    Past it an axis falls to its cap, evenly over `decay_ns` (0: at once); below the cap nothing changes. Time never
    raises: only evidence does, by a later due date.
    """
    overdue = np.maximum(now_ns - np.minimum(due_ns, now_ns), 0)
    held = np.array(caps, np.int64)[:, None]
    lost = overdue > 0
    left = np.where(lost, 0, FULL)
    if decay_ns:
        left = FULL - np.minimum(overdue, decay_ns) * FULL // decay_ns
    limit = np.maximum(held, left).astype(np.uint8)
    return Label(np.minimum(label.axes, limit), label.fresh_until)
