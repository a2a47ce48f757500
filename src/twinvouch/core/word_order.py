"""In which order the bytes of a number come out of the registers of a device."""

from enum import StrEnum


class WordOrder(StrEnum):
    """The bytes of a 32-bit value, A the highest, as they come over the wire; 64 bits follow suit.

    One register has two bytes: with BYTES_SWAPPED and LITTLE_ENDIAN they come low byte first.
    """

    BIG_ENDIAN = "ABCD"
    WORDS_SWAPPED = "CDAB"
    BYTES_SWAPPED = "BADC"
    LITTLE_ENDIAN = "DCBA"
