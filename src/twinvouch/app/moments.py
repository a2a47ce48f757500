"""Moments as people write them: nanoseconds since 1970, or ISO 8601; without a zone it is UTC."""

from datetime import UTC, datetime, timedelta
from typing import Final

from twinvouch.app.source_time import SourceClock
from twinvouch.core.errors import UsageError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment_ns(text: str) -> int:
    """Nanoseconds since 1970 of one moment; UsageError for anything else."""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdecimal():
        number = int(text)
        if -(1 << 63) <= number < 1 << 63:
            return number
    try:
        return SourceClock("iso", "UTC").ns(text)
    except ValueError:
        raise UsageError(
            f"time `{text[:40]}`: expected nanoseconds since 1970 or ISO 8601, such as 2026-11-26T18:00:00Z"
        ) from None


def moment_text(t_ns: int) -> str:
    """ISO 8601 in UTC with all nanoseconds; the number itself beyond the calendar."""
    seconds, rest = divmod(t_ns, 1_000_000_000)
    try:
        whole = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return str(t_ns)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
