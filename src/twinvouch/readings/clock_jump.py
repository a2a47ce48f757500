"""clock_jump: the clock of an edge moved at once, ahead or back, by more than half a second.

Whoever sets an edge's clock moves when things seem to have happened: values then fit to commands and events they do not
belong to. Time is UTC from the edge to the store, so a jump of an hour is what local time looks like when daylight
saving begins or ends, and a second back at midnight what a leap second looks like that is not smeared.
"""

from twinvouch.core.finding import Finding, Severity
from twinvouch.readings.skew import JUMP_NS
from twinvouch.readings.wording import SECOND, date, seconds

NAME = "clock_jump"
TECHNIQUE = "T0856"
HOUR_NS = 3600 * SECOND
DAY_NS = 24 * HOUR_NS


def told(edge: str, by_ns: int, t_ns: int) -> Finding:
    """The finding about a clock that moved by `by_ns`, first seen with a row that says `t_ns`."""
    severity, hint = Severity.HIGH, ""
    hours = round(by_ns / HOUR_NS)
    if hours and abs(by_ns - hours * HOUR_NS) <= JUMP_NS:
        hint = (
            f": {abs(hours)} h to the second, as where a source sends local time and daylight saving begins or ends, "
            "or its time zone was changed; let it send UTC"
        )
    elif abs(by_ns + SECOND) <= JUMP_NS and _is_midnight(t_ns):
        severity = Severity.LOW
        hint = ": a second back at midnight UTC, as a leap second that is repeated"
    way = "ahead" if by_ns > 0 else "back"
    return Finding(
        NAME,
        edge,
        severity,
        f"the clock of `{edge}` went {way} by {seconds(abs(by_ns))} at once, to {date(t_ns)}{hint}",
        TECHNIQUE,
        (("by_s", by_ns / 1e9),),
    )


def _is_midnight(t_ns: int) -> bool:
    """Within two seconds of midnight UTC, where leap seconds are put in."""
    return min(t_ns % DAY_NS, -t_ns % DAY_NS) <= 2 * SECOND
