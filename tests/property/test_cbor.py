"""Deterministic CBOR against cbor2 as the oracle, and against anything at all."""

import math

import cbor2
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.property.strategies import ARRAYS, MUTATIONS, VALUES, mutated
from twinvouch.core.errors import MalformedError
from twinvouch.wire.cbor import Item, Tagged, decode, encode


def oracle(value: object) -> bytes:
    """The canonical encoding, by cbor2 but for the order of keys: it knows only that of RFC 7049."""
    if isinstance(value, list):
        return cbor2.dumps([0] * len(value))[: -len(value) or None] + b"".join(map(oracle, value))
    if isinstance(value, dict):
        pairs = sorted((cbor2.dumps(k, canonical=True), oracle(v)) for k, v in value.items())
        count = cbor2.dumps(dict.fromkeys(range(len(value)), 0))
        head = count[: 1 if len(value) < 24 else 2]
        return head + b"".join(k + v for k, v in pairs)
    return cbor2.dumps(value, canonical=True)


def seen_by_cbor2(value: Item) -> object:
    """What cbor2 makes of the same bytes; NaN as a text, for it is unequal to itself."""
    if isinstance(value, list):
        return [seen_by_cbor2(v) for v in value]
    if isinstance(value, dict):
        return {k: seen_by_cbor2(v) for k, v in value.items()}
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    return value


@given(VALUES)
def test_encoding_is_that_of_the_oracle(value: Item) -> None:
    encoded = encode(value)
    assert encoded == oracle(value)
    assert seen_by_cbor2(decode(encoded)) == seen_by_cbor2(value)
    assert seen_by_cbor2(cbor2.loads(encoded)) == seen_by_cbor2(value)


@given(VALUES)
def test_a_value_has_one_encoding_whatever_the_order_of_its_keys(value: Item) -> None:
    def backwards(value: Item) -> Item:
        if isinstance(value, dict):
            return {k: backwards(v) for k, v in reversed(value.items())}
        return [backwards(v) for v in value] if isinstance(value, list) else value

    assert encode(backwards(value)) == encode(value)


def take(raw: bytes) -> None:
    """Decode; whatever is taken must be the one encoding of what it means."""
    try:
        value = decode(raw)
    except MalformedError:
        return
    assert encode(value) == raw


@given(st.binary(max_size=60))
@example(b"\xd2\x80")
@example(bytes.fromhex("81" * 40))
@example(bytes.fromhex("a1" * 40))
@example(bytes.fromhex("d2" * 40))
@settings(max_examples=250, deadline=None)
def test_any_bytes_are_malformed_or_the_encoding_of_their_value(raw: bytes) -> None:
    take(raw)


@given(VALUES | ARRAYS | st.builds(Tagged, VALUES), MUTATIONS)
@settings(max_examples=250, deadline=None)
def test_so_are_bytes_near_valid_ones(value: Item, mutations: list[tuple[str, int, bytes]]) -> None:
    take(mutated(encode(value), mutations))


@given(VALUES)
def test_what_cbor2_writes_is_taken_as_foreign(value: Item) -> None:
    foreign = cbor2.dumps(value)  # long floats, keys as they come
    assert seen_by_cbor2(decode(foreign, canonical=False)) == seen_by_cbor2(value)


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_foreign_bytes_are_malformed_or_mean_what_cbor2_says(raw: bytes) -> None:
    try:
        value = decode(raw, canonical=False)
    except MalformedError:
        return
    if b"\xd8" not in raw and b"\xd2" not in raw and b"\xd9" not in raw:
        assert seen_by_cbor2(value) == seen_by_cbor2(cbor2.loads(raw))
    encode(value)


@given(ARRAYS)
def test_arrays_come_back_bit_by_bit(array: np.ndarray) -> None:
    back = decode(encode([1, array]))[1]
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()
