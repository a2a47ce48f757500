"""The verifier's own CBOR reader agrees with what twinvouch writes, and takes one encoding of a value only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.errors import MalformedError
from twinvouch.verifier import cbor
from twinvouch.wire.cbor import decode, encode

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64 - 1),
    st.floats(allow_nan=False),
    st.binary(max_size=40),
    st.text(max_size=20),
)


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4), max_leaves=20))
def test_what_is_written_reads_back(value: cbor.Item) -> None:
    raw = encode(value)
    found = cbor.decode(raw)
    assert encode(found) == raw


@pytest.mark.parametrize(
    "dtype", ["u1", "<u2", "<u4", "<u8", "i1", "<i2", "<i4", "<i8", "<f4", "<f8"]
)
def test_typed_arrays_read_back(dtype: str) -> None:
    array = np.array([0, 1, 100], dtype)
    found = cbor.decode(encode([array]))
    assert isinstance(found, list)
    assert isinstance(found[0], cbor.Typed)
    assert found[0].values == (0, 1, 100)


@given(st.binary(max_size=60))
def test_any_bytes_read_as_twinvouch_reads_them_or_not_at_all(raw: bytes) -> None:
    """What this takes the product's reader takes too: neither is looser."""
    try:
        cbor.decode(raw)
    except cbor.CborError:
        return
    try:
        decode(raw)
    except MalformedError as error:
        pytest.fail(f"{raw.hex()}: {error}")


@pytest.mark.parametrize(
    "raw",
    ["", "1817", "1900ff", "a0", "5f", "ff", "fb3ff0000000000000", "f97e01", "61ff", "8200", "00 00", "d84143000000"],
)  # fmt: skip
def test_other_encodings_are_refused(raw: str) -> None:
    with pytest.raises(cbor.CborError):
        cbor.decode(bytes.fromhex(raw))


def test_depth_is_bounded() -> None:
    with pytest.raises(cbor.CborError, match="levels"):
        cbor.decode(b"\x81" * 100 + b"\x00")
