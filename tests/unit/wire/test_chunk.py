"""A chunk gives back, bit for bit, what was written, and says where it is damaged."""

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.fuzz.targets import chunk as target
from tests.unit.wire.chunks import ABOUT, rows_of
from twinvouch.core.errors import MalformedError
from twinvouch.wire.chunk import (
    TAIL,
    About,
    Column,
    Footer,
    checked,
    footer_span,
    read_clock,
    read_column,
    read_footer,
    read_reasons,
    write_chunk,
)
from twinvouch.wire.exact import pack_doubles, unpack_doubles
from twinvouch.wire.packed import CHOSEN, DELTA, DELTA2, OFFSET, inflated, pack, unpack

NUMBERS = st.integers(-(2**63), 2**63 - 1)


def footer_of(raw: bytes) -> Footer:
    start, length = footer_span(raw[:8], raw[-TAIL:], len(raw))
    return read_footer(raw[start : start + length], raw[-TAIL:], start)


def part(raw: bytes, footer: Footer, number: int) -> bytes:
    at, size = footer.spans[number]
    return checked(footer, number, raw[at : at + size])


@given(st.lists(NUMBERS, max_size=50) | st.lists(st.integers(-5, 5), max_size=300))
def test_packed_integers_come_back(numbers: list[int]) -> None:
    column = np.array(numbers, np.int64)
    raw = pack(column)
    again, end = unpack(b"xx" + raw, 2, len(numbers))
    assert end == len(raw) + 2
    assert again.tolist() == numbers


@pytest.mark.parametrize(
    ("numbers", "form"),
    [
        (np.arange(0, 10**15, 10**9), DELTA2),
        (np.random.default_rng(1).integers(0, 50, 100_000).cumsum(), DELTA),
        (np.random.default_rng(1).integers(0, 2**20, 100_000), OFFSET),
        (np.random.default_rng(1).choice([3, 10**12, 10**17], 5_000), CHOSEN),
    ],
)
def test_every_form_is_chosen_where_it_is_small(numbers: np.ndarray, form: int) -> None:
    raw = pack(numbers)
    assert raw[0] & 127 == form
    assert (unpack(raw, 0, len(numbers))[0] == numbers).all()


@given(hnp.arrays(np.int64, st.integers(0, 70), elements=NUMBERS).map(lambda a: a.view(np.float64)))
def test_any_bits_of_a_double_come_back(values: np.ndarray) -> None:
    raw = pack_doubles(values)
    again, end = unpack_doubles(raw, 0, len(values))
    assert end == len(raw)
    assert (again.view(np.int64) == values.view(np.int64)).all()


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=200),
    st.integers(0, 12),
    st.lists(st.sampled_from([np.nan, np.inf, -np.inf, -0.0, 1 / 3]), max_size=3),
)
def test_decimals_come_back_among_others(whole: list[int], digits: int, odd: list[float]) -> None:
    values = np.array([*(w / 10.0**digits for w in whole), *odd])
    raw = pack_doubles(values)
    again, _ = unpack_doubles(raw, 0, len(values))
    assert (again.view(np.int64) == values.view(np.int64)).all()


def test_a_few_odd_values_do_not_spoil_a_column_of_decimals() -> None:
    values = np.round(np.random.default_rng(2).normal(20.0, 3.0, 10_000), 2)
    plain = len(pack_doubles(values))
    values[[17, 5_000]] = np.nan, 1 / 3
    assert len(pack_doubles(values)) < plain + 60
    assert plain < 2 * len(values)


