"""Plain JSON messages: where in a message the value, its time and its quality stand, as JSON pointers.

RFC 8259 and 6901. A message is at most 256 KiB; NaN, infinity and a name twice are refused. A pointer that
leads nowhere says nothing of its tag. Null, text and anything else that is no number are BAD; true is 1.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import nan
from typing import Any, Final

from twinvouch.core.batch import Quality
from twinvouch.core.errors import MalformedError

MAX_MESSAGE: Final = 256 * 1024
_LATEST_NS = 2**63 - 1
_NOWHERE: Final = object()


class TimeUnit(StrEnum):
    """How a time is written: a number since 1970, or text as in RFC 3339."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"
    TEXT = "rfc3339"


_NS: Final = {
    TimeUnit.SECONDS: 1_000_000_000,
    TimeUnit.MILLISECONDS: 1_000_000,
    TimeUnit.MICROSECONDS: 1_000,
    TimeUnit.NANOSECONDS: 1,
}
_QUALITIES: Final = {
    "good": Quality.GOOD,
    "uncertain": Quality.UNCERTAIN,
    "bad": Quality.BAD,
}


@dataclass(frozen=True, slots=True)
class Fields:
    """Pointers as their parts; `time` or `quality` None: the message says none."""

    value: tuple[str, ...]
    time: tuple[str, ...] | None = None
    time_unit: TimeUnit = TimeUnit.MILLISECONDS
    quality: tuple[str, ...] | None = None


def pointer(text: str) -> tuple[str, ...]:
    """The parts of a JSON pointer (RFC 6901); the empty one is the whole message. ValueError else."""
    if not text:
        return ()
    if not text.startswith("/"):
        raise ValueError("a JSON pointer: empty, or `/` before each name")
    return tuple(p.replace("~1", "/").replace("~0", "~") for p in text[1:].split("/"))


def read_message(raw: bytes) -> Any:
    """The JSON in these bytes; MalformedError for anything else."""
    if len(raw) > MAX_MESSAGE:
        raise MalformedError(f"json: {len(raw)} bytes, limit is {MAX_MESSAGE}")
    try:
        return json.loads(raw.decode(), object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"json: {error}"[:200]) from None


def read_value(message: Any, fields: Fields) -> tuple[int | None, float, Quality] | None:
    """Time in ns (None: the message has none), value and quality; None where it says nothing of the tag.

    MalformedError where the time or the quality that was promised is not there.
    """
    value = _at(message, fields.value)
    if value is _NOWHERE:
        return None
    t_ns = None if fields.time is None else _time(_at(message, fields.time), fields.time_unit)
    quality = Quality.GOOD
    if fields.quality is not None:
        quality = _quality(_at(message, fields.quality))
    if isinstance(value, bool):
        return t_ns, float(value), quality
    if not isinstance(value, int | float) or abs(value) > 1.7e308:
        return t_ns, nan, Quality.BAD
    return t_ns, float(value), quality


def _at(message: Any, parts: Sequence[str]) -> Any:
    """What stands there; _NOWHERE where nothing does."""
    for part in parts:
        if isinstance(message, dict) and part in message:
            message = message[part]
        elif isinstance(message, list) and part.isdecimal() and int(part[:9]) < len(message):
            message = message[int(part[:9])]
        else:
            return _NOWHERE
    return message


def _time(value: Any, unit: TimeUnit) -> int:
    if unit is TimeUnit.TEXT:
        return _text_time(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedError("json: expected a number as the time of the value")
    t_ns = value * _NS[unit]
    if not 0 <= t_ns <= _LATEST_NS:  # before it is rounded: infinity cannot be
        raise MalformedError(f"json: {value!r:.30} {unit} is no time")
    return round(t_ns)


def _text_time(value: Any) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise MalformedError("json: expected a time as in RFC 3339") from None
    if moment.tzinfo is None:
        raise MalformedError("json: expected a time with its offset from UTC, or Z")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    t_ns = ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
    if not 0 <= t_ns <= _LATEST_NS:
        raise MalformedError("json: the time is before 1970 or after 2262")
    return t_ns


def _quality(value: Any) -> Quality:
    """`good`, `uncertain` or `bad` in any case, or true for good; everything else is BAD."""
    if value is True:
        return Quality.GOOD
    return _QUALITIES.get(value.lower(), Quality.BAD) if isinstance(value, str) else Quality.BAD


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")
