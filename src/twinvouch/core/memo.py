"""Memo: what a rule of gate 1 remembers between batches; the engine keeps and stores it without knowing its meaning."""

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Memo:
    """`about` says what it is about, in the words of the declaration: under another one it means nothing.

    Either `arrays`, of one dimension each, so that they come back from the state store as they went there; or, until
    it is stored, a `value`: a dataclass of numbers and arrays, which costs nothing to keep.
    """

    about: str
    arrays: tuple[NDArray[Any], ...] = ()
    value: Any = None

    def __post_init__(self) -> None:
        for array in self.arrays:
            assert array.ndim == 1, array.shape
            array.flags.writeable = False

    def stored(self) -> tuple[NDArray[Any], ...]:
        """The arrays that go into the state store."""
        return self.arrays if self.value is None else pack(self.value)

    def as_value(self, like: T) -> T:
        """The dataclass that it is; `like` has the types, and the width of what has two dimensions."""
        if self.value is None:
            return unpack(like, self.arrays)
        assert type(self.value) is type(like)
        value: T = self.value
        return value


def pack(value: Any) -> tuple[NDArray[Any], ...]:
    """The fields of a dataclass of numbers and arrays, in order; truth values become bytes."""
    found = []
    for field in dataclasses.fields(value):
        array = np.array(getattr(value, field.name)).reshape(-1)
        found.append(array.view(np.uint8) if array.dtype == np.bool_ else array)
    return tuple(found)


def unpack(like: T, arrays: tuple[NDArray[Any], ...]) -> T:
    """The dataclass again."""
    fields = dataclasses.fields(like)  # type: ignore[arg-type]  # T is a dataclass
    assert len(fields) == len(arrays), (len(fields), len(arrays))
    made = {}
    for field, array in zip(fields, arrays, strict=True):
        template = getattr(like, field.name)
        if not isinstance(template, np.ndarray):
            made[field.name] = type(template)(array[0])
            continue
        whole = array.astype(template.dtype)  # a copy: what is stored cannot be written to
        made[field.name] = whole.reshape(-1, template.shape[1]) if template.ndim > 1 else whole
    return type(like)(**made)
