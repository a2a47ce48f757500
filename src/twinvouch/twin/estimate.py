"""What redundant tags say together (R3): one value and one label for each declared redundancy, beside the raw ones.

Raw readings stay as they are and so do their labels; a command that declares a tag is judged by that tag. The estimate
is for who wants to know how far the quantity itself is vouched for, and by how many that do not fail together.
"""

from dataclasses import dataclass

import numpy as np

from twinvouch.core.declared import Redundancy
from twinvouch.core.domains import independent
from twinvouch.core.inventory import Plant
from twinvouch.core.label import Label
from twinvouch.core.raised import Agreed, redundant
from twinvouch.twin.frame import Frame, usable_now


@dataclass(frozen=True, slots=True)
class Estimate:
    """A quantity that several tags measure, and what they say of it together."""

    of: Redundancy
    agreed: Agreed


def redundancies(plant: Plant) -> list[Redundancy]:
    """Everything that is declared to be measured several times, by name."""
    told = {p.what.name: p.what for rules in plant.declared.values() for p in rules.redundancy}
    return [told[name] for name in sorted(told)]


def estimate(of: Redundancy, plant: Plant, frame: Frame, label: Label) -> Estimate:
    """The estimate from the frame; `label` of the tags in their order, as they count now.

    The median over the independent ones withstands as many liars as a median can, which is none of two.
    """
    values = np.array([usable_now(frame, tag) for tag in of.tags])
    groups = independent([plant.tags[tag].domains for tag in of.tags])
    return Estimate(of, redundant(values, label, groups, of.tolerance, len(of.tags)))
