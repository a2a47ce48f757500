"""Memo: what a rule of gate 1 remembers between batches, as arrays; the engine keeps and stores it without knowing its meaning."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Memo:
    """`about` says what the arrays are about, in the words of the declaration: under another one they mean nothing.

    Arrays have one dimension each, so that they come back from the state store as they went there.
    """

    about: str
    arrays: tuple[NDArray[Any], ...]

    def __post_init__(self) -> None:
        for array in self.arrays:
            assert array.ndim == 1, array.shape
            array.flags.writeable = False
