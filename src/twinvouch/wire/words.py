"""Words: an engineering value as the registers or the coil of its point, and back.

raw = (value - offset) / scale, rounded to the nearest integer for integer encodings. A coil is one item, 0 or 1;
a bit inside a register is that register with all its other bits left out. Values are doubles: integers beyond
2^53 are not exact in them, which `is_exact` tells and `to_words` refuses.
"""

from collections.abc import Sequence
from math import isfinite, nan
from struct import pack, unpack
from typing import Final

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.inventory import Encoding, Point
from twinvouch.core.word_order import WordOrder

MOST_WORDS: Final = 4
MOST_EXACT: Final = 2**53  # every integer up to here is a double
FLOATS: Final = frozenset({Encoding.F32, Encoding.F64})
_FORM = {
    Encoding.U16: ">H",
    Encoding.I16: ">h",
    Encoding.U32: ">I",
    Encoding.I32: ">i",
    Encoding.U64: ">Q",
    Encoding.I64: ">q",
    Encoding.F32: ">f",
    Encoding.F64: ">d",
    Encoding.BCD16: ">H",
    Encoding.BCD32: ">I",
}
_RANGE = {
    Encoding.BIT: (0, 1),
    Encoding.U16: (0, 2**16 - 1),
    Encoding.I16: (-(2**15), 2**15 - 1),
    Encoding.U32: (0, 2**32 - 1),
    Encoding.I32: (-(2**31), 2**31 - 1),
    Encoding.U64: (0, MOST_EXACT),
    Encoding.I64: (-MOST_EXACT, MOST_EXACT),
    Encoding.BCD16: (0, 9_999),
    Encoding.BCD32: (0, 99_999_999),
}
_COUNT = dict.fromkeys(Encoding, 1) | {
    Encoding.U32: 2,
    Encoding.I32: 2,
    Encoding.F32: 2,
    Encoding.BCD32: 2,
    Encoding.U64: 4,
    Encoding.I64: 4,
    Encoding.F64: 4,
}
_LONG = frozenset({Encoding.U64, Encoding.I64})
_DECIMAL = frozenset({Encoding.BCD16, Encoding.BCD32})
_LOW_WORD_FIRST = frozenset({WordOrder.WORDS_SWAPPED, WordOrder.LITTLE_ENDIAN})
_LOW_BYTE_FIRST = frozenset({WordOrder.BYTES_SWAPPED, WordOrder.LITTLE_ENDIAN})


def word_count(encoding: Encoding) -> int:
    """How many words (or coils) a value of this encoding takes."""
    return _COUNT[encoding]


def to_words(value: float, point: Point) -> tuple[int, ...]:
    """The words that mean `value` at `point`; UsageError where the encoding cannot hold it exactly enough."""
    encoding = point.encoding
    raw = (value - point.offset) / point.scale
    if not isfinite(raw):
        raise UsageError(f"{value} cannot be written as {encoding}: it is not finite")
    if encoding in FLOATS:
        return _in_order(_float_bytes(raw, value, encoding), point.order)
    low, high = _RANGE[encoding]
    whole = round(raw)
    if not low <= whole <= high:
        raise UsageError(
            f"{value} cannot be written as {encoding}: raw {raw:.6g}, expected {low}..{high}"
        )
    if encoding is Encoding.BIT:
        return (whole << (point.bit or 0),)
    if encoding in _DECIMAL:
        whole = int(str(whole), 16)
    return _in_order(pack(_FORM[encoding], whole), point.order)


def from_words(words: Sequence[int], point: Point) -> float:
    """The engineering value of these words; MalformedError: wrong words.

    A float NaN is a value, and what BCD digits say that are none (10..15).
    """
    return _raw(words, point) * point.scale + point.offset


def is_exact(words: Sequence[int], point: Point) -> bool:
    """False for a 64-bit integer beyond 2^53: the double that `from_words` gives is a neighbour of it."""
    return point.encoding not in _LONG or abs(_raw(words, point)) <= MOST_EXACT


def _raw(words: Sequence[int], point: Point) -> float:
    encoding = point.encoding
    if len(words) != _COUNT[encoding] or not all(0 <= w <= 0xFFFF for w in words):
        raise MalformedError(f"expected {_COUNT[encoding]} words, got {words!r:.60}")
    if encoding is Encoding.BIT:
        return _bit(words[0], point)
    data = b"".join(w.to_bytes(2, "big") for w in _ordered(words, point.order))
    raw: float = unpack(_FORM[encoding], data)[0]
    if encoding in _DECIMAL:
        digits = data.hex()
        return int(digits) if digits.isdecimal() else nan
    return raw


def _bit(word: int, point: Point) -> int:
    if point.bit is not None:
        return word >> point.bit & 1
    if word > 1:
        raise MalformedError(f"expected a bit, got {word}")
    return word


def _float_bytes(raw: float, value: float, encoding: Encoding) -> bytes:
    try:
        return pack(_FORM[encoding], raw)
    except OverflowError:
        raise UsageError(f"{value} cannot be written as {encoding}: raw {raw:.6g}") from None


def _in_order(raw: bytes, order: WordOrder) -> tuple[int, ...]:
    words = [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]
    return tuple(_ordered(words, order))


def _ordered(words: Sequence[int], order: WordOrder) -> Sequence[int]:
    """From high word and byte first to `order`, and back: it is its own inverse."""
    if order is WordOrder.BIG_ENDIAN:
        return words
    if order in _LOW_BYTE_FIRST:
        words = [w >> 8 | (w & 0xFF) << 8 for w in words]
    return words[::-1] if order in _LOW_WORD_FIRST else words
