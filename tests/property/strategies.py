"""Values, arrays and bytes near valid ones, for the tests of every parser."""

import numpy as np
from hypothesis import strategies as st

from twinvouch.wire import cbor

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64 - 1),
    st.floats(),
    st.floats(width=16),
    st.floats(width=32),
    st.text(max_size=30),
    st.binary(max_size=30),
)
KEYS = st.one_of(st.integers(-(2**64), 2**64 - 1), st.integers(-30, 300), st.text(max_size=3))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=20,
)
ARRAYS = st.builds(
    lambda dtype, raw: np.frombuffer(raw[: len(raw) // 8 * 8], dtype),
    st.sampled_from(list(cbor.DTYPES.values())),
    st.binary(max_size=40),
)
MUTATIONS = st.lists(
    st.tuples(st.sampled_from(["flip", "insert", "delete", "double", "cut"]), st.integers(0), st.binary(min_size=1, max_size=3)),
    min_size=1,
    max_size=3,
)  # fmt: skip


def mutated(raw: bytes, mutations: list[tuple[str, int, bytes]]) -> bytes:
    """Bytes near valid ones."""
    for kind, place, new in mutations:
        at = place % (len(raw) + 1)
        if kind == "flip" and raw:
            at %= len(raw)
            raw = raw[:at] + bytes((raw[at] ^ (new[0] or 1),)) + raw[at + 1 :]
        elif kind == "insert":
            raw = raw[:at] + new + raw[at:]
        elif kind == "delete":
            raw = raw[:at] + raw[at + len(new) :]
        elif kind == "double":
            raw = raw[:at] + raw[max(0, at - len(new)) :]
        elif kind == "cut":
            raw = raw[:at]
    return raw
