"""The span of a legal hold, in nanoseconds of source time."""

from typing import Final

from twinvouch.app.config_model import HoldSettings
from twinvouch.app.moments import moment_ns
from twinvouch.wire.encrypted import DAY_NS

_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1


def span_of(hold: HoldSettings) -> tuple[int, int]:
    """When what a hold is about was made; a day at its end is meant whole. UsageError for a day that never was."""
    start = _EARLIEST if hold.start is None else moment_ns(hold.start)
    if hold.end is None:
        return start, _LATEST
    return start, moment_ns(hold.end) + (DAY_NS - 1 if "T" not in hold.end else 0)
