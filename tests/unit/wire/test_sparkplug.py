"""The Sparkplug B payload: against the protobuf package as oracle, and against what is no payload."""

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.wire.sparkplug import (
    MAX_METRICS,
    MAX_PAYLOAD,
    DataType,
    Metric,
    Payload,
    number,
    read_payload,
    write_payload,
)

F = descriptor_pb2.FieldDescriptorProto


def _oracle() -> Any:
    """The message of sparkplug_b.proto that is read here, built at run time for the protobuf package."""
    file = descriptor_pb2.FileDescriptorProto(name="oracle.proto", package="o", syntax="proto2")

    def message(name: str, *fields: tuple[str, int, int, str]) -> None:
        made = file.message_type.add(name=name)
        for field, number_, kind, of in fields:
            label = F.LABEL_REPEATED if of == "*" + of[1:] and of else F.LABEL_OPTIONAL
            made.field.add(
                name=field, number=number_, type=kind, label=label, type_name=of.lstrip("*") or None
            )

    message(
        "Metric",
        ("name", 1, F.TYPE_STRING, ""),
        ("alias", 2, F.TYPE_UINT64, ""),
        ("timestamp", 3, F.TYPE_UINT64, ""),
        ("datatype", 4, F.TYPE_UINT32, ""),
        ("is_historical", 5, F.TYPE_BOOL, ""),
        ("is_transient", 6, F.TYPE_BOOL, ""),
        ("is_null", 7, F.TYPE_BOOL, ""),
        ("metadata", 8, F.TYPE_BYTES, ""),  # stepped over here, so bytes will do
        ("properties", 9, F.TYPE_BYTES, ""),
        ("int_value", 10, F.TYPE_UINT32, ""),
        ("long_value", 11, F.TYPE_UINT64, ""),
        ("float_value", 12, F.TYPE_FLOAT, ""),
        ("double_value", 13, F.TYPE_DOUBLE, ""),
        ("boolean_value", 14, F.TYPE_BOOL, ""),
        ("string_value", 15, F.TYPE_STRING, ""),
        ("bytes_value", 16, F.TYPE_BYTES, ""),
        ("dataset_value", 17, F.TYPE_BYTES, ""),
        ("template_value", 18, F.TYPE_BYTES, ""),
        ("extension_value", 19, F.TYPE_BYTES, ""),
    )
    message(
        "Payload",
        ("timestamp", 1, F.TYPE_UINT64, ""),
        ("metrics", 2, F.TYPE_MESSAGE, "*.o.Metric"),
        ("seq", 3, F.TYPE_UINT64, ""),
        ("uuid", 4, F.TYPE_STRING, ""),
        ("body", 5, F.TYPE_BYTES, ""),
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("o.Payload"))


ORACLE = _oracle()
PLAIN = ("name", "alias", "timestamp", "datatype", "is_historical", "is_transient", "is_null")
VALUES = ("int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value")
OTHERS = ("bytes_value", "dataset_value", "template_value", "extension_value")


def same(mine: Payload, theirs: Any) -> None:
    assert mine.timestamp == (theirs.timestamp if theirs.HasField("timestamp") else None)
    assert mine.seq == (theirs.seq if theirs.HasField("seq") else None)
    assert len(mine.metrics) == len(theirs.metrics)
    for m, t in zip(mine.metrics, theirs.metrics, strict=True):
        for name in PLAIN:
            default = False if name.startswith("is_") else None
            assert getattr(m, name) == (getattr(t, name) if t.HasField(name) else default), name
        value = next((getattr(t, name) for name in VALUES if t.HasField(name)), None)
        assert repr(m.value) == repr(value)
        assert m.is_other == any(t.HasField(name) for name in OTHERS)


U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
VALUE = st.one_of(
    U32.map(lambda v: ("int_value", v)),
    U64.map(lambda v: ("long_value", v)),
    st.floats(width=32).map(lambda v: ("float_value", v)),
    st.floats().map(lambda v: ("double_value", v)),
    st.booleans().map(lambda v: ("boolean_value", v)),
    st.text(max_size=5).map(lambda v: ("string_value", v)),
    st.binary(max_size=5).map(lambda v: ("bytes_value", v)),
    st.just(("dataset_value", b"\x0a\x01x\x10\x03")),
)


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    p = ORACLE()
    if draw(st.booleans()):
        p.timestamp = draw(U64)
    if draw(st.booleans()):
        p.seq = draw(st.integers(0, 255))
    if draw(st.booleans()):
        p.uuid, p.body = "u", b"body"
    for _ in range(draw(st.integers(0, 4))):
        m = p.metrics.add()
        for name, strategy in (("name", st.text(max_size=5)), ("alias", U64), ("timestamp", U64),
                               ("datatype", U32), ("is_historical", st.booleans()),
                               ("is_transient", st.booleans()), ("is_null", st.booleans())):  # fmt: skip
            if draw(st.booleans()):
                setattr(m, name, draw(strategy))
        if draw(st.booleans()):
            m.metadata, m.properties = b"meta", b"\xff"
        if draw(st.booleans()):
            name, value = draw(VALUE)
            setattr(m, name, value)
    return p.SerializeToString()


