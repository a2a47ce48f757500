"""Deterministic CBOR: the one encoding of everything signed or stored (RFC 8949 section 4.2.1).

A value has exactly one encoding: shortest integers and floats, definite lengths, map keys sorted by
their bytes. The reader takes nothing else, nothing behind the value, no duplicate key, no depth over
16 and no tag but 18 (COSE_Sign1) and the little-endian typed arrays of RFC 8746. What it is handed is
hostile: the only exception that comes out is MalformedError, and it names the offset.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from struct import Struct
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.errors import MalformedError, UsageError

DEPTH = 16
ITEMS = 1 << 20
SIGN1 = 18  # COSE_Sign1, the only tag beside the typed arrays
DTYPES: Mapping[int, np.dtype[Any]] = {  # RFC 8746 section 2.1, little-endian
    64: np.dtype("u1"),
    69: np.dtype("<u2"),
    70: np.dtype("<u4"),
    71: np.dtype("<u8"),
    72: np.dtype("i1"),
    77: np.dtype("<i2"),
    78: np.dtype("<i4"),
    79: np.dtype("<i8"),
    85: np.dtype("<f4"),
    86: np.dtype("<f8"),
}
_TAG_OF = {dtype: tag for tag, dtype in DTYPES.items()}
_DTYPE_OF_HEAD = {bytes((0xD8, tag)): dtype for tag, dtype in DTYPES.items()}
_F16, _F32, _F64 = Struct(">e"), Struct(">f"), Struct(">d")
_FLOATS = {3: _F16, 5: _F32, 9: _F64}  # by the length of the item
_BYTE = tuple(bytes((n,)) for n in range(256))
_NAN = b"\xf9\x7e\x00"
_SIMPLE = {20: False, 21: True, 22: None}
_SMALLEST = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}  # argument that needs that many bytes


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag 18 and what it encloses."""

    value: "Item"


Item: TypeAlias = (
    bool
    | int
    | float
    | str
    | bytes
    | list["Item"]
    | dict[int | str, "Item"]
    | Tagged
    | NDArray[Any]
    | None
)


def encode(value: object) -> bytes:
    """The one encoding of `value`: None, bool, int, float, str, bytes, sequences, maps, 1-d arrays.

    Map keys are int or str. Raises UsageError where the value has no encoding here.
    """
    parts: list[bytes] = []
    _put(value, parts, DEPTH)
    return b"".join(parts)


def decode(raw: bytes, *, canonical: bool = True, items: int = ITEMS) -> Item:
    """The value of `raw`, typed arrays as read-only views on it; raises MalformedError.

    `canonical=False` takes foreign encoders' long integers and floats and unsorted keys, nothing
    more. At most `items` values are made, whatever the bytes claim.
    """
    reader = _Reader(raw, items, canonical=canonical)
    value = reader.item(DEPTH)
    if reader.at != len(raw):
        raise MalformedError(f"byte {reader.at}: expected the end, got {len(raw) - reader.at} more")
    return value


def head(major: int, argument: int) -> bytes:
    """The first bytes of an item: its major type and the shortest form of its argument."""
    if argument < 24:
        return _BYTE[major << 5 | argument]
    if argument < 256:
        return _BYTE[major << 5 | 24] + _BYTE[argument]
    bits = argument.bit_length()
    if bits > 64:
        raise UsageError(f"the integer {argument} needs more than 64 bits")
    extra, size = (25, 2) if bits <= 16 else (26, 4) if bits <= 32 else (27, 8)
    return _BYTE[major << 5 | extra] + argument.to_bytes(size, "big")


def head_at(raw: bytes, at: int, *, canonical: bool = True) -> tuple[int, int, int]:
    """Major type, argument and the offset behind the head at `at`, which must be the shortest."""
    try:
        first = raw[at]
    except IndexError:
        raise MalformedError(f"byte {at}: expected an item, got the end") from None
    extra = first & 31
    if extra < 24:
        return first >> 5, extra, at + 1
    if extra > 27:
        raise MalformedError(f"byte {at}: expected a definite length, got 0x{first:02x}")
    size = 1 << (extra - 24)
    end = at + 1 + size
    if end > len(raw):
        raise MalformedError(f"byte {at}: expected {size} bytes of argument, got the end")
    argument = int.from_bytes(raw[at + 1 : end], "big")
    if canonical and argument < _SMALLEST[extra] and first >> 5 != 7:
        raise MalformedError(f"byte {at}: expected the shortest form of {argument}")
    return first >> 5, argument, end


