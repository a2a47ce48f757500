"""Glass: two persons broke it, so that one of them may write without label and approvals for some minutes."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glass:
    """For commands of `person` to `subject` (an actuator, or an asset: all of its actuators) until `until_ns`.

    `person` asked for it (`asked_entry`, the statement's ledger index, good until `asked_until_ns`). While `second`, who
    agreed, is empty nothing is waived. `entry` is the ledger index of the opening.
    """

    subject: str
    person: str
    reason: str
    asked_entry: int
    asked_until_ns: int
    second: str = ""
    until_ns: int = 0
    entry: int = -1
    uses: int = 0

    def is_open(self, now_ns: int) -> bool:
        """True while it waives anything."""
        return bool(self.second) and now_ns <= self.until_ns

    def covers(self, tag: str) -> bool:
        """True for its actuator, or one of its asset."""
        return self.subject in {tag, tag.rpartition("/")[0]}


def found(glasses: Iterable[Glass], tag: str, person: str, now_ns: int) -> Glass | None:
    """The open one for commands of `person` to `tag`."""
    of = (g for g in glasses if g.person == person and g.covers(tag) and g.is_open(now_ns))
    return next(of, None)
