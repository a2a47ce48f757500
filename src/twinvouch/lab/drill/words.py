"""A float32 as the drills' plant has it: two big-endian words, high word first."""

import struct


def words_of(value: float) -> tuple[int, int]:
    """The two words of a number."""
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    return high, low


def number(high: int, low: int) -> float:
    """The number of two words."""
    found: float = struct.unpack(">f", struct.pack(">HH", high, low))[0]
    return found
