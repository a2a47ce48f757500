from dataclasses import replace

import pytest

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.inventory import Encoding, Point, Table
from twinvouch.core.word_order import WordOrder
from twinvouch.wire.words import from_words, is_exact, to_words, word_count


def point(encoding: Encoding, scale: float = 1.0, offset: float = 0.0) -> Point:
    return Point("plc-1", 1, Table.HOLDING, 0, encoding, scale, offset)


@pytest.mark.parametrize(
    ("encoding", "value", "words"),
    [
        (Encoding.BIT, 0.0, (0,)),
        (Encoding.BIT, 1.0, (1,)),
        (Encoding.U16, 65_535.0, (0xFFFF,)),
        (Encoding.I16, -1.0, (0xFFFF,)),
        (Encoding.I16, -32_768.0, (0x8000,)),
        (Encoding.U32, 65_536.0, (1, 0)),
        (Encoding.I32, -2.0, (0xFFFF, 0xFFFE)),
        (Encoding.F32, 0.75, (0x3F40, 0)),
        (Encoding.U64, 2.0**48 + 1, (1, 0, 0, 1)),
        (Encoding.I64, -2.0, (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE)),
        (Encoding.F64, 0.75, (0x3FE8, 0, 0, 0)),
        (Encoding.BCD16, 1984.0, (0x1984,)),
        (Encoding.BCD32, 12_345_678.0, (0x1234, 0x5678)),
    ],
)
def test_values_and_words(encoding: Encoding, value: float, words: tuple[int, ...]) -> None:
    assert to_words(value, point(encoding)) == words
    assert from_words(words, point(encoding)) == value
    assert word_count(encoding) == len(words)


def test_scale_and_offset() -> None:
    place = point(Encoding.U16, scale=0.1, offset=-40.0)
    assert to_words(25.0, place) == (650,)
    assert from_words((650,), place) == pytest.approx(25.0)
    assert to_words(25.04, place) == (650,)  # the nearest


@pytest.mark.parametrize(
    ("encoding", "value"),
    [
        (Encoding.BIT, 2.0),
        (Encoding.BIT, -1.0),
        (Encoding.U16, -1.0),
        (Encoding.U16, 65_536.0),
        (Encoding.I16, 32_768.0),
        (Encoding.U32, 2.0**32),
        (Encoding.I32, 2.0**31),
        (Encoding.F32, 1e300),
        (Encoding.U64, 2.0**53 + 2),
        (Encoding.I64, -(2.0**53) - 2),
        (Encoding.BCD16, 10_000.0),
        (Encoding.BCD32, -1.0),
        (Encoding.F32, float("inf")),
        (Encoding.U16, float("nan")),
    ],
)
def test_what_an_encoding_cannot_hold_is_refused(encoding: Encoding, value: float) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        to_words(value, point(encoding))


def test_a_float_register_may_hold_anything() -> None:
    assert from_words((0x7F80, 0), point(Encoding.F32)) == float("inf")
    nan = from_words((0x7FC0, 1), point(Encoding.F32))
    assert nan != nan  # noqa: PLR0124


@pytest.mark.parametrize("words", [(), (1, 2), (65_536,), (-1,)])
def test_other_words_are_malformed(words: tuple[int, ...]) -> None:
    with pytest.raises(MalformedError, match="1 words"):
        from_words(words, point(Encoding.U16))
    with pytest.raises(MalformedError, match="a bit, got 2"):
        from_words((2,), point(Encoding.BIT))


def test_integers_beyond_what_a_double_holds_are_read_and_said_not_to_be_exact() -> None:
    place = point(Encoding.U64)
    exact, beyond = (0x20, 0, 0, 0), (0x20, 0, 0, 1)  # 2^53 and 2^53 + 1
    assert is_exact(exact, place)
    assert from_words(exact, place) == 2.0**53
    assert not is_exact(beyond, place)
    assert from_words(beyond, place) == 2.0**53, "the nearest double, which is another number"


def test_digits_that_are_none_are_not_a_number() -> None:
    value = from_words((0x12A4,), point(Encoding.BCD16))
    assert value != value  # noqa: PLR0124 - NaN


@pytest.mark.parametrize("at", [0, 7, 15])
def test_a_bit_of_a_register_is_read_and_written_alone(at: int) -> None:
    place = replace(point(Encoding.BIT), bit=at)
    assert from_words((0xFFFF,), place) == 1.0
    assert from_words((0xFFFF & ~(1 << at),), place) == 0.0
    assert to_words(1.0, place) == (1 << at,)
    assert to_words(0.0, place) == (0,)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (WordOrder.BIG_ENDIAN, (0x4148, 0x0001)),
        (WordOrder.WORDS_SWAPPED, (0x0001, 0x4148)),
        (WordOrder.BYTES_SWAPPED, (0x4841, 0x0100)),
        (WordOrder.LITTLE_ENDIAN, (0x0100, 0x4841)),
    ],
)
def test_word_orders_are_named_as_the_bytes_come(order: WordOrder, words: tuple[int, ...]) -> None:
    place = replace(point(Encoding.F32), order=order)
    assert from_words(words, place) == pytest.approx(12.5, rel=1e-6)
    assert to_words(from_words(words, place), place) == words
