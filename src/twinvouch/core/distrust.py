"""Distrust: what persons say counts as nothing now, and the one place that says which tags that is.

A tag is itself. An edge is every tag of its scan groups. A key of an edge is what it signed of them: it follows the
entries that the values came with, so that what another key signed after it counts again. Other keys and models are no
tags: their rules ask for them by name.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.inventory import Plant
from twinvouch.core.keyring import Keyring
from twinvouch.core.subject import Subject, owner_of, subject_of, tags_from

MOST: Final = 16  # changes of the signing key of one scan group that are remembered
Hands = tuple[tuple[int, bytes], ...]  # of a scan group: from which entry on which key signed it


@dataclass(frozen=True, slots=True)
class Distrust:
    """Until when (ns) each tag, key (by id) and model counts as nothing; what is not named counts."""

    tags: dict[str, int] = field(default_factory=dict)
    keys: dict[bytes, int] = field(default_factory=dict)
    models: dict[str, int] = field(default_factory=dict)
    follows: tuple[str, ...] = ()  # scan groups of which it matters who signed what they show


@dataclass(frozen=True, slots=True)
class Known:
    """What names are looked up in: the plant, its keys, the models that were admitted, who signed what is shown.

    `entries` gives of a scan group the ledger indices of the batches that spoke of its tags last, int64[K].
    """

    plant: Plant
    ring: Keyring | None
    models: Collection[str]
    hands: Mapping[str, Hands]
    entries: Callable[[str], NDArray[np.int64]]


def expand(said: Mapping[str, int], known: Known) -> Distrust:
    """What these subjects are now; each with the latest of its ends. A name that means nothing any more is nothing."""
    found, follows = Distrust(), dict[str, None]()
    for text, until_ns in said.items():
        subject = subject_of(known.plant, known.ring, known.models, text)
        if subject is None:
            continue
        tags = tags_in(subject, known.plant, known.ring)
        if subject.kind == "key":
            found.keys[bytes.fromhex(subject.name)] = until_ns
            follows |= dict.fromkeys(known.plant.tags[tag].group for tag in tags)
            tags = _signed(subject, tags, known)
        elif subject.kind == "model":
            found.models[subject.name] = until_ns
        for tag in tags:
            found.tags[tag] = max(found.tags.get(tag, 0), until_ns)
    return replace(found, follows=tuple(follows))


def tags_in(subject: Subject, plant: Plant, ring: Keyring | None) -> tuple[str, ...]:
    """The tags that a subject is or may be: of an edge's key all of the edge. None of a model, none of another key."""
    if subject.kind == "tag":
        return (subject.name,)
    if subject.kind == "principal":
        return tags_from(plant, subject.name)
    if subject.kind == "key":
        return tags_from(plant, owner_of(plant, ring, bytes.fromhex(subject.name)))
    return ()


def _signed(subject: Subject, tags: tuple[str, ...], known: Known) -> tuple[str, ...]:
    """Of an edge's tags those whose last values a key of it signed."""
    kid, found = bytes.fromhex(subject.name), list[str]()
    for group in dict.fromkeys(known.plant.tags[tag].group for tag in tags):
        ids = known.plant.groups[group].ids
        signed = signed_with(known.hands.get(group, ()), kid, known.entries(group))
        found += [tag for tag, is_its in zip(ids, signed.tolist(), strict=True) if is_its]
    return tuple(found)


def handed(hands: Hands, entry: int, key: bytes) -> Hands:
    """With a batch that came as `entry`, signed with `key`; the same object where it was the last one's key too."""
    if hands and hands[-1][1] == key:
        return hands
    return (*hands, (entry, key))[-MOST:]


def by_hand(hands: Hands, entries: NDArray[np.int64]) -> NDArray[np.intp]:
    """Which of `hands` signed each entry, counted from 1, intp[n]; 0: it is not known."""
    return np.searchsorted(np.array([at for at, _ in hands], np.int64), entries, side="right")


def signed_with(hands: Hands, key: bytes, entries: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which entries `key` signed, bool[n]; those of which it is not known, because it was long ago, are counted in."""
    its = np.array([True, *(whose == key for _, whose in hands)])
    return its[by_hand(hands, entries)]
