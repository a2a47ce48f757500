"""What became of the demo's second act, as the report has it and as lines for people: a lie, a held command, an estimate.

Minutes are the plant's, since the lie began; levels are the true ones in m.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Found:
    """What contradicted the gauge, and the headline of its label from then on."""

    minute: float
    rule: str
    sentence: str
    trust: int


@dataclass(frozen=True, slots=True)
class Held:
    """The command that the lie asked for: `leaves_in_min` is how long it would have taken to leave the limits."""

    command: str
    minute: float
    verdict: str
    leaves_in_min: float
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Estimated:
    """What stood in for the gauge at a minute, what was true then, and the meters it came from."""

    minute: float
    value: float
    low: float
    high: float
    true_m: float
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Executed:
    """The start of the pump that the estimate asked for, and what its controller gave as the reason."""

    command: str
    minute: float
    reason: str


@dataclass(frozen=True, slots=True)
class Course:
    """Where the true level was while the gauge lied, and what ran over."""

    lowest_m: float
    highest_m: float
    limits_m: tuple[float, float]
    spilled_m3: float

    @property
    def is_inside(self) -> bool:
        """It never left its limits."""
        low, high = self.limits_m
        return low <= self.lowest_m <= self.highest_m <= high and self.spilled_m3 == 0


@dataclass(frozen=True, slots=True)
class Spoofed:
    """The act as the report has it; `trust` and `trust_after` are headlines of the gauge before and after."""

    tag: str
    lied_m: float
    lied_min: float
    trust: int
    found: Found
    held: Held
    estimate: Estimated
    executed: Executed
    counts_min: float
    trust_after: int
    true: Course

    @property
    def ok(self) -> bool:
        """One came after the other, and the true tower stayed inside its limits."""
        times = [self.found.minute, self.held.minute, self.executed.minute, self.counts_min]
        return (
            times == sorted(times)
            and self.found.trust < min(self.trust, self.trust_after)
            and self.held.verdict == "held"
            and self.estimate.low <= self.estimate.true_m <= self.estimate.high
            and self.true.is_inside
        )


@dataclass(frozen=True, slots=True)
class Unprotected:
    """The same lie with nothing between: when the true level passed its limit and the rim; None where it did not."""

    tag: str
    lied_m: float
    lied_min: float
    started_min: float | None
    left_min: float | None
    overflow_min: float | None
    highest_m: float
    spilled_m3: float
    seconds: float
    directory: str

    @property
    def ok(self) -> bool:
        """The tower stayed inside its limits."""
        return self.left_min is None

    def as_plain(self) -> dict[str, Any]:
        """The JSON object; names are stable."""
        return asdict(self)


def lines(s: Spoofed) -> Sequence[str]:
    """The act for people."""
    low, high = s.true.limits_m
    said = f"`{s.tag}` read {s.lied_m:g} m too little for {s.lied_min:.0f} min"
    where = f"true level {s.true.lowest_m:.2f} to {s.true.highest_m:.2f} m"
    inside = "inside" if s.true.is_inside else "NOT INSIDE"
    return (f"{said}: {where}, {inside} its limits of {low} to {high} m",)
