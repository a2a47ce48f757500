from enum import IntEnum, StrEnum

import numpy as np
import pytest

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.wire import cbor
from twinvouch.wire.cbor import Tagged, decode, encode

# RFC 8949 appendix A, as far as the subset goes.
EXAMPLES = [
    (0, "00"),
    (1, "01"),
    (10, "0a"),
    (23, "17"),
    (24, "1818"),
    (25, "1819"),
    (100, "1864"),
    (1000, "1903e8"),
    (1000000, "1a000f4240"),
    (1000000000000, "1b000000e8d4a51000"),
    (18446744073709551615, "1bffffffffffffffff"),
    (-18446744073709551616, "3bffffffffffffffff"),
    (-1, "20"),
    (-10, "29"),
    (-100, "3863"),
    (-1000, "3903e7"),
    (0.0, "f90000"),
    (-0.0, "f98000"),
    (1.0, "f93c00"),
    (1.1, "fb3ff199999999999a"),
    (1.5, "f93e00"),
    (65504.0, "f97bff"),
    (100000.0, "fa47c35000"),
    (3.4028234663852886e38, "fa7f7fffff"),
    (1.0e300, "fb7e37e43c8800759c"),
    (5.960464477539063e-8, "f90001"),
    (0.00006103515625, "f90400"),
    (-4.0, "f9c400"),
    (-4.1, "fbc010666666666666"),
    (float("inf"), "f97c00"),
    (float("nan"), "f97e00"),
    (-float("inf"), "f9fc00"),
    (False, "f4"),
    (True, "f5"),
    (None, "f6"),
    (b"", "40"),
    (b"\1\2\3\4", "4401020304"),
    ("", "60"),
    ("a", "6161"),
    ("IETF", "6449455446"),
    ('"\\', "62225c"),
    ("\u00fc", "62c3bc"),
    ("\u6c34", "63e6b0b4"),
    ("\U00010151", "64f0908591"),
    ([], "80"),
    ([1, 2, 3], "83010203"),
    ([1, [2, 3], [4, 5]], "8301820203820405"),
    (list(range(1, 26)), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
    ({}, "a0"),
    ({1: 2, 3: 4}, "a201020304"),
    ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
    (["a", {"b": "c"}], "826161a161626163"),
    (Tagged(b""), "d240"),
]


@pytest.mark.parametrize(("value", "encoded"), EXAMPLES)
def test_the_examples_of_the_rfc(value: object, encoded: str) -> None:
    assert encode(value).hex() == encoded
    decoded = decode(bytes.fromhex(encoded))
    assert repr(decoded) == repr(value)  # tells -0.0 from 0.0, 1 from 1.0 and takes NaN for itself


def test_map_keys_are_in_the_order_of_their_bytes() -> None:
    keys = [10, 100, -1, "z", "aa"]  # RFC 8949 section 4.2.1
    assert list(decode(encode(dict.fromkeys(reversed(keys))))) == keys


@pytest.mark.parametrize("dtype", list(cbor.DTYPES.values()), ids=str)
def test_typed_arrays(dtype: np.dtype) -> None:
    values = np.array([0, 1, 100], dtype)
    encoded = encode(values)
    assert encoded[0] == 0xD8
    back = decode(encoded)
    assert back.dtype == dtype
    assert back.tolist() == [0, 1, 100]
    assert not back.flags.writeable
    assert decode(encode(values[:0])).size == 0
    assert not decode(encode(values[:0])).flags.writeable
    assert encode(values.astype(dtype.newbyteorder(">"))) == encoded
    assert encode(np.repeat(values, 2)[::2]) == encoded


def test_the_examples_of_rfc_8746() -> None:
    assert encode(np.array([258], "<u2")).hex() == "d845420201"
    assert encode(np.array([1.5], "<f8")).hex() == "d85648000000000000f83f"


def test_enumerations_and_numpy_integers_are_their_values() -> None:
    class Colour(StrEnum):
        RED = "red"

    class Size(IntEnum):
        LARGE = 3

    assert encode([Colour.RED, Size.LARGE, np.uint8(3), np.float64(1.1)]) == encode(
        ["red", 3, 3, 1.1]
    )


@pytest.mark.parametrize(
    ("encoded", "what"),
    [
        ("", "got the end"),
        ("0000", "expected the end"),
        ("18", "argument, got the end"),
        ("1b00", "argument, got the end"),
        ("1817", "shortest"),
        ("1900ff", "shortest"),
        ("1a0000ffff", "shortest"),
        ("1b00000000ffffffff", "shortest"),
        ("3817", "shortest"),
        ("5801ff", "shortest"),
        ("780161", "shortest"),
        ("980100", "shortest"),
        ("b80100", "shortest"),
        ("d81280", "shortest"),
        ("1c", "definite"),
        ("1f", "definite"),
        ("5f4101ff", "definite"),
        ("9f00ff", "definite"),
        ("bf0000ff", "definite"),
        ("ff", "definite"),
        ("42ff", "expected 2 bytes"),
        ("5bffffffffffffffff", "bytes, got"),
        ("61ff", "UTF-8"),
        ("62c328", "UTF-8"),
        ("63eda080", "UTF-8"),  # a surrogate
        ("8201", "fewer than 2"),
        ("9bffffffffffffffff", "fewer than"),
        ("bbffffffffffffffff", "fewer than"),
        ("a100", "got the end"),
        ("a200000000", "sorted keys"),
        ("a201000000", "sorted keys"),
        ("a2616200616100", "sorted keys"),
        ("a26161000100", "sorted keys"),
        ("a1f600", "key"),
        ("a1f500", "key"),
        ("a1f9000000", "key"),
        ("a14000", "key"),
        ("a18000", "key"),
        ("c000", "no tag 0"),
        ("c249010000000000000000", "no tag 2"),
        ("d81c00", "no tag 28"),
        ("d9d9f700", "no tag 55799"),
        ("d85200", "no tag 82"),  # big-endian double
        ("d85600", "byte string"),
        ("d85647" + 7 * "00", "multiple of 8"),
        ("e0", "float"),
        ("f7", "float"),  # undefined
        ("f3", "float"),
        ("f814", "float"),
        ("f818", "float"),
        ("f8ff", "float"),
        ("f97e01", "shortest"),
        ("f9fe00", "shortest"),
        ("fa3fc00000", "shortest"),
        ("fa7fc00000", "shortest"),
        ("fb3ff8000000000000", "shortest"),
        ("fb7ff0000000000000", "shortest"),
        ("f93c", "argument, got the end"),
        ("81" * 16 + "00", "16 deep"),
    ],
)
def test_all_else_is_malformed(encoded: str, what: str) -> None:
    with pytest.raises(MalformedError, match=what):
        decode(bytes.fromhex(encoded))


def test_messages_name_the_offset() -> None:
    with pytest.raises(MalformedError, match=r"^byte 3: "):
        decode(bytes.fromhex("830102f7"))


def test_depth_16_is_enough() -> None:
    deepest = bytes.fromhex("81" * 15 + "00")
    assert encode(decode(deepest)) == deepest


def test_a_foreign_encoding_is_taken_only_where_it_is_asked_for() -> None:
    long = bytes.fromhex("a2fb3ff800000000000018010118000 0".replace(" ", ""))
    foreign = bytes.fromhex("a2 1801 fb3ff8000000000000 00 f97e01")
    with pytest.raises(MalformedError):
        decode(foreign)
    value = decode(foreign, canonical=False)
    assert value[1] == 1.5
    assert list(value) == [1, 0]
    for refused in (long, bytes.fromhex("a201001801 00".replace(" ", "")), b"\x9f\xff"):
        with pytest.raises(MalformedError):
            decode(refused, canonical=False)


def test_the_number_of_values_is_limited() -> None:
    assert decode(b"\x82\x00\x00", items=3) == [0, 0]
    for items in (0, 1, 2):
        with pytest.raises(MalformedError, match="fewer"):
            decode(b"\x82\x00\x00", items=items)


@pytest.mark.parametrize(
    "value",
    [
        2**64,
        -(2**64) - 1,
        "\ud800",
        object(),
        {1, 2},
        {b"": 1},
        {None: 1},
        {True: 1},
        {1.0: 1},
        1j,
        np.ones((2, 2)),
        np.array(["a"]),
        np.array([True]),
        np.float32(1.5),
        bytearray(b"x"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_encoding_is_an_error(value: object) -> None:
    with pytest.raises(UsageError):
        encode(value)


def test_a_value_that_is_too_deep_is_an_error() -> None:
    value: list = []
    for _ in range(16):
        value = [value]
    with pytest.raises(UsageError, match="deep"):
        encode(value)
    value.append(value)
    with pytest.raises(UsageError, match="deep"):
        encode(value)
