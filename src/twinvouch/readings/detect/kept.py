"""What detection remembers between batches, as the arrays of one dimension that a Memo takes, and back."""

import dataclasses
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


def pack(value: Any) -> tuple[NDArray[Any], ...]:
    """The fields of a dataclass of numbers and arrays, in order; truth values become bytes."""
    found = []
    for field in dataclasses.fields(value):
        array = np.array(getattr(value, field.name)).reshape(-1)
        found.append(array.view(np.uint8) if array.dtype == np.bool_ else array)
    return tuple(found)


def unpack(like: T, arrays: tuple[NDArray[Any], ...]) -> T:
    """The dataclass again; `like` has the types, and the width of what has two dimensions."""
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
