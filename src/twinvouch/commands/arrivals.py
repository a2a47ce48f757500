"""Batches that commands may still declare as inputs: remembered at admission, forgotten by age.

A controller computes on a batch while newer ones arrive; without this memory its declared entries could
not be told from invented ones and would count as zero.
"""

from collections.abc import Collection, MutableMapping

from twinvouch.core.batch import Admitted
from twinvouch.core.context import Arrival


def remember(
    arrivals: MutableMapping[int, Arrival], admitted: Admitted, entry: int, now_ns: int
) -> None:
    """Add an admitted batch under its ledger index; its columns count with their worst row."""
    if len(admitted.batch.t_ns) == 0:
        return
    worst = admitted.label.axes.min(axis=1)
    axes = tuple(tuple(axis) for axis in worst.tolist())
    arrivals[entry] = Arrival(admitted.batch.group, now_ns, axes)


def forget(
    arrivals: MutableMapping[int, Arrival], now_ns: int, keep_ns: int, needed: Collection[int]
) -> None:
    """Drop what is older than `keep_ns` and declared by no held command (`needed`)."""
    old = [
        entry
        for entry, a in arrivals.items()
        if now_ns - a.received_ns > keep_ns and entry not in needed
    ]
    for entry in old:
        del arrivals[entry]
