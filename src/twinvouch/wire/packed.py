"""Packed integers: how a chunk of the history stores one column of int64, in the smallest of a few forms.

    form u8, then by form
    0 constant   base
    1 offset     base, planes of `x - base`
    2 delta      first, planes of the zigzag differences
    3 delta2     first, first difference, planes of the zigzag second differences
    4 chosen     count, the distinct values ascending (packed themselves), planes of their places

Numbers are CBOR integers in their shortest form. Planes are one byte of bits 0..64, then a CBOR byte string: bit 0 of all
n numbers, then bit 1 and so on, each plane n bits padded to bytes with zeros, lowest first. Form + 128: the byte string is
raw deflate (RFC 1951) of the planes. Arithmetic is modulo 2**64, so every int64 comes back, whatever the differences.
A column of a measured quantity has a few noisy low bits and high ones that hardly change: planes keep them apart.
"""

import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.errors import MalformedError
from twinvouch.wire.cbor import head, head_at

Ints = NDArray[np.int64]
_Words = NDArray[np.uint64]
CONSTANT, OFFSET, DELTA, DELTA2, CHOSEN = range(5)
_DEFLATED: Final = 128
_MOST_CHOSEN: Final = 4096  # distinct values that are worth a table
_TABLES: Final = (bytes((CHOSEN,)), bytes((CHOSEN | _DEFLATED,)))  # a table has no table of its own
_LEVEL: Final = 6
_SWAPS: Final = tuple(
    (np.uint64(shift), np.uint64(keep), np.uint64(move))
    for shift, keep, move in (
        (7, 0xAA55AA55AA55AA55, 0x00AA00AA00AA00AA),
        (14, 0xCCCC3333CCCC3333, 0x0000CCCC0000CCCC),
        (28, 0xF0F0F0F00F0F0F0F, 0x00000000F0F0F0F0),
    )
)
_TRIED: Final = 16_384  # numbers that a form is chosen by


def pack(numbers: Ints) -> bytes:
    """The smallest form of int64[n] that is tried; of no numbers nothing."""
    if not len(numbers):
        return b""
    if (numbers == numbers[0]).all():
        return bytes((CONSTANT,)) + _integer(int(numbers[0]))
    forms = [OFFSET, DELTA, DELTA2, CHOSEN]
    if len(numbers) > 2 * _TRIED:
        middle = len(numbers) // 2
        some = numbers[middle : middle + _TRIED]
        forms = [min(forms, key=lambda form: len(_packed(some, form) or some.tobytes()))]
    found = [raw for form in {*forms, OFFSET} if (raw := _packed(numbers, form))]
    return min(found, key=lambda raw: (len(raw), raw))


def unpack(raw: bytes, at: int, count: int) -> tuple[Ints, int]:
    """`count` integers at `at` and the offset behind them; MalformedError for anything that is none."""
    if not count:
        return np.zeros(0, np.int64), at
    if at >= len(raw):
        raise MalformedError(f"byte {at}: expected packed integers, got the end")
    form, is_deflated = raw[at] & ~_DEFLATED, bool(raw[at] & _DEFLATED)
    start, at = at, at + 1
    if form == CONSTANT and not is_deflated:
        base, at = _integer_at(raw, at)
        return np.full(count, base, np.int64), at
    if form == CHOSEN:
        return _chosen_at(raw, at, count, is_deflated=is_deflated)
    if form not in {OFFSET, DELTA, DELTA2}:
        raise MalformedError(f"byte {start}: {raw[start]} is no form of packed integers")
    base, at = _integer_at(raw, at)
    if form == OFFSET:
        words, at = _planes_at(raw, at, count, is_deflated=is_deflated)
        return (words + _word(base)).view(np.int64), at
    first, at = _integer_at(raw, at) if form == DELTA2 else (0, at)
    words, at = _planes_at(raw, at, count - form + 1, is_deflated=is_deflated)
    steps = _unzigzag(words)
    if form == DELTA2:
        steps = _summed(first, steps)
    return _summed(base, steps).view(np.int64), at


