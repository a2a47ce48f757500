"""clock_drift: the clock of an edge moves slowly against that of the core, half a second since it was last told.

An edge that nobody synchronises drifts by tens of parts in a million. Somebody who moves its clock slowly stays below
`clock_jump`. A way that gets slower by and by looks like a clock that falls behind, and is told too.
"""

from twinvouch.core.finding import Finding, Severity
from twinvouch.readings.wording import seconds

NAME = "clock_drift"
TECHNIQUE = "T0856"


def told(edge: str, by_ns: int, over_ns: int) -> Finding:
    """The finding about a clock that moved by `by_ns` (ahead is positive) in `over_ns`."""
    rate = abs(by_ns) * 1_000_000 // max(1, over_ns)
    way = "ahead of" if by_ns > 0 else "behind"
    also = "" if by_ns > 0 else ", or the way of its batches gets slower"
    return Finding(
        NAME,
        edge,
        Severity.MEDIUM,
        f"the clock of `{edge}` moved {seconds(abs(by_ns))} {way} that of the core in {seconds(over_ns)}, "
        f"{rate} parts in a million: it is not synchronised, or somebody moves it{also}",
        TECHNIQUE,
        (("by_s", by_ns / 1e9), ("over_s", over_ns / 1e9), ("ppm", rate)),
    )
