"""Followed: what a declared rule says of a batch, what it remembers, and which live values it doubts besides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.finding import Finding
from twinvouch.core.memo import Memo
from twinvouch.readings.flagged import Flagged


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """`flagged` cells of the batch and their findings, further `findings`, `memos` that changed, by their keys.

    `doubted` are caps of plausibility for live values of tags that are not in the batch.
    """

    flagged: tuple[Flagged, ...] = ()
    findings: tuple[Finding, ...] = ()
    memos: Mapping[str, Memo] = field(default_factory=dict)
    doubted: Mapping[str, int] = field(default_factory=dict)


NOTHING = Followed()


def together(parts: Sequence[Followed]) -> Followed:
    """What several rules said; of two caps for one tag the lower."""
    doubted: dict[str, int] = {}
    for part in parts:
        for tag, cap in part.doubted.items():
            doubted[tag] = min(cap, doubted.get(tag, cap))
    return Followed(
        tuple(f for p in parts for f in p.flagged),
        tuple(f for p in parts for f in p.findings),
        {key: memo for p in parts for key, memo in p.memos.items()},
        doubted,
    )


def recall(
    memos: Mapping[str, Memo], key: str, about: str, fresh: Sequence[NDArray[Any]]
) -> tuple[NDArray[Any], ...]:
    """What is remembered under `key` about the same thing; else `fresh`, a new beginning."""
    memo = memos.get(key)
    return memo.arrays if memo is not None and memo.about == about else tuple(fresh)


def remember(
    key: str, about: str, before: Sequence[NDArray[Any]], now: Sequence[NDArray[Any]]
) -> dict[str, Memo]:
    """The memo to keep; none where nothing changed."""
    same = all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in zip(before, now, strict=True)
    )
    return {} if same else {key: Memo(about, tuple(now))}
