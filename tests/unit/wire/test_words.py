import pytest

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.inventory import Encoding, Point, Table
from twinvouch.wire.words import from_words, to_words, word_count


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
