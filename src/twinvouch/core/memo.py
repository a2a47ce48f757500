"""Memo: what a rule of gate 1 remembers between batches; the engine keeps and stores it without knowing its meaning."""

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
_KEPT = (int, float, np.ndarray)


@dataclass(frozen=True, slots=True, eq=False)
class Memo:
    """`about` says what it is about, in the words of the declaration: under another one it means nothing.

    Either `arrays`, of one dimension each, so that they come back from the state store as they went there; or, until
    it is stored, a `value`, which costs nothing to keep: a dataclass of numbers and arrays, or what has `packed()`.
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
        if self.value is None:
            return self.arrays
        arrays: tuple[NDArray[Any], ...] = (
            self.value.packed() if hasattr(self.value, "packed") else pack(self.value)
        )
        return arrays

    def as_value(self, like: T) -> T:
        """The dataclass that it is; `like` has the types, and the width of what has two dimensions."""
        if self.value is None:
            return unpack(like, self.arrays)
        assert type(self.value) is type(like)
        value: T = self.value
        return value


def pack(value: Any) -> tuple[NDArray[Any], ...]:
    """The numbers and arrays among the fields of a dataclass, in order; truth values become bytes."""
    found = []
    for field in dataclasses.fields(value):
        content = getattr(value, field.name)
        if isinstance(content, _KEPT):
            array = np.array(content).reshape(-1)
            found.append(array.view(np.uint8) if array.dtype == np.bool_ else array)
    return tuple(found)


def unpack(like: T, arrays: tuple[NDArray[Any], ...]) -> T:
    """The dataclass again; a field that is neither number nor array is that of `like`."""
    fields = dataclasses.fields(like)  # type: ignore[arg-type]  # T is a dataclass
    left = list(arrays)
    made = {}
    for field in fields:
        template = getattr(like, field.name)
        if not isinstance(template, _KEPT):
            made[field.name] = template
        elif isinstance(template, np.ndarray):
            whole = left.pop(0).astype(template.dtype)  # a copy: what is stored cannot be written
            wide = template.ndim > 1
            made[field.name] = whole.reshape(-1, template.shape[1]) if wide else whole
        else:
            made[field.name] = type(template)(left.pop(0)[0])
    assert not left, len(left)
    return type(like)(**made)
