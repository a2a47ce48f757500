"""Times of CSV files: never guessed, zones and clock changes taken seriously."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.app.source_time import SourceClock, recognise, zone
from twinvouch.core.errors import UsageError

H = 3_600_000_000_000


def utc_ns(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000_000  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("time_format", "text", "expected"),
    [
        ("%d/%m/%y %H", "06/01/14 00", utc_ns(2014, 1, 6)),
        ("%m/%d/%y %H", "06/01/14 00", utc_ns(2014, 6, 1)),
        ("iso", "2026-01-31", utc_ns(2026, 1, 31)),
        ("iso", " 2026-01-31 23:59:59 ", utc_ns(2026, 1, 31, 23, 59, 59)),
        ("iso", "2026-01-31T10:00:00.250+02:00", utc_ns(2026, 1, 31, 8) + 250_000_000),
        ("unix", "1700000000.5", 1_700_000_000_500_000_000),
        ("unix_ms", "1700000000123", 1_700_000_000_123_000_000),
    ],
)
def test_formats(time_format: str, text: str, expected: int) -> None:
    assert SourceClock(time_format, "UTC").ns(text) == expected


def test_the_hour_that_happens_twice_goes_on_in_time() -> None:
    clock = SourceClock("%Y-%m-%d %H:%M", "Europe/Rome")
    texts = ["2026-10-25 01:30", "2026-10-25 02:30", "2026-10-25 02:30", "2026-10-25 03:30"]
    times = [clock.ns(t) for t in texts]
    assert [b - a for a, b in pairwise(times)] == [H, H, H]


def test_an_hour_that_never_was_is_refused() -> None:
    with pytest.raises(ValueError, match="clocks set forward"):
        SourceClock("iso", "Europe/Rome").ns("2026-03-29 02:30")


@pytest.mark.parametrize(
    ("time_format", "text"),
    [
        ("iso", "06/01/14 00"), ("iso", "20260131"), ("iso", "2026-02-30"), ("iso", ""), ("unix", "now"),
        ("unix", "1e9"), ("unix", "99999999999"), ("%d/%m/%Y", "31/12/1969"), ("%d/%m/%Y", "01/01/2262"),
        ("%d/%m/%Y", "29/02/2025"), ("iso", "2026-01-31T00:00:00+99:00"),
    ],
)  # fmt: skip
def test_times_that_are_none(time_format: str, text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        SourceClock(time_format, "UTC").ns(text)


@pytest.mark.parametrize("time_format", ["%H:%M", "%d/%m", "%y", "text", "", "%Q", "%"])
def test_formats_without_a_date_are_refused(time_format: str) -> None:
    with pytest.raises(UsageError, match="time format"):
        SourceClock(time_format, "UTC")


@pytest.mark.parametrize(
    "name", ["", "Nowhere/City", "../etc/passwd", "/etc/passwd", "a" * 500, "\0"]
)
def test_zones_that_are_none(name: str) -> None:
    with pytest.raises(UsageError, match="time zone"):
        zone(name)


def test_only_iso_is_recognised_and_others_are_explained() -> None:
    assert recognise("2026-01-31 10:00") == "iso"
    with pytest.raises(UsageError) as error:
        recognise("06/01/14 00")
    for part in ("'%d/%m/%y %H' (6 January 2014", "'%m/%d/%y %H' (1 June 2014", "could be"):
        assert part in str(error.value)
    with pytest.raises(
        UsageError, match=r"is not ISO 8601; perhaps --time-format '%d\.%m\.%Y %H:%M'"
    ):
        recognise("31.12.2026 10:00")
    with pytest.raises(UsageError, match="say --time-format unix"):
        recognise("1700000000")
    with pytest.raises(UsageError, match="a strptime pattern"):
        recognise("noon")


@given(st.text(max_size=20), st.sampled_from(["iso", "unix", "unix_ms", "%d/%m/%y %H", "%c %Z"]))
def test_any_text_is_a_time_or_a_value_error(text: str, time_format: str) -> None:
    try:
        moment_ns = SourceClock(time_format, "Europe/Rome").ns(text)
    except ValueError:
        return
    assert 0 <= moment_ns < 2**63
