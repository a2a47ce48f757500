"""Deterministic CBOR (RFC 8949 section 4.2.1) as receipts and what they open are written: one encoding a value.

Integers, byte strings, texts, arrays, booleans, null, floats, and the little-endian typed arrays of RFC 8746. What it
reads is hostile: the only exception that comes out is CborError, and it names the offset.
"""

import struct
from dataclasses import dataclass
from typing import TypeAlias

DEPTH = 16
ITEMS = 1 << 20
TYPED = {64: "B", 69: "H", 70: "I", 71: "Q", 72: "b", 77: "h", 78: "i", 79: "q", 85: "f", 86: "d"}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_NAN = b"\xf9\x7e\x00"


class CborError(ValueError):
    """Bytes that are not the one encoding of a value; `at` is the offset."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(f"byte {at}: {why}")
        self.at = at


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed array: the letter of its elements as `struct` names them, and the numbers."""

    letter: str
    values: tuple[float, ...]


Item: TypeAlias = "bool | int | float | str | bytes | list[Item] | Typed | None"


def decode(raw: bytes) -> Item:
    """The value of `raw`, which is all of it."""
    reader = _Reader(raw)
    value = reader.item(DEPTH)
    if reader.at != len(raw):
        raise CborError(reader.at, f"expected the end, got {len(raw) - reader.at} bytes more")
    return value


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self.raw, self.at, self.left = raw, 0, ITEMS

    def item(self, depth: int) -> Item:
        start = self.at
        self.left -= 1
        if depth < 0 or self.left < 0:
            raise CborError(start, f"expected at most {DEPTH} levels and {ITEMS} values")
        major, low = self._byte() >> 5, self.raw[start] & 31
        if major == 7:
            return self._simple(start, low)
        number = self._argument(start, low)
        if major < 2:
            return -1 - number if major else number
        if major == 2:
            return self._take(start, number)
        if major == 3:
            return self._text(start, number)
        if major == 4:
            return self._array(start, number, depth)
        if major == 6:
            return self._typed(start, number)
        raise CborError(start, "expected no map")

    def _byte(self) -> int:
        if self.at >= len(self.raw):
            raise CborError(self.at, "expected more bytes")
        self.at += 1
        return self.raw[self.at - 1]

    def _take(self, start: int, size: int) -> bytes:
        if size > len(self.raw) - self.at:
            raise CborError(start, f"expected {size} bytes more")
        self.at += size
        return self.raw[self.at - size : self.at]

    def _argument(self, start: int, low: int) -> int:
        if low < 24:
            return low
        if low > 27:
            raise CborError(start, "expected a definite length")
        width = 1 << (low - 24)
        number = int.from_bytes(self._take(start, width), "big")
        if number < (24 if low == 24 else 1 << (4 * width)):
            raise CborError(start, "expected the shortest form of a number")
        return number

    def _text(self, start: int, size: int) -> str:
        try:
            return self._take(start, size).decode()
        except UnicodeDecodeError:
            raise CborError(start, "expected UTF-8") from None

    def _array(self, start: int, count: int, depth: int) -> Item:
        if count > len(self.raw) - self.at:
            raise CborError(start, f"expected {count} values more")
        return [self.item(depth - 1) for _ in range(count)]

    def _typed(self, start: int, tag: int) -> Typed:
        letter = TYPED.get(tag)
        if letter is None or self.at >= len(self.raw) or self.raw[self.at] >> 5 != 2:
            raise CborError(start, "expected a typed array, or no tag")
        at = self.at
        content = self._take(at, self._argument(at, self._byte() & 31))
        width = struct.calcsize(f"<{letter}")
        if len(content) % width:
            raise CborError(at, f"expected elements of {width} bytes")
        return Typed(letter, struct.unpack(f"<{len(content) // width}{letter}", content))

    def _simple(self, start: int, low: int) -> Item:
        if low in {20, 21, 22}:
            return {20: False, 21: True, 22: None}[low]
        form = _FLOATS.get(low)
        if form is None:
            raise CborError(start, "expected false, true, null or a float")
        value: float = struct.unpack(form, self._take(start, struct.calcsize(form)))[0]
        if self.raw[start : self.at] != _float(value):
            raise CborError(start, "expected the shortest form of a float")
        return value


def _float(value: float) -> bytes:
    """The shortest float that is this value."""
    if value != value:  # noqa: PLR0124 - NaN
        return _NAN
    for head, form in ((b"\xf9", ">e"), (b"\xfa", ">f")):
        try:
            packed = struct.pack(form, value)
        except OverflowError:
            continue
        if struct.unpack(form, packed)[0] == value:
            return head + packed
    return b"\xfb" + struct.pack(">d", value)