@given(payloads())
def test_what_protobuf_writes_is_read_as_protobuf_reads_it(raw: bytes) -> None:
    same(read_payload(raw), ORACLE.FromString(raw))


@given(payloads(), st.data())
def test_of_damaged_bytes_nothing_is_taken_that_protobuf_reads_otherwise(
    raw: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(raw or b"\x08\x01")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    try:
        mine = read_payload(cut)
    except MalformedError:
        return
    same(mine, ORACLE.FromString(cut))


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_or_read_as_protobuf_reads_them(raw: bytes) -> None:
    try:
        mine = read_payload(raw)
    except MalformedError:
        return
    same(mine, ORACLE.FromString(raw))


def test_what_is_written_is_read_by_both() -> None:
    metrics = (
        Metric("a", 1, 5, DataType.INT8, is_null=True),
        Metric("b", datatype=DataType.FLOAT, value=1.5),
        Metric("c", datatype=DataType.UINT64, value=2**64 - 1),
        Metric("d", datatype=DataType.STRING, value="text", is_historical=True),
        Metric(alias=2, value=True),
    )
    payload = Payload(7, 255, metrics)
    raw = write_payload(payload)
    assert read_payload(raw) == payload
    same(payload, ORACLE.FromString(raw))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"\x08", "does not end"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "does not end"),
        (b"\x08\x81\x00", "longer than it needs"),
        (b"\x80\xd8\xc1\xa2\x8c\x00\x00", "longer than it needs"),
        (b"\x08\x01\x08\x01", "twice"),
        (b"\x18\x80\x02", "expected 0..255"),
        (b"\x12\x05\x0a", "announced"),
        (b"\x12\x02\x0a\x05", "announced"),
        (b"\x12\x03\x0a\x01\xff", "not UTF-8"),
        (b"\x12\x04\x50\x01\x50\x01", "twice"),
        (b"\x12\x04\x50\x01\x58\x01", "two values"),
        (b"\x12\x02\x70\x02", "too large"),
        (b"\x12\x02\x65\x02", "ends inside"),
        (b"\x12\x02\x08\x02", "wrong type"),
        (b"\x12\x03\x88\x01\x05", "wrong type"),
        (b"\x0a\x00", "wrong type"),
        (b"\x33\x34", "wire type 3"),
        (b"\x00\x00", "field number 0"),
        (bytes(MAX_PAYLOAD + 1), "limit is"),
        (b"\x12\x00" * (MAX_METRICS + 1), "more than"),
        (b"\x12" + b"\xec\x07" + b"\x0a\xe9\x07" + b"x" * 1001, "a name of"),
    ],
)
def test_what_is_no_payload_is_refused_with_the_place(raw: bytes, words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        read_payload(raw)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (Metric(datatype=DataType.INT8, value=0xFF), -1.0),
        (Metric(datatype=DataType.INT8, value=0xFFFFFFFF), -1.0),
        (Metric(datatype=DataType.INT16, value=0x7FFF), 32767.0),
        (Metric(datatype=DataType.INT64, value=2**64 - 2), -2.0),
        (Metric(datatype=DataType.UINT8, value=255), 255.0),
        (Metric(datatype=DataType.BOOLEAN, value=True), 1.0),
        (Metric(datatype=DataType.DOUBLE, value=0.5), 0.5),
        (Metric(datatype=DataType.STRING, value="5"), None),
        (Metric(is_null=True, value=5), None),
        (Metric(is_other=True), None),
        (Metric(), None),
    ],
)
def test_a_metric_means_what_its_datatype_says(metric: Metric, expected: float | None) -> None:
    assert number(metric, None) == expected


def test_the_datatype_of_the_birth_counts_where_data_names_none() -> None:
    assert number(Metric(value=0xFFFF), DataType.INT16) == -1.0
    assert number(Metric(value=0xFFFF), None) == 65535.0


@pytest.mark.parametrize(
    "metric",
    [
        Metric(datatype=DataType.UINT8, value=256),
        Metric(datatype=DataType.INT8, value=0x100),
        Metric(datatype=DataType.BOOLEAN, value=2),
    ],
)
def test_a_value_that_is_none_of_its_datatype_is_refused(metric: Metric) -> None:
    with pytest.raises(MalformedError):
        number(metric, None)


def test_what_cannot_be_written_is_said() -> None:
    with pytest.raises(UsageError, match=r"expected 0\.\.255"):
        write_payload(Payload(seq=256))
    with pytest.raises(UsageError, match="2\\*\\*64"):
        write_payload(Payload(timestamp=-1))
