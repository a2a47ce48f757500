from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from tests.unit.wire.samples import PLANT, group_of, header_of, times
from twinvouch.core.batch import Batch, Origin, Quality
from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.inventory import ScanGroup
from twinvouch.core.kind import Kind
from twinvouch.wire import cbor
from twinvouch.wire.batch import columns_digest, read_batch, read_header, write_batch

MIXED = ("f8", "f4", "u2", "f8", "i4", "u1", "u2")


def read(content: bytes, group: ScanGroup, max_cells: int = 1_000) -> Batch:
    header = read_header(content)
    return read_batch(content, sha256(content).digest(), header, group, max_cells)


@pytest.mark.parametrize("kind", [Kind.BATCH, Kind.BATCH_SENML])
@pytest.mark.parametrize("dtypes", [("f8",), ("f8",) * 5, ("f4", "f4"), MIXED])
def test_what_was_written_is_read(kind: Kind, dtypes: tuple[str, ...]) -> None:
    group = group_of(*dtypes)
    values = np.arange(3.0 * len(dtypes)).reshape(3, -1)
    content = write_batch(header_of(group, kind), group, times(3), values)
    batch = read(content, group)
    assert np.array_equal(batch.values, values)
    assert np.array_equal(batch.t_ns, times(3))
    assert not batch.quality.any()
    assert batch.digest == sha256(content).digest()
    assert replace(read_header(content), body=0) == header_of(group, kind)
    assert (batch.plant, batch.origin, batch.group) == (PLANT, Origin.LIVE, "fast")


@pytest.mark.parametrize("dtypes", [("f8", "f8"), ("f8", "u2"), ("u2", "f4")])
def test_missing_cells_are_nan_and_others_keep_their_quality(dtypes: tuple[str, str]) -> None:
    group = group_of(*dtypes)
    quality = np.array([[0, 3], [2, 1]], np.uint8)
    content = write_batch(header_of(group), group, times(2), np.array([[1.0, 2], [3, 4]]), quality)
    batch = read(content, group)
    assert np.array_equal(batch.values, [[1, np.nan], [3, 4]], equal_nan=True)
    assert np.array_equal(batch.quality, quality)


def test_nan_and_infinity_are_data() -> None:
    group = group_of("f8", "f4")
    values = np.array([[np.nan, np.inf], [-np.inf, np.nan], [1e300, 1e300]])
    batch = read(write_batch(header_of(group), group, times(3), values), group)
    assert np.array_equal(
        batch.values, [[np.nan, np.inf], [-np.inf, np.nan], [1e300, np.inf]], equal_nan=True
    )


def test_what_an_integer_column_cannot_hold_is_bad() -> None:
    group = group_of("u2", "u1", "i4")
    values = np.array([[-1.0, 256, 2.5], [70_000, np.nan, np.inf], [1, 2, -3]])
    batch = read(write_batch(header_of(group), group, times(3), values), group)
    assert batch.values.tolist() == [[0, 255, 2], [65_535, 0, 2**31 - 1], [1, 2, -3]]
    bad, good = Quality.BAD, Quality.GOOD
    assert batch.quality.tolist() == [[bad, bad, good], [bad, bad, bad], [good, good, good]]


def test_signalling_nans_are_data_too() -> None:
    group = group_of("f4", "f8", "u2")
    signalling = np.frombuffer(bytes.fromhex("010000000000f07f" * 3), "<f8").reshape(1, 3)
    content = write_batch(header_of(group), group, times(1), signalling)
    assert np.isnan(read(content, group).values[0, :2]).all()
    items = cbor.decode(content)
    items[11][0] = np.frombuffer(bytes.fromhex("0000a07f"), "<f4")
    assert np.isnan(read(cbor.encode(items), group).values[0, :2]).all()


def test_arrays_are_read_only_and_aligned_wherever_they_lie() -> None:
    group = group_of("f8", "f8")
    for length in range(1, 9):
        header = replace(header_of(group), plant="p" * length)
        batch = read(write_batch(header, group, times(2), np.ones((2, 2))), group)
        assert batch.values.flags.aligned
        for array in (batch.t_ns, batch.values, batch.quality):
            assert not array.flags.writeable