@given(
    st.integers(1, 40),
    st.integers(1, 6),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_a_chunk_gives_back_its_rows(rows: int, width: int, seed: int) -> None:
    wrote = rows_of(rows, width, seed)
    about = About("net3", "fast", "edge-1", 3, tuple(f"hall/t{k}" for k in range(width)))
    raw, digest = write_chunk(about, wrote, bytes(16))
    footer = footer_of(raw)
    assert (footer.about, footer.rows, footer.digest) == (about, rows, digest)
    said = wrote.clock
    assert footer.times == (said.t_ns[0], said.t_ns[-1])
    assert footer.entries == (said.entry.min(), said.entry.max())
    clock = read_clock(footer, part(raw, footer, 0))
    for got, told in (
        (clock.t_ns, said.t_ns),
        (clock.received_ns, said.received_ns),
        (clock.entry, said.entry),
        (clock.row, said.row),
    ):
        assert (got == told).all()
    reasons, remarks = read_reasons(footer, part(raw, footer, 1))
    assert reasons == wrote.reasons
    assert remarks.tolist() == wrote.remarks.tolist()
    for k, column in enumerate(wrote.columns):
        assert_same(read_column(footer, part(raw, footer, k + 2)), column)


def assert_same(got: Column, wrote: Column) -> None:
    assert (got.rows == wrote.rows).all()
    assert got.values.view(np.int64).tolist() == wrote.values.view(np.int64).tolist()
    assert (got.quality == wrote.quality).all()
    assert (got.axes == wrote.axes).all()
    assert (got.age_ns == wrote.age_ns).all()
    assert got.remarks.tolist() == wrote.remarks.tolist()
    assert got.reasons == wrote.reasons


def test_one_tag_is_read_without_the_bytes_of_the_others() -> None:
    wrote = rows_of(500, 5, 1)
    about = About("net3", "fast", "edge-1", 3, tuple(f"hall/t{k}" for k in range(5)))
    raw = write_chunk(about, wrote, bytes(16))[0]
    footer = footer_of(raw)
    at, size = footer.spans[4]
    blank = bytearray(len(raw))
    blank[at : at + size] = raw[at : at + size]
    column = read_column(footer, checked(footer, 4, bytes(blank[at : at + size])))
    assert_same(column, wrote.columns[2])


def test_a_changed_byte_anywhere_is_told_and_never_read() -> None:
    raw = target.WHOLE
    for place in range(len(raw)):
        damaged = raw[:place] + bytes((raw[place] ^ 0x40,)) + raw[place + 1 :]
        with pytest.raises(MalformedError):
            target._read_whole(damaged)


def test_a_cut_file_is_told() -> None:
    for end in range(len(target.WHOLE)):
        with pytest.raises(MalformedError):
            target._read_whole(target.WHOLE[:end])


def test_a_damaged_part_is_named() -> None:
    footer = footer_of(target.WHOLE)
    with pytest.raises(MalformedError, match="byte 8: part `rows` is damaged"):
        checked(footer, 0, b"other")
    with pytest.raises(MalformedError, match="part `hall/pump` is damaged"):
        checked(footer, 3, b"other")


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes_are_malformed_or_numbers(raw: bytes) -> None:
    target.one(b"p" + raw)
    target.one(b"c" + raw)
    target.one(raw)


def test_a_small_stream_that_says_it_is_large_costs_no_memory() -> None:
    bomb = pack(np.zeros(2, np.int64))[:1]
    assert bomb == b"\x00"
    import zlib

    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    large = deflater.compress(bytes(10**7)) + deflater.flush()
    with pytest.raises(MalformedError):
        inflated(large, 1_000, 0)


def test_what_is_stored_may_be_sealed_part_by_part() -> None:
    def seal(plain: bytes) -> bytes:
        return b"!" + bytes(b ^ 0x55 for b in plain)

    def opened(stored: bytes) -> bytes:
        return bytes(b ^ 0x55 for b in stored[1:])

    wrote = rows_of(20, 2, 5)
    raw, digest = write_chunk(ABOUT, wrote, bytes(16), seal)
    start, length = footer_span(raw[:8], raw[-TAIL:], len(raw))
    footer = read_footer(raw[start : start + length], raw[-TAIL:], start, opened)
    assert digest == sha256(raw[start : start + length]).digest() == footer.digest
    at, size = footer.spans[3]
    column = read_column(footer, opened(checked(footer, 3, raw[at : at + size])))
    assert_same(column, wrote.columns[1])
