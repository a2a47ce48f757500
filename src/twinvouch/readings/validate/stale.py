"""stale: a reading that is older on arrival than its scan group allows, and a scan group that fell silent."""

from collections.abc import Mapping, Sequence

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import Plant
from twinvouch.readings.link import Link
from twinvouch.readings.view import Cells, View

NAME = "stale"
TECHNIQUE = "T0856"
SEVERITY = Severity.LOW
CAP = 40
WHOLE_ROWS = True


def check(batch: Batch, view: View) -> Cells | None:
    """Whole rows whose source time is more than max_age before they were received."""
    oldest = view.now_ns - view.group.max_age_ns
    late = batch.t_ns < oldest
    if not late.any():
        return None
    return np.repeat(late[:, None], batch.values.shape[1], axis=1)


def tell(
    batch: Batch, view: View, row: int, column: int
) -> tuple[str, Sequence[tuple[str, float]]]:
    """The sentence about a row; its columns share one time."""
    del column
    age = (view.now_ns - int(batch.t_ns[row])) / 1e9
    limit = view.group.max_age_ns / 1e9
    sentence = (
        f"scan group `{view.group.name}` was {age:.6g} s old when it came, limit is {limit:.6g} s"
    )
    return sentence, (("age_s", age), ("limit_s", limit))


def silence(
    plant: Plant, links: Mapping[str, Link], now_ns: int
) -> tuple[list[Finding], dict[str, tuple[str, ...]]]:
    """Scan groups from which nothing has come for longer than max_age: one finding an episode, and the new `silent` by edge."""
    findings: list[Finding] = []
    silent: dict[str, tuple[str, ...]] = {}
    for edge, link in sorted(links.items()):
        for group, at in link.seen_ns:
            known = plant.groups.get(group)
            if known is None or known.edge != edge or group in link.silent:
                continue
            age, limit = (now_ns - at) / 1e9, known.max_age_ns
            if now_ns - at <= limit:
                continue
            sentence = f"scan group `{group}` of edge `{edge}` is silent for {age:.6g} s, limit is {limit / 1e9:.6g} s"
            numbers = (("age_s", age), ("limit_s", limit / 1e9))
            findings.append(Finding(NAME, edge, Severity.MEDIUM, sentence, "T0815", numbers))
            silent[edge] = (*silent.get(edge, link.silent), group)
    return findings, silent