def scalars_at(raw: bytes, at: int, count: int) -> tuple[list[Any], int]:
    """`count` unsigned integers, byte strings or texts from `at` on, and the offset behind them.

    One loop with no call for short items: every batch begins with these.
    """
    found: list[Any] = []
    for _ in range(count):
        first = raw[at] if at < len(raw) else 0xFF
        argument, start = first & 31, at + 1
        if argument > 23:
            _, argument, start = head_at(raw, at)
        if first < 0x20:
            found.append(argument)
            at = start
            continue
        at = start + argument
        if not 0x40 <= first < 0x80 or at > len(raw):
            raise MalformedError(f"byte {start}: expected an integer, text or bytes, all there")
        found.append(_text(raw, start, at) if first >= 0x60 else raw[start:at])
    return found, at


def octets_at(raw: bytes, at: int, *, canonical: bool = True) -> tuple[int, int]:
    """Where the byte string at `at` begins and ends."""
    major, length, start = head_at(raw, at, canonical=canonical)
    if major != 2:
        raise MalformedError(f"byte {at}: expected a byte string, got major type {major}")
    return start, _end(raw, start, length)


def array_at(raw: bytes, at: int) -> tuple[NDArray[Any], int]:
    """The typed array at `at`, a read-only view on `raw` (any alignment), and the offset behind it."""
    dtype = _DTYPE_OF_HEAD.get(raw[at : at + 2])
    if dtype is None:
        raise MalformedError(f"byte {at}: expected a little-endian typed array")
    start, end = octets_at(raw, at + 2)
    return _view(raw, dtype, start, end), end


def _end(raw: bytes, start: int, length: int) -> int:
    if length > len(raw) - start:
        raise MalformedError(f"byte {start}: expected {length} bytes, got {len(raw) - start}")
    return start + length


def _text(raw: bytes, start: int, end: int) -> str:
    try:
        return raw[start:end].decode()
    except UnicodeDecodeError:
        raise MalformedError(f"byte {start}: expected UTF-8") from None


def _view(raw: bytes, dtype: np.dtype[Any], start: int, end: int) -> NDArray[Any]:
    count, rest = divmod(end - start, dtype.itemsize)
    if rest:
        raise MalformedError(f"byte {start}: expected a multiple of {dtype.itemsize} bytes")
    if count:
        return np.frombuffer(raw, dtype, count, start)  # read-only, as bytes are
    empty = np.empty(0, dtype)
    empty.flags.writeable = False
    return empty


class _Reader:
    """One pass over hostile bytes: `at` is the next offset, `left` how many values may still be made."""

    __slots__ = ("at", "canonical", "left", "raw")

    def __init__(self, raw: bytes, items: int, *, canonical: bool) -> None:
        self.raw = raw
        self.at = 0
        self.left = items
        self.canonical = canonical

    def item(self, depth: int) -> Item:
        """The value at `at`; `depth` is how many levels may still be opened, this one included."""
        at, self.left = self.at, self.left - 1
        if self.left < 0 or depth < 1:
            raise MalformedError(f"byte {at}: expected fewer values, nested {DEPTH} deep at most")
        major, argument, self.at = head_at(self.raw, at, canonical=self.canonical)
        if major < 2:
            return -1 - argument if major else argument
        if major < 4:
            start, self.at = self.at, _end(self.raw, self.at, argument)
            return _text(self.raw, start, self.at) if major == 3 else self.raw[start : self.at]
        if major == 7:
            return self._simple(at, argument)
        if major == 6:
            return self._tagged(argument, depth - 1)
        self._expect_room(argument)
        if major == 4:
            return [self.item(depth - 1) for _ in range(argument)]
        return self._map(argument, depth - 1)

    def _expect_room(self, count: int) -> None:
        """Each value takes a byte: a longer claim is a lie and allocates nothing."""
        if count > min(len(self.raw) - self.at, self.left):
            raise MalformedError(f"byte {self.at}: expected fewer than {count} values")

    def _map(self, count: int, depth: int) -> "dict[int | str, Item]":
        result: dict[int | str, Item] = {}
        last = b""
        for _ in range(count):
            at = self.at
            key = self.item(depth)
            if type(key) is not int and type(key) is not str:
                raise MalformedError(f"byte {at}: expected a key that is an integer or text")
            encoded = self.raw[at : self.at]
            if key in result or (encoded < last and self.canonical):
                raise MalformedError(f"byte {at}: expected sorted keys, once each")
            result[key] = self.item(depth)
            last = encoded
        return result

    def _tagged(self, tag: int, depth: int) -> Item:
        at = self.at
        if tag == SIGN1:
            return Tagged(self.item(depth))
        if tag not in DTYPES:
            raise MalformedError(f"byte {at}: expected no tag {tag}")
        start, self.at = octets_at(self.raw, at, canonical=self.canonical)
        return _view(self.raw, DTYPES[tag], start, self.at)

    def _simple(self, at: int, argument: int) -> Item:
        size = self.at - at
        if size == 1 and argument in _SIMPLE:
            return _SIMPLE[argument]
        if size < 3:
            raise MalformedError(f"byte {at}: expected false, true, null or a float")
        value: float
        (value,) = _FLOATS[size].unpack_from(self.raw, at + 1)
        if self.canonical and _float(value) != self.raw[at : self.at]:
            raise MalformedError(f"byte {at}: expected the shortest form of {value}")
        return value


