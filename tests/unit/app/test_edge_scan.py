"""Planning block reads and decoding their answers."""

from math import inf, isnan
from struct import pack, unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.app.edge_plant import group, point
from twinvouch.app.edge_scan import Block, decode, plan
from twinvouch.core.batch import Quality
from twinvouch.core.inventory import Encoding, Point, Table
from twinvouch.core.word_order import WordOrder
from twinvouch.wire.words import word_count


def f32(value: float) -> list[int]:
    return list(unpack(">HH", pack(">f", value)))


def test_neighbours_are_read_in_one_request_and_gaps_are_not_bridged() -> None:
    scan = plan(group([point(12), point(10, Encoding.F32), point(14), point(13)]))
    assert scan.blocks == {"plc-1": (Block("plc-1", 1, Table.HOLDING, 10, 5),)}
    assert [(c.column, c.at) for c in scan.cells] == [(1, 0), (0, 2), (3, 3), (2, 4)]
    scan = plan(group([point(10), point(12)]))
    assert [b.address for b in scan.blocks["plc-1"]] == [10, 12]


def test_devices_units_and_tables_are_never_mixed() -> None:
    points = [
        point(0),
        point(1, unit=2),
        point(2, device="plc-2"),
        point(3, table=Table.INPUT),
        point(4, Encoding.BIT, table=Table.COIL),
    ]
    scan = plan(group(points))
    assert sorted(scan.blocks) == ["plc-1", "plc-2"]
    assert len(scan.blocks["plc-1"]) == 4
    assert all(b.count == 1 for blocks in scan.blocks.values() for b in blocks)


def test_the_same_register_may_be_read_in_two_ways() -> None:
    scan = plan(group([point(10, Encoding.U32), point(10), point(11)]))
    assert scan.blocks["plc-1"] == (Block("plc-1", 1, Table.HOLDING, 10, 2),)


def test_tags_without_a_point_are_always_missing() -> None:
    scan = plan(group([None, point(5)]))
    row = decode(scan, {scan.cells[0].block: [7]}, t_ns=42)
    assert row.t_ns == 42
    assert row.quality.tolist() == [Quality.MISSING, Quality.GOOD]
    assert row.values[1] == 7


def test_values_are_scaled_and_what_is_not_finite_is_bad() -> None:
    scan = plan(
        group(
            [
                point(0, Encoding.F32, scale=2.0, offset=1.0),
                point(2, Encoding.F32),
                point(4, Encoding.F32),
            ]
        )
    )
    block = scan.blocks["plc-1"][0]
    row = decode(scan, {block: f32(3.5) + f32(float("nan")) + f32(-inf)}, 0)
    assert row.values[0] == 8.0
    assert isnan(row.values[1])
    assert row.values[2] == -inf
    assert row.quality.tolist() == [Quality.GOOD, Quality.BAD, Quality.BAD]


@pytest.mark.parametrize("words", [[], [1], [1, 2, 3, 4, 5][:3], [70_000] * 4, [-1] * 4])
def test_answers_that_are_too_short_or_no_words_are_missing(words: list[int]) -> None:
    scan = plan(group([point(0), point(2, Encoding.U32)], "g"))
    answers = dict.fromkeys(scan.blocks["plc-1"], words)
    row = decode(scan, answers, 0)
    assert row.quality[1] == Quality.MISSING or len(words) >= 2


def test_an_integer_that_no_double_holds_is_uncertain_and_digits_that_are_none_are_bad() -> None:
    scan = plan(
        group(
            [
                point(0, Encoding.U64),
                point(4, Encoding.U64, order=WordOrder.LITTLE_ENDIAN),
                point(8, Encoding.BCD16),
                point(9, Encoding.BIT, bit=3),
            ]
        )
    )
    (block,) = scan.blocks["plc-1"]
    row = decode(scan, {block: [0x20, 0, 0, 1, 0x2A00, 0, 0, 0, 0x1A00, 0x8]}, 0)
    assert row.quality.tolist() == [
        Quality.UNCERTAIN,
        Quality.GOOD,
        Quality.BAD,
        Quality.GOOD,
    ]
    assert row.values.tolist()[:2] == [2.0**53, 42.0]
    assert row.values[3] == 1.0


encodings = st.sampled_from([e for e in Encoding if e is not Encoding.BIT])
registers = st.builds(
    Point,
    st.sampled_from(["a", "b"]),
    st.integers(0, 1),
    st.sampled_from([Table.HOLDING, Table.INPUT]),
    st.integers(0, 600),
    encodings,
)
bits = st.builds(
    lambda address: Point("a", 0, Table.COIL, address, Encoding.BIT), st.integers(0, 5_000)
)


@given(st.lists(registers | bits, max_size=300))
def test_every_plan_reads_each_point_once_within_the_protocols_limits(points: list[Point]) -> None:
    scan = plan(group(points))
    assert sorted(c.column for c in scan.cells) == list(range(len(points)))
    needed = {
        (p.device, p.unit, p.table, p.address + i)
        for p in points
        for i in range(word_count(p.encoding))
    }
    read = set()
    for device, blocks in scan.blocks.items():
        for b in blocks:
            assert b.device == device
            assert 1 <= b.count <= (2000 if b.table is Table.COIL else 125)
            read |= {(b.device, b.unit, b.table, b.address + i) for i in range(b.count)}
    assert read == needed
    for cell in scan.cells:
        assert cell.block.address + cell.at == cell.point.address
        assert cell.at + word_count(cell.point.encoding) <= cell.block.count
