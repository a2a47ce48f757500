"""Batches that commands may still declare as inputs: remembered at admission, forgotten by age.

A controller computes on a batch while newer ones arrive; without this memory its declared entries could
not be told from invented ones and would count as zero.
"""

from collections.abc import Collection, MutableMapping
from typing import Any

import numpy as np

from twinvouch.core.batch import Admitted, Quality
from twinvouch.core.context import Arrival
from twinvouch.core.label import FULL
from twinvouch.wire.cbor import decode, encode


def remember(
    arrivals: MutableMapping[int, Arrival], admitted: Admitted, entry: int, now_ns: int
) -> None:
    """Add an admitted batch under its ledger index.

    Each column counts with its worst reading; one without any reading counts as zero.
    """
    labels = admitted.label.axes[:, :1] if admitted.label.is_one_row else admitted.label.axes
    missing = admitted.batch.quality == Quality.MISSING
    if missing.any():
        labels = np.where(missing, FULL, labels)
    worst = labels.min(axis=1, initial=FULL)
    worst[:, missing.all(axis=0)] = 0
    axes = tuple(tuple(axis) for axis in worst.tolist())
    arrivals[entry] = Arrival(admitted.batch.group, now_ns, axes)


def forget(
    arrivals: MutableMapping[int, Arrival], now_ns: int, keep_ns: int, needed: Collection[int]
) -> list[int]:
    """Drop, and give, what is older than `keep_ns` and declared by no held command (`needed`)."""
    old = [
        entry
        for entry, a in arrivals.items()
        if now_ns - a.received_ns > keep_ns and entry not in needed
    ]
    for entry in old:
        del arrivals[entry]
    return old


def write_arrival(arrival: Arrival) -> bytes:
    """As bytes for the state store."""
    return encode([1, arrival.group, arrival.received_ns, [bytes(axis) for axis in arrival.axes]])


def read_arrival(raw: bytes) -> Arrival:
    """The inverse of `write_arrival`."""
    content: Any = decode(raw)
    _version, group, received_ns, axes = content
    return Arrival(group, received_ns, tuple(tuple(axis) for axis in axes))