def _packed(numbers: Ints, form: int) -> bytes | None:
    """One form of n > 1 integers; None where it does not fit."""
    words = numbers.view(np.uint64)
    if form == OFFSET:
        base = int(numbers.min())
        return _with_planes(form, _integer(base), words - _word(base))
    if form == DELTA:
        return _with_planes(form, _integer(int(numbers[0])), _zigzag(words[1:] - words[:-1]))
    if form == DELTA2:
        steps = words[1:] - words[:-1]
        start = _integer(int(numbers[0])) + _integer(int(steps[:1].view(np.int64)[0]))
        return _with_planes(form, start, _zigzag(steps[1:] - steps[:-1]))
    some, places = np.unique(numbers, return_inverse=True)
    if len(some) > min(_MOST_CHOSEN, len(numbers) // 2):
        return None
    table = head(0, len(some)) + pack(some)
    return _with_planes(form, table, places.astype(np.uint64))


def _with_planes(form: int, start: bytes, words: _Words) -> bytes:
    bits = int(words.max()).bit_length() if len(words) else 0
    planes = _planes(words, bits)
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
    small = deflater.compress(planes) + deflater.flush()
    if len(small) < len(planes):
        form, planes = form | _DEFLATED, small
    return b"".join((bytes((form,)), start, bytes((bits,)), head(2, len(planes)), planes))


def _chosen_at(raw: bytes, at: int, count: int, *, is_deflated: bool) -> tuple[Ints, int]:
    start = at
    major, size, at = head_at(raw, at)
    if major != 0 or not 0 < size <= count or raw[at : at + 1] in _TABLES:
        raise MalformedError(f"byte {start}: expected a table of 1..{count} values")
    some, at = unpack(raw, at, size)
    words, at = _planes_at(raw, at, count, is_deflated=is_deflated)
    if int(words.max()) >= size:
        raise MalformedError(f"byte {start}: a place beyond the table of {size} values")
    return some[words.astype(np.intp)], at


def _planes(words: _Words, bits: int) -> bytes:
    """Bit 0 of all words, then bit 1, ..., each padded to bytes."""
    width = (len(words) + 7) // 8
    octets = np.zeros((8 * width, 8), np.uint8)
    octets[: len(words)] = words.astype("<u8").view(np.uint8).reshape(-1, 8)
    parts = [_turned(np.ascontiguousarray(octets[:, g])).T for g in range((bits + 7) // 8)]
    return b"".join(part.tobytes() for part in parts)[: bits * width]


def _planes_at(raw: bytes, at: int, count: int, *, is_deflated: bool) -> tuple[_Words, int]:
    start = at
    bits = raw[at] if at < len(raw) else 255
    major, size, at = head_at(raw, at + 1)
    body, end = raw[at : at + size], at + size
    if bits > 64 or major != 2 or len(body) != size:
        raise MalformedError(f"byte {start}: expected planes of 0..64 bits")
    width = (max(count, 0) + 7) // 8
    if is_deflated:
        body = inflated(body, bits * width, start)
    if len(body) != bits * width or count < 0:
        raise MalformedError(
            f"byte {start}: expected {bits} planes of {width} bytes, got {len(body)}"
        )
    planes = np.frombuffer(body, np.uint8).reshape(bits, width)
    octets = np.zeros((8 * width, 8), np.uint8)
    for first in range(0, bits, 8):  # eight planes are one byte of every word
        part = np.zeros((width, 8), np.uint8)
        some = planes[first : first + 8]
        part[:, : len(some)] = some.T
        octets[:, first // 8] = _turned(part.ravel()).ravel()
    return octets.view("<u8").ravel()[:count].astype(np.uint64, copy=False), end


def _turned(octets: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every eight bytes as a matrix of bits, transposed; uint8[n, 8]. Three swaps (Warren, Hacker's Delight, 7-3)."""
    x = octets.view("<u8")
    for shift, keep, move in _SWAPS:
        x = (x & keep) | ((x & move) << shift) | ((x >> shift) & move)
    return x.view(np.uint8).reshape(-1, 8)


def inflated(body: bytes, size: int, place: int) -> bytes:
    """Exactly `size` bytes out of raw deflate, nothing behind it; MalformedError otherwise, never more memory."""
    reader = zlib.decompressobj(-15)
    try:
        out = reader.decompress(body, size + 1)
    except zlib.error as error:
        raise MalformedError(f"byte {place}: {error}") from None
    if len(out) != size or not reader.eof or reader.unused_data or reader.unconsumed_tail:
        raise MalformedError(f"byte {place}: expected {size} bytes out of deflate")
    return out


def deflated(plain: bytes) -> bytes:
    """Raw deflate of some bytes."""
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
    return deflater.compress(plain) + deflater.flush()


def _integer(number: int) -> bytes:
    return head(1, -1 - number) if number < 0 else head(0, number)


def _integer_at(raw: bytes, at: int) -> tuple[int, int]:
    major, argument, end = head_at(raw, at)
    if major > 1 or argument >= 1 << 63:
        raise MalformedError(f"byte {at}: expected a 64-bit integer")
    return (-1 - argument if major else argument), end


def _word(number: int) -> np.uint64:
    return np.uint64(number % (1 << 64))


def _zigzag(steps: _Words) -> _Words:
    """Small numbers of either sign as small numbers."""
    signed = steps.view(np.int64)
    return ((signed << 1) ^ (signed >> 63)).view(np.uint64)


def _unzigzag(words: _Words) -> _Words:
    return (words >> np.uint64(1)) ^ (np.uint64(0) - (words & np.uint64(1)))


def _summed(first: int, steps: _Words) -> _Words:
    """`first`, then every sum of it and the steps so far, modulo 2**64."""
    out = np.empty(len(steps) + 1, np.uint64)
    out[0] = _word(first)
    np.cumsum(steps, out=out[1:], dtype=np.uint64)
    out[1:] += out[0]
    return out