def _put(value: object, parts: list[bytes], depth: int) -> None:
    if depth < 1:
        raise UsageError(f"a value is nested more than {DEPTH} deep")
    put = _PUT.get(type(value)) or _put_of(value)
    put(value, parts, depth - 1)


def _put_of(value: object) -> Callable[[Any, list[bytes], int], None]:
    """For a subclass, as enumerations are."""
    for kind, put in _PUT.items():
        if isinstance(value, kind):
            return put
    raise UsageError(f"a {type(value).__name__} has no encoding")


def _put_int(value: int | np.integer[Any], parts: list[bytes], _depth: int) -> None:
    value = int(value)
    parts.append(head(0, value) if value >= 0 else head(1, -1 - value))


def _put_text(value: str, parts: list[bytes], _depth: int) -> None:
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        raise UsageError("text with a lone surrogate has no encoding") from None
    size = len(raw)
    parts.append(_BYTE[96 + size] if size < 24 else head(3, size))
    parts.append(raw)


def _put_octets(value: bytes, parts: list[bytes], _depth: int) -> None:
    size = len(value)
    parts.append(_BYTE[64 + size] if size < 24 else head(2, size))
    parts.append(value)


def _put_sequence(value: Sequence[Any], parts: list[bytes], depth: int) -> None:
    parts.append(head(4, len(value)))
    if depth < 1 and value:
        raise UsageError(f"a value is nested more than {DEPTH} deep")
    for item in value:  # what most items are is put without a call
        kind = type(item)
        if kind is int and item >= 0:
            parts.append(_BYTE[item] if item < 24 else head(0, item))
        elif kind is str and len(item) < 24 and item.isascii():
            parts += (_BYTE[96 + len(item)], item.encode())
        elif kind is bytes:
            size = len(item)
            parts += (_BYTE[64 + size] if size < 24 else head(2, size), item)
        elif item is None:
            parts.append(b"\xf6")
        elif kind is float:
            parts.append(_float(item))
        else:
            put = _PUT.get(kind) or _put_of(item)
            put(item, parts, depth - 1)


def _put_map(value: Mapping[object, object], parts: list[bytes], depth: int) -> None:
    pairs = []
    for key, item in value.items():
        if isinstance(key, bool) or not isinstance(key, int | str):
            raise UsageError(f"a key must be an integer or text, got {type(key).__name__}")
        pairs.append((encode(key), item))
    parts.append(head(5, len(pairs)))
    for encoded, item in sorted(pairs, key=itemgetter(0)):
        parts.append(encoded)
        _put(item, parts, depth)


def _put_array(value: NDArray[Any], parts: list[bytes], _depth: int) -> None:
    little = value.dtype.newbyteorder("<")
    if value.ndim != 1 or little not in _TAG_OF:
        raise UsageError(f"an array must have one dimension and a number type, got {value.dtype}")
    raw = value.astype(little, copy=False).tobytes()
    parts += (head(6, _TAG_OF[little]), head(2, len(raw)), raw)


def _put_tagged(value: Tagged, parts: list[bytes], depth: int) -> None:
    parts.append(head(6, SIGN1))
    _put(value.value, parts, depth)


def _float(value: float) -> bytes:
    if value != value:  # noqa: PLR0124 - NaN, the one number unequal to itself
        return _NAN
    try:
        raw = _F32.pack(value)
    except OverflowError:
        return b"\xfb" + _F64.pack(value)
    if _F32.unpack(raw)[0] != value:  # most numbers: what 32 bits cannot say 16 cannot
        return b"\xfb" + _F64.pack(value)
    try:
        short = _F16.pack(value)
    except OverflowError:
        return b"\xfa" + raw
    return b"\xf9" + short if _F16.unpack(short)[0] == value else b"\xfa" + raw


def _put_float(value: float, parts: list[bytes], _depth: int) -> None:
    parts.append(_float(value))


def _put_simple(value: bool | None, parts: list[bytes], _depth: int) -> None:  # noqa: FBT001
    parts.append({False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value])


# In this order: a bool is an int.
_PUT: Mapping[type, Callable[[Any, list[bytes], int], None]] = {
    str: _put_text,
    bool: _put_simple,
    int: _put_int,
    bytes: _put_octets,
    float: _put_float,
    list: _put_sequence,
    tuple: _put_sequence,
    type(None): _put_simple,
    dict: _put_map,
    np.ndarray: _put_array,
    np.integer: _put_int,
    Tagged: _put_tagged,
}
