"""What may become of a client's write while the core is away: one rule a tag."""

from dataclasses import dataclass
from enum import StrEnum


class WithoutCore(StrEnum):
    """`refuse`: nothing. `hold_last`: what the device holds already is confirmed. `pass_safe`: listed values are written."""

    REFUSE = "refuse"
    HOLD_LAST = "hold_last"
    PASS_SAFE = "pass_safe"  # noqa: S105 - no password passes here


@dataclass(frozen=True, slots=True)
class Rule:
    """The policy of one tag; `safe` are the values (engineering units) that pass, at most `per_hour` times."""

    do: WithoutCore = WithoutCore.REFUSE
    safe: frozenset[float] = frozenset()
    per_hour: int = 6