def test_too_many_cells_are_refused() -> None:
    group = group_of("f8", "f8")
    content = write_batch(header_of(group), group, times(3), np.ones((3, 2)))
    assert read(content, group, 6).values.size == 6
    with pytest.raises(MalformedError, match=r"1\.\.5 cells"):
        read(content, group, 5)


def test_other_columns_are_refused() -> None:
    group = group_of("f8", "f8")
    content = write_batch(header_of(group), group, times(1), np.ones((1, 2)))
    for other in (group_of("f8", "f4"), group_of("f8"), replace(group, name="slow")):
        with pytest.raises(MalformedError, match="columns"):
            read(content, other)


def test_the_columns_digest_is_of_canonical_cbor() -> None:
    expected = sha256(cbor.encode(["fast", [["a/b", "f8"], ["c/d", "u2"]]])).digest()
    assert columns_digest("fast", ("a/b", "c/d"), ("f8", "u2")) == expected


def forged(group: ScanGroup, changes: dict[int, object], rows: int = 2) -> bytes:
    """A batch with some of its 13 elements exchanged."""
    content = write_batch(header_of(group), group, times(rows), np.ones((rows, len(group.tags))))
    items = cbor.decode(content)
    assert isinstance(items, list)
    return cbor.encode([changes.get(k, item) for k, item in enumerate(items)])


@pytest.mark.parametrize(
    ("element", "value"),
    [
        (0, 2),  # version
        (1, 3),  # kind
        (2, ""),
        (2, 7),
        (3, "x" * 201),
        (3, "a\nb"),
        (4, -1),
        (5, 2**63),
        (5, 1.0),
        (6, bytes(31)),
        (7, 4),  # origin
        (8, b"fast"),
        (9, bytes(33)),
        (10, times(3)),
        (10, np.arange(2.0)),
        (10, np.arange(2, dtype=np.uint64)),
        (10, np.empty(0, np.int64)),
        (10, [1, 2]),
        (11, [np.ones(4)]),
        (11, [np.ones(2), np.ones(2, np.float32), np.ones(2)]),
        (11, [np.ones(2, np.float32), np.ones(2)]),
        (11, [np.ones(2), np.ones(3, np.float32)]),
        (11, [np.ones(2), np.ones(2, ">f4").astype("<i4")]),
        (11, np.ones(4)),
        (12, np.zeros(3, np.uint8)),
        (12, np.full(4, 4, np.uint8)),
        (12, np.zeros(4, np.int8)),
        (12, False),
        (12, bytes(4)),
    ],
)
def test_a_batch_with_one_wrong_element_is_malformed(element: int, value: object) -> None:
    group = group_of("f8", "f4")
    with pytest.raises(MalformedError):
        read(forged(group, {element: value}), group)


def test_every_truncation_and_extension_is_malformed() -> None:
    group = group_of(*MIXED)
    quality = np.ones((1, len(MIXED)), np.uint8)
    for kind, told in ((Kind.BATCH, quality), (Kind.BATCH, None), (Kind.BATCH_SENML, None)):
        content = write_batch(header_of(group, kind), group, times(1), np.ones((1, 7)), told)
        for end in range(len(content)):
            with pytest.raises(MalformedError):
                read(content[:end], group)
        with pytest.raises(MalformedError):
            read(content + b"\xf6", group)


def test_misuse_is_an_error() -> None:
    group = group_of("f8", "f8")
    header = header_of(group)
    for rows, values in ((2, np.ones((3, 2))), (3, np.ones((3, 1))), (0, np.ones((0, 2)))):
        with pytest.raises(UsageError, match="cells"):
            write_batch(header, group, times(rows), values)
    with pytest.raises(UsageError, match="cells"):
        write_batch(header, group, times(1), np.ones((1, 2)), np.zeros((1, 3), np.uint8))
    with pytest.raises(UsageError, match="header"):
        write_batch(replace(header, columns=bytes(32)), group, times(1), np.ones((1, 2)))
    with pytest.raises(UsageError, match="cannot be written"):
        write_batch(replace(header, plant=""), group, times(1), np.ones((1, 2)))
    with pytest.raises(UsageError, match="no place"):
        write_batch(
            header_of(group, Kind.BATCH_SENML),
            group,
            times(1),
            np.ones((1, 2)),
            np.ones((1, 2), np.uint8),
        )
