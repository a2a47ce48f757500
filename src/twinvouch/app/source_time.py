"""Reading the time column of a CSV: text -> nanoseconds since 1970, by one format and one time zone.

A format is `iso`, `unix`, `unix_ms` or a strptime pattern. Only year-first ISO 8601 is recognised
by itself: 06/01/14 is three different days in three countries, so it is never guessed. Local hours that
happen twice (clocks set back) are told apart by what came before; hours that never were are refused.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from twinvouch.app.problems import shown
from twinvouch.core.errors import UsageError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_YEAR, LAST_YEAR = 1970, 2261  # what fits an int64 of nanoseconds

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_UNIX = re.compile(r"[0-9]{1,13}(?:\.[0-9]{1,9})?")
_UNIX_UNITS = {"unix": 1_000_000_000, "unix_ms": 1_000_000}
_CANDIDATES = tuple(
    f"{date}{clock}"
    for date in ("%d/%m/%y", "%m/%d/%y", "%y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d",
                 "%d.%m.%Y", "%d.%m.%y", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y")
    for clock in ("", " %H", " %H:%M", " %H:%M:%S", " %I:%M:%S %p", " %I:%M %p")
)  # fmt: skip


class SourceClock:
    """Reads the times of one file in order. Raises UsageError for a format or zone that is none."""

    def __init__(self, time_format: str, time_zone: str) -> None:
        self._format = time_format
        self._zone = zone(time_zone)
        self._last_ns = -1
        if time_format != "iso" and time_format not in _UNIX_UNITS:
            _try_format(time_format)

    def ns(self, text: str) -> int:
        """Nanoseconds since 1970 of one time; ValueError says in words why it cannot be read."""
        text = text.strip()
        if self._format in _UNIX_UNITS:
            moment_ns = _unix(text, _UNIX_UNITS[self._format])
        else:
            moment_ns = self._local(self._moment(text))
        if not FIRST_YEAR <= (EPOCH + timedelta(microseconds=moment_ns // 1000)).year <= LAST_YEAR:
            raise ValueError(f"time {shown(text)}, expected the years {FIRST_YEAR}..{LAST_YEAR}")
        self._last_ns = moment_ns
        return moment_ns

    def _moment(self, text: str) -> datetime:
        try:
            if self._format != "iso":
                return datetime.strptime(text, self._format)  # noqa: DTZ007 - the zone comes after
            if _ISO.fullmatch(text):
                return datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            pass
        raise ValueError(f"time {shown(text)}, expected the format {self._format!r}")

    def _local(self, moment: datetime) -> int:
        if moment.tzinfo is not None:
            return _since_epoch(moment)
        early = moment.replace(tzinfo=self._zone, fold=0)
        late = moment.replace(tzinfo=self._zone, fold=1)
        if early.utcoffset() == late.utcoffset():
            return _since_epoch(early)
        if early.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != moment:
            raise ValueError(
                f"time {moment} never was in {self._zone} (clocks set forward): wrong zone?"
            )
        first = _since_epoch(early)
        return first if first > self._last_ns else _since_epoch(late)


def zone(name: str) -> tzinfo:
    """The IANA time zone `name`; `UTC` needs no database."""
    if name.upper() in {"UTC", "Z"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(
            f"time zone {shown(name)}, expected a name such as UTC or Europe/Rome (known names come with "
            "the system or with `pip install tzdata`)"
        ) from None


def recognise(text: str) -> str:
    """The format of an unambiguous time, `iso`; UsageError with the candidates for any other."""
    text = text.strip()
    if _ISO.fullmatch(text):
        return "iso"
    if _UNIX.fullmatch(text):
        raise UsageError(f"time {shown(text)}: say --time-format unix, or unix_ms")
    readings = []
    for candidate in _CANDIDATES:
        try:
            moment = datetime.strptime(text, candidate)  # noqa: DTZ007 - only to show it
        except ValueError:
            continue
        readings.append(f"--time-format '{candidate}' ({moment:%-d %B %Y, %H:%M})")
    if not readings:
        raise UsageError(
            f"time {shown(text)}: say --time-format, a strptime pattern such as '%Y%j'"
        )
    words = "could be" if len(readings) > 1 else "is not ISO 8601; perhaps"
    raise UsageError(f"time {shown(text)} {words} {', or '.join(readings)}")


def _unix(text: str, unit: int) -> int:
    if not _UNIX.fullmatch(text):
        raise ValueError(f"time {shown(text)}, expected a number since 1970")
    return int(Decimal(text) * unit)


def _since_epoch(moment: datetime) -> int:
    gone = moment - EPOCH
    return (gone.days * 86_400 + gone.seconds) * 1_000_000_000 + gone.microseconds * 1_000


def _try_format(time_format: str) -> None:
    """Refuse a pattern that cannot carry a date: one that loses day, month or year."""
    probe = datetime(2031, 12, 25, tzinfo=UTC)
    try:
        back = datetime.strptime(probe.strftime(time_format), time_format)  # noqa: DTZ007
    except (ValueError, re.error):
        back = None
    if back is None or (back.year, back.month, back.day) != (2031, 12, 25):
        raise UsageError(
            f"time format {shown(time_format)}, expected `iso`, `unix`, `unix_ms` or a strptime "
            "pattern with day, month and year, such as '%d/%m/%y %H:%M'"
        )
