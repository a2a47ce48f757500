"""Which tags a command of each class may rest on, as far as that does not depend on what they say.

Identity, integrity and calibration of a reading are known before anybody looks at its value, and so is whether a person
distrusts its tag. Where tags are compared, those that fall short of a class do not speak for those that do not (NI-2).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.declared import ELSEWHERE, Placed, T
from twinvouch.core.inventory import Plant
from twinvouch.core.label import FULL, Axis
from twinvouch.readings.labelling import OVERDUE
from twinvouch.readings.live import Live

_AXES = [Axis.IDENTITY, Axis.INTEGRITY, Axis.CALIBRATION]


@dataclass(frozen=True, slots=True)
class Way:
    """How a batch came: the classes of its plant, its edge's identity cap, its integrity, and which tags are distrusted until when."""

    plant: Plant
    identity: int
    integrity: int
    distrusted: Mapping[str, int]


def eligible(live: Live, placed: Placed[T], way: Way) -> NDArray[np.bool_]:
    """By class and tag, bool[c, n]; classes for which the same tags are eligible are one row."""
    now_ns, group = live.view.now_ns, live.view.group
    axes = live.frame.label(placed.tags, now_ns).axes[_AXES].copy()
    own = placed.columns != ELSEWHERE
    due = group.calibration_due_ns[placed.columns[own]] >= now_ns
    axes[0, own], axes[1, own] = way.identity, way.integrity
    axes[2, own] = np.where(due, FULL, OVERDUE)
    rules = way.plant.classes.values()
    demands = np.array([(r.identity, r.integrity, r.calibration) for r in rules], np.int64)
    found = (axes[None, :, :] >= demands.reshape(-1, 3, 1)).all(axis=1)
    found &= np.array([way.distrusted.get(tag, 0) <= now_ns for tag in placed.tags])
    unlike = {row.tobytes(): n for n, row in enumerate(found)}
    return found[list(unlike.values())]
