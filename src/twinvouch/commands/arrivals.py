"""Batches that commands may still declare as inputs: remembered at admission, forgotten by age.

A controller computes on a batch while newer ones arrive; without this memory its declared entries could
not be told from invented ones and would count as zero.
"""

from collections.abc import Collection, MutableMapping, Sequence
from typing import Any

import numpy as np

from twinvouch.core.batch import Admitted, Quality
from twinvouch.core.context import Arrival
from twinvouch.core.label import AXES, FULL
from twinvouch.wire.cbor import decode, encode


def remember(
    arrivals: MutableMapping[int, Arrival], admitted: Admitted, entry: int, now_ns: int
) -> None:
    """Add an admitted batch under its ledger index.

    Each column counts with its worst reading; one without any reading counts as zero.
    """
    if admitted.label.is_uniform and len(admitted.batch.t_ns) and not admitted.batch.quality.any():
        arrivals[entry] = Arrival(admitted.batch.group, now_ns, admitted.label.axes[:, 0])
        return
    missing = admitted.batch.quality == Quality.MISSING
    worst = np.where(missing, FULL, admitted.label.axes).min(axis=1, initial=FULL)
    worst[:, missing.all(axis=0)] = 0
    arrivals[entry] = Arrival(admitted.batch.group, now_ns, worst.astype(np.uint8))


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


def without(arrival: Arrival, columns: Sequence[bool]) -> Arrival:
    """The same where these columns count as nothing."""
    kept = ~np.asarray(columns, np.bool_)
    return Arrival(arrival.group, arrival.received_ns, arrival.axes * kept)


def write_arrival(arrival: Arrival) -> bytes:
    """As bytes for the state store."""
    return encode([1, arrival.group, arrival.received_ns, arrival.axes.tobytes()])


def read_arrival(raw: bytes) -> Arrival:
    """The inverse of `write_arrival`."""
    content: Any = decode(raw)
    version, group, received_ns, axes = content
    assert version == 1, version
    return Arrival(group, received_ns, np.frombuffer(axes, np.uint8).reshape(AXES, -1))
