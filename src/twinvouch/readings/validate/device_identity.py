"""device_identity: the device behind a tag of the table `identity` says it is another one than before.

The reading is a fingerprint of what the device answers to function 43/14 (wire/identity.py). It changes where
another device answers in its place, and where its firmware or name was changed.
"""

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import ScanGroup
from twinvouch.readings.flagged import Flagged
from twinvouch.readings.view import View, usable
from twinvouch.readings.wording import count

NAME = "device_identity"
TECHNIQUE = "T0830"
CAP = 60


def check(batch: Batch, view: View) -> Flagged | None:
    """Cells that differ from the last known fingerprint of their column; the first ever known sets it."""
    columns = view.group.identities
    if view.before is None or not columns.size:
        return None
    cells = usable(batch, view, columns)
    mask = np.zeros(batch.values.shape, np.bool_)
    findings = []
    for n, k in enumerate(columns.tolist()):
        rows = np.flatnonzero(cells[:, n])
        said = np.concatenate(([view.before.usable[k]], batch.values[rows, k]))
        changed = rows[(said[1:] != said[:-1]) & ~np.isnan(said[:-1])]
        if changed.size:
            mask[changed, k] = True
            findings.append(_finding(view.group, k, changed.size, int(changed[0])))
    return Flagged(mask, CAP, tuple(findings)) if findings else None


def _finding(group: ScanGroup, k: int, changes: int, row: int) -> Finding:
    tag = group.tags[k]
    assert tag.point is not None
    more = f" ({count(changes, 'time')})" if changes > 1 else ""
    return Finding(
        NAME,
        tag.id,
        Severity.HIGH,
        f"device `{tag.point.device}`, unit {tag.point.unit}, says it is another device than before{more}: it was "
        f"replaced, changed, or somebody answers in its place; `{group.edge}` has logged what it says",
        TECHNIQUE,
        (("changes", changes),),
        changes,
        row,
    )
