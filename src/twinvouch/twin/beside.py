"""What stands beside a virtual sensor by the inventory alone, worked out once: who could lie together, who could contradict."""

from collections.abc import Mapping
from dataclasses import dataclass

from twinvouch.core.domains import independent
from twinvouch.core.inventory import Plant
from twinvouch.core.virtual import Virtual
from twinvouch.twin.estimate import redundancies


@dataclass(frozen=True, slots=True)
class Beside:
    """`groups` are those of its flows and of what drives them, in the order of `inputs`: equal numbers could lie together.

    `witnesses` are tags that measure the same level and fail with neither it nor its meters, with the tolerance between
    them: one tuple of each redundancy that the level is in.
    """

    groups: tuple[int, ...]
    witnesses: tuple[tuple[tuple[str, ...], float], ...]


def beside(plant: Plant, virtual: Mapping[str, Virtual]) -> dict[str, Beside]:
    """Of all virtual sensors, by tag."""
    return {tag: _one(plant, v) for tag, v in virtual.items()}


def _one(plant: Plant, v: Virtual) -> Beside:
    groups = independent([plant.tags[t].domains for t in v.inputs])
    told = [of for of in redundancies(plant) if v.tag in of.tags]
    apart = ((tuple(t for t in of.tags if _is_apart(plant, v, t)), of.tolerance) for of in told)
    return Beside(tuple(groups.tolist()), tuple(apart))


def _is_apart(plant: Plant, v: Virtual, tag: str) -> bool:
    own = [plant.tags[t].domains for t in (v.tag, *v.inputs)]
    groups = independent([plant.tags[tag].domains, *own])
    return tag != v.tag and not (groups[1:] == groups[0]).any()
