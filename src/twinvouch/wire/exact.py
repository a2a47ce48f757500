"""Doubles as a chunk of the history stores them: small where they are decimals, and always the same bits again.

    kind u8, then by kind
    0..12    the integers x * 10**kind (wire/packed.py), then how many do not come back by x / 10**kind: a CBOR integer,
             their places, their bits
    32       the bits of the float32 that each of them is
    64       the bits of the doubles

A value that came from a meter or a file has few digits: it is an integer after scaling by a power of ten. Whether
dividing gives back the very double is tried on every value when it is written, and what fails (NaN, infinities, minus
zero, a stray value with more digits) is stored beside. Dividing integers below 2**53 by a power of ten is one rounding
(IEEE 754), the same on every machine.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.errors import MalformedError
from twinvouch.wire.cbor import head, head_at
from twinvouch.wire.packed import pack, unpack

Doubles = NDArray[np.float64]
_MOST_DIGITS: Final = 12
_SINGLE, _DOUBLE = 32, 64
_EXACT: Final = 2.0**52
_STRAYS: Final = 32  # of one stray at most in so many values scaling is worth it
_TRIED: Final = 512


def pack_doubles(values: Doubles) -> bytes:
    """The stored form of float64[n]; of none nothing."""
    if not len(values):
        return b""
    bits = np.ascontiguousarray(values).view(np.int64)
    found = [bytes((_DOUBLE,)) + pack(bits)] if (digits := _digits(values)) is None else []
    if digits is not None:
        found.append(_scaled(values, digits))
    with np.errstate(over="ignore", invalid="ignore"):
        single = values.astype(np.float32)
        is_single = (single.astype(np.float64).view(np.int64) == bits).all()
    if is_single:
        found.append(bytes((_SINGLE,)) + pack(single.view(np.int32).astype(np.int64)))
    return min(found, key=len)


def unpack_doubles(raw: bytes, at: int, count: int) -> tuple[Doubles, int]:
    """`count` doubles at `at` and the offset behind them; MalformedError for anything that is none."""
    if not count:
        return np.zeros(0), at
    if at >= len(raw):
        raise MalformedError(f"byte {at}: expected values, got the end")
    kind, start, at = raw[at], at, at + 1
    if kind == _DOUBLE:
        bits, at = unpack(raw, at, count)
        return bits.view(np.float64), at
    if kind == _SINGLE:
        bits, at = unpack(raw, at, count)
        if int(bits.min()) < -(1 << 31) or int(bits.max()) >= 1 << 31:
            raise MalformedError(f"byte {start}: bits of a float32 beyond 32")
        with np.errstate(invalid="ignore"):  # a signalling NaN is a reading like others
            return bits.astype(np.int32).view(np.float32).astype(np.float64), at
    if kind > _MOST_DIGITS:
        raise MalformedError(f"byte {start}: {kind} is no kind of values")
    scaled, at = unpack(raw, at, count)
    values = scaled / 10.0**kind
    major, strays, at = head_at(raw, at)
    if major != 0 or strays > count:
        raise MalformedError(f"byte {at}: expected at most {count} strays")
    places, at = unpack(raw, at, strays)
    bits, at = unpack(raw, at, strays)
    if strays and (int(places.min()) < 0 or int(places.max()) >= count):
        raise MalformedError(f"byte {at}: a stray beyond {count} values")
    values[places] = bits.view(np.float64)
    return values, at


def _digits(values: Doubles) -> int | None:
    """How many decimals most of the values have; None where they are no decimals."""
    some = values[:: max(1, len(values) // _TRIED)]
    for digits in range(_MOST_DIGITS + 1):
        if _strays(some, digits)[1].mean() * _STRAYS <= 1:
            whole = _strays(values, digits)[1]
            if whole.mean() * _STRAYS <= 1:
                return digits
    return None


def _strays(values: Doubles, digits: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The values as scaled integers, and which of them do not come back from those."""
    with np.errstate(all="ignore"):
        scaled = np.rint(values * 10.0**digits)
        fits = np.abs(scaled) < _EXACT
        whole = np.where(fits, scaled, 0.0).astype(np.int64)
        same = (whole / 10.0**digits).view(np.int64) == values.view(np.int64)
    return whole, ~same


def _scaled(values: Doubles, digits: int) -> bytes:
    whole, stray = _strays(values, digits)
    places = np.flatnonzero(stray).astype(np.int64)
    if len(places) and len(places) < len(
        whole
    ):  # a stray repeats what stands before it: cheap to store
        kept = np.flatnonzero(~stray)
        whole[places] = whole[kept[np.clip(np.searchsorted(kept, places) - 1, 0, None)]]
    parts = (bytes((digits,)), pack(whole), head(0, len(places)), pack(places))
    return b"".join((*parts, pack(values.view(np.int64)[places])))
