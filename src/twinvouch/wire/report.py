"""Reports of an edge about its sources: the array `[[told, source, t_ns, count, [[name, number] ...]] ...]`."""

from collections.abc import Sequence
from typing import Final

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.report import Report, Told
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.fields import Fields

MOST_REPORTS: Final = 100  # of one content
_MOST_NUMBERS = 8
_LABEL = 40
_ITEMS = MOST_REPORTS * (6 + 3 * _MOST_NUMBERS + 1) + 1


def read_reports(raw: bytes) -> tuple[Report, ...]:
    """The reports in these bytes, at least one; MalformedError for anything else."""
    items = decode(raw, items=_ITEMS)
    length = len(items) if isinstance(items, list) else 0
    if not 0 < length <= MOST_REPORTS:
        raise MalformedError(f"reports: expected an array of 1..{MOST_REPORTS} reports")
    fields = Fields(items, length, "reports")
    return tuple(_read(fields.inner("report", 5)) for _ in range(length))


def write_reports(reports: Sequence[Report]) -> list[object]:
    """These reports ready for `cbor.encode`; UsageError for what its own reader would not take."""
    content: list[object] = [
        [r.told, r.source, r.t_ns, r.count, [list(n) for n in r.numbers]] for r in reports
    ]
    try:
        read_reports(encode(content))
    except MalformedError as error:
        raise UsageError(f"cannot be written: {error}") from None
    return content


def _read(fields: Fields) -> Report:
    told = fields.integer("told", 1, max(Told))
    source = fields.id("source")
    t_ns, count = fields.integer("t_ns"), fields.integer("count", 1)
    numbers = fields.each("numbers", _MOST_NUMBERS, lambda each: _number(each.inner("number", 2)))
    return Report(Told(told), source, t_ns, count, numbers)


def _number(fields: Fields) -> tuple[str, float]:
    name = fields.text("name", _LABEL)
    if not name.isidentifier():
        raise MalformedError("reports: expected the name of a number")
    return name, fields.number("number")
