"""Flagged: the cells that a rule objects to, and how it says so: one finding a tag, however many rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import ScanGroup
from twinvouch.readings.wording import count

MOST_TAGS = 100  # of one rule and batch that get a finding each; the rest share one

Evidence = tuple[tuple[str, float], ...]
Tell = Callable[
    [int, int], tuple[str, Evidence]
]  # (row, column) of the first cell -> words, numbers


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule's findings have in common."""

    name: str
    severity: Severity
    technique: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Flagged:
    """Cells `mask` bool[R, K] whose plausibility is at most `cap` (one number, or one a cell)."""

    mask: NDArray[np.bool_]
    cap: int | NDArray[np.uint8]
    findings: tuple[Finding, ...]


def per_tag(
    rule: Rule, group: ScanGroup, mask: NDArray[np.bool_], tell: Tell
) -> tuple[Finding, ...]:
    """A finding for each column with a flagged cell; beyond MOST_TAGS one for all the others."""
    rows = mask.sum(axis=0)
    first = mask.argmax(axis=0)
    columns = np.flatnonzero(rows)
    findings = []
    for k in columns[:MOST_TAGS].tolist():
        row = int(first[k])
        words, numbers = tell(row, k)
        more = f" ({count(int(rows[k]), 'row')} from row {row})" if rows[k] > 1 else f" (row {row})"
        findings.append(
            Finding(
                rule.name,
                group.ids[k],
                rule.severity,
                f"`{group.ids[k]}` {words}{more}",
                rule.technique,
                numbers,
                int(rows[k]),
                row,
            )
        )
    rest = columns[MOST_TAGS:]
    if rest.size:
        findings.append(
            _rest(rule, group, rest.size, (int(rows[rest].sum()), int(first[rest].min())))
        )
    return tuple(findings)


def _rest(rule: Rule, group: ScanGroup, tags: int, cells: tuple[int, int]) -> Finding:
    words = f"the same of {tags} further tags of scan group `{group.name}`: {count(cells[0], 'reading')}"
    numbers = (("tags", tags),)
    return Finding(rule.name, group.edge, rule.severity, words, rule.technique, numbers, *cells)
