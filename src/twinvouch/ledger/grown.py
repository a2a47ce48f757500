"""An array that grows in place: its room doubles, so that appending is cheap and reading is a view."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_FIRST = 1024


class Grown:
    """Rows of `width` values each; a width of 1 is a plain array."""

    __slots__ = ("_room", "_size")

    def __init__(self, dtype: DTypeLike, width: int = 1) -> None:
        self._room: NDArray[Any] = np.empty(_FIRST if width == 1 else (_FIRST, width), dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def array(self) -> NDArray[Any]:
        """What is there: a view, good until the next append."""
        return self._room[: self._size]

    def append(self, row: object) -> None:
        """One more."""
        if self._size == len(self._room):
            more = np.empty_like(self._room)
            self._room = np.concatenate([self._room, more])
        self._room[self._size] = row
        self._size += 1
