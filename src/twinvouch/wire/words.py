"""Words: an engineering value as the registers or the coil of its point, and back.

raw = (value - offset) / scale, rounded to the nearest integer for integer encodings; big-endian
words, high word first. A coil is one item, 0 or 1.
"""

from collections.abc import Sequence
from math import isfinite
from struct import pack, unpack

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.inventory import Encoding, Point

_FORM = {
    Encoding.U16: ">H",
    Encoding.I16: ">h",
    Encoding.U32: ">I",
    Encoding.I32: ">i",
    Encoding.F32: ">f",
}
_RANGE = {
    Encoding.BIT: (0, 1),
    Encoding.U16: (0, 2**16 - 1),
    Encoding.I16: (-(2**15), 2**15 - 1),
    Encoding.U32: (0, 2**32 - 1),
    Encoding.I32: (-(2**31), 2**31 - 1),
}


def word_count(encoding: Encoding) -> int:
    """How many words (or coils) a value of this encoding takes."""
    return 2 if encoding in {Encoding.U32, Encoding.I32, Encoding.F32} else 1


def to_words(value: float, point: Point) -> tuple[int, ...]:
    """The words that mean `value` at `point`; UsageError where the encoding cannot hold it."""
    raw = (value - point.offset) / point.scale
    if not isfinite(raw):
        raise UsageError(f"{value} cannot be written as {point.encoding}: it is not finite")
    if point.encoding is Encoding.F32:
        return _float_words(raw, value)
    low, high = _RANGE[point.encoding]
    whole = round(raw)
    if not low <= whole <= high:
        raise UsageError(f"{value} cannot be written as {point.encoding}: raw {raw:.6g}")
    if point.encoding is Encoding.BIT:
        return (whole,)
    return _split(pack(_FORM[point.encoding], whole))


def from_words(words: Sequence[int], point: Point) -> float:
    """The engineering value of these words; a float NaN is a value. MalformedError: wrong words."""
    if len(words) != word_count(point.encoding) or not all(0 <= w <= 0xFFFF for w in words):
        raise MalformedError(f"expected {word_count(point.encoding)} words, got {words!r:.60}")
    if point.encoding is Encoding.BIT:
        if words[0] > 1:
            raise MalformedError(f"expected a bit, got {words[0]}")
        raw = float(words[0])
    else:
        (raw,) = unpack(_FORM[point.encoding], b"".join(w.to_bytes(2, "big") for w in words))
    return raw * point.scale + point.offset


def _float_words(raw: float, value: float) -> tuple[int, ...]:
    try:
        return _split(pack(">f", raw))
    except OverflowError:
        raise UsageError(f"{value} cannot be written as f32: raw {raw:.6g}") from None


def _split(raw: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2))
