"""A detector as files: what was learned, as arrays of numbers by name and plain data, and back.

The types of the dataclasses say what is expected where; anything else is refused. A stored array holds finite
numbers only (gate 2 takes no others), so infinity stands as the largest number.
"""

import dataclasses
from collections.abc import Mapping
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.errors import MalformedError
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.rolling import LONGEST
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import begin

_LARGEST: Final = np.finfo(np.float64).max
Arrays = dict[str, NDArray[Any]]
MOST_ITEMS: Final = 1_000_000


def write(value: Any) -> tuple[Any, Arrays]:
    """Plain data and arrays of a dataclass made of numbers, texts, tuples, mappings, arrays and such dataclasses."""
    arrays: Arrays = {}
    return _put(value, arrays), arrays


def read(kind: Any, plain: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """The dataclass `kind` again; MalformedError where something else is stored."""
    return _take(kind, plain, arrays, kind.__name__)


def _put(value: Any, arrays: Arrays) -> Any:
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        bounded = np.clip(value, -_LARGEST, _LARGEST) if value.dtype.kind == "f" else value
        arrays[name] = bounded
        return name
    if dataclasses.is_dataclass(value):
        return {f.name: _put(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return [[_put(k, arrays), _put(v, arrays)] for k, v in value.items()]
    if isinstance(value, tuple):
        return [_put(item, arrays) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    assert isinstance(value, bool | int | float | str), type(value)
    return value


def _take(kind: Any, plain: Any, arrays: Mapping[str, NDArray[Any]], where: str) -> Any:
    origin = get_origin(kind)
    if origin is np.ndarray:
        return _array(kind, plain, arrays, where)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, plain, arrays, where)
    if origin is tuple or (origin is not None and issubclass(origin, Mapping)):
        return _items(kind, plain, arrays, where)
    assert not isinstance(kind, UnionType), kind
    fits = isinstance(plain, kind) and (kind is not int or not isinstance(plain, bool))
    if kind is float and isinstance(plain, int) and not isinstance(plain, bool):
        return float(plain)
    if not fits:
        raise MalformedError(f"{where}: expected {kind.__name__}, got {type(plain).__name__}")
    return plain


def _dataclass(kind: Any, plain: Any, arrays: Mapping[str, NDArray[Any]], where: str) -> Any:
    hints = get_type_hints(kind)
    if not isinstance(plain, dict) or set(plain) != set(hints):
        raise MalformedError(f"{where}: expected the fields {', '.join(hints)}")
    return kind(**{n: _take(h, plain[n], arrays, f"{where}.{n}") for n, h in hints.items()})


def _items(kind: Any, plain: Any, arrays: Mapping[str, NDArray[Any]], where: str) -> Any:
    if not isinstance(plain, list) or len(plain) > MOST_ITEMS:
        raise MalformedError(f"{where}: expected a list")
    of = get_args(kind)
    if get_origin(kind) is not tuple:
        pair = tuple.__class_getitem__(of)
        return dict(_take(pair, p, arrays, f"{where}[{n}]") for n, p in enumerate(plain))
    if len(of) == 2 and of[1] is Ellipsis:
        of = (of[0],) * len(plain)
    if len(of) != len(plain):
        raise MalformedError(f"{where}: expected {len(of)} items, got {len(plain)}")
    return tuple(
        _take(k, item, arrays, f"{where}[{n}]")
        for n, (k, item) in enumerate(zip(of, plain, strict=True))
    )


def _array(kind: Any, plain: Any, arrays: Mapping[str, NDArray[Any]], where: str) -> NDArray[Any]:
    wanted = np.dtype(get_args(get_args(kind)[1])[0])
    found = arrays.get(plain) if isinstance(plain, str) else None
    if found is None or found.dtype != wanted:
        raise MalformedError(f"{where}: expected an array of {wanted}")
    if wanted.kind != "f":
        return found
    unbounded = np.where(np.abs(found) >= _LARGEST, np.copysign(np.inf, found), found)
    return unbounded.astype(wanted)


def check(learned: Learned) -> None:
    """Try a model out on some rows, and one alone: MalformedError where its parts do not fit together."""
    columns = learned.columns
    width, rows = len(columns.ids), LONGEST + 2
    try:
        assert columns.period_ns > 0
        assert len(set(columns.ids)) == width
        t_ns = np.arange(1, rows + 1) * columns.period_ns
        values = np.tile(columns.mean, (rows, 1))
        assert len({len(clock.state) for clock in learned.clocks}) <= 1
        scorer = Scorer(learned)
        state, _ = scorer.score(begin(learned), t_ns[:-1], values[:-1])
        state, _ = scorer.score(state, t_ns[-1:], values[-1:])
        assert len(state.alarm) == width
    except (AssertionError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        why = f"its parts do not fit together ({type(error).__name__}: {error})"
        raise MalformedError(why) from None
