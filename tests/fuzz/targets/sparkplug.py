"""Sparkplug payloads: what is taken, the protobuf package reads alike."""

from tests.unit.wire.test_sparkplug import ORACLE, same
from twinvouch.core.errors import MalformedError
from twinvouch.wire.sparkplug import DataType, Metric, Payload, number, read_payload, write_payload

SEEDS = [
    b"",
    write_payload(Payload(1_790_000_000_000, 0, (Metric("bdSeq", datatype=DataType.UINT64, value=3),))),
    write_payload(Payload(1, 255, (Metric("a", 1, 5, DataType.INT8, is_null=True), Metric(alias=2, value=1.5)))),
    write_payload(Payload(1, 7, (Metric("t", datatype=DataType.STRING, value="x"), Metric("b", value=True)))),
    bytes.fromhex("0801120b0a01612007280150ff01" "1801220175" "2a0262 79"),
]  # fmt: skip


def one(raw: bytes) -> None:
    """Read as protobuf reads it, and every metric is a number, none, or refused."""
    try:
        payload = read_payload(raw)
    except MalformedError:
        return
    same(payload, ORACLE.FromString(raw))
    for metric in payload.metrics:
        for datatype in (None, DataType.INT8, DataType.UINT64):
            try:
                value = number(metric, datatype)
            except MalformedError:
                continue
            assert value is None or isinstance(value, float)
