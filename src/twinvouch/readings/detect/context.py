"""What people said they were doing: tickets and commands that explain why tags depart from what is normal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.ticket import Work

SETTLE_NS: Final = (
    24 * 3_600_000_000_000
)  # after work on the plant, until its levels are what they were


@dataclass(frozen=True, slots=True)
class Ticket:
    """`work` on tags (places of columns) from `start_ns` to before `end_ns`."""

    work: Work
    tags: tuple[int, ...]
    start_ns: int
    end_ns: int


def covered(tickets: Sequence[Ticket], t_ns: int, width: int) -> NDArray[np.bool_]:
    """Which tags are being worked on at a time, bool[K]."""
    tags = np.zeros(width, np.bool_)
    for ticket in tickets:
        if ticket.start_ns <= t_ns < ticket.end_ns:
            tags[list(ticket.tags)] = True
    return tags


def is_changing(tickets: Sequence[Ticket], t_ns: int) -> bool:
    """Whether work that moves the plant itself goes on, or ended less than SETTLE_NS ago."""
    return any(
        ticket.work is not Work.RECALIBRATION
        and ticket.start_ns <= t_ns < ticket.end_ns + SETTLE_NS
        for ticket in tickets
    )


def boundary(tickets: Sequence[Ticket], t_ns: NDArray[np.int64]) -> int:
    """The first row after the first one at which a ticket begins or ends; the number of rows where none does."""
    edges = [
        e
        for ticket in tickets
        for e in (ticket.start_ns, ticket.end_ns, ticket.end_ns + SETTLE_NS)
        if e > t_ns[0]
    ]
    return int(np.searchsorted(t_ns, min(edges))) if edges else len(t_ns)
