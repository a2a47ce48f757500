"""wall_step: the core's own wall clock was set, against its monotonic clock: everything in the ledger is dated by it.

Looked at with every Tick, which carries both clocks read at one moment. A machine that slept shows the same: its
monotonic clock stood still.
"""

from twinvouch.core.event import Tick
from twinvouch.core.finding import Finding, Severity
from twinvouch.readings.wording import date, seconds

NAME = "wall_step"
TECHNIQUE = "T0856"
STEP_NS = 500_000_000


def step_ns(before: Tick | None, now: Tick) -> int:
    """By how much the wall clock moved more than the monotonic one; 0 where that is not known or not a step."""
    if before is None or not now.monotonic_ns or now.monotonic_ns < before.monotonic_ns:
        return 0
    step = (now.wall_ns - before.wall_ns) - (now.monotonic_ns - before.monotonic_ns)
    return step if abs(step) >= STEP_NS else 0


def told(plant: str, by_ns: int, wall_ns: int) -> Finding:
    """The finding about the core's clock, that says `wall_ns` now."""
    way = "ahead" if by_ns > 0 else "back"
    also = (
        "what expires by time has expired early, or the machine slept"
        if by_ns > 0
        else "until it has caught up, time in the ledger goes on at half speed and never back"
    )
    return Finding(
        NAME,
        plant,
        Severity.HIGH,
        f"the wall clock of the core went {way} by {seconds(abs(by_ns))}, to {date(wall_ns)}: {also}",
        TECHNIQUE,
        (("by_s", by_ns / 1e9),),
    )
