"""Sparkplug B payloads: a strict reader and a writer of the protobuf message, without protobuf.

Source: Eclipse Sparkplug 3.0.0, section 6.4 and its `sparkplug_b.proto`. Read are what readings need: of the
payload timestamp, seq and metrics; of a metric name, alias, timestamp, datatype, the three flags and the
value. Everything else (properties, data sets, templates, extensions) is stepped over as bytes, so nothing
nests here and nothing recurses. Stricter than protobuf: a field that is read comes at most once and in its own wire
type, numbers are in their shortest form and fit their type, groups are refused, text is UTF-8. Version 2.2 differs in nothing read here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from struct import Struct, pack
from typing import Final, TypeAlias

from twinvouch.core.errors import MalformedError, UsageError

MAX_PAYLOAD: Final = 1 << 20
MAX_METRICS: Final = 10_000
MAX_NAME: Final = 1_000  # bytes of a metric's name
SEQ: Final = 256  # sequence numbers go round at
_U32, _U64 = (1 << 32) - 1, (1 << 64) - 1
_FLOAT, _DOUBLE = Struct("<f"), Struct("<d")
_VARINT, _FIXED64, _OCTETS, _FIXED32 = 0, 1, 2, 5

Value: TypeAlias = "int | float | bool | str | None"


class DataType(IntEnum):
    """Datatypes of metrics whose values are single numbers or text; others are known as numbers only."""

    UNKNOWN = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14


_SIGNED: Final = {
    DataType.INT8: 8,
    DataType.INT16: 16,
    DataType.INT32: 32,
    DataType.INT64: 64,
}
_UNSIGNED: Final = {
    DataType.UINT8: 8,
    DataType.UINT16: 16,
    DataType.UINT32: 32,
    DataType.UINT64: 64,
    DataType.DATETIME: 64,
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it stands on the wire. `value` is raw: `number` gives what it means by its datatype.

    A value that is no single number or text (bytes, data set, template) is None with `is_other`.
    """

    name: str | None = None
    alias: int | None = None
    timestamp: int | None = None  # ms since 1970
    datatype: int | None = None
    is_historical: bool = False
    is_transient: bool = False
    is_null: bool = False
    value: Value = None
    is_other: bool = False


@dataclass(frozen=True, slots=True)
class Payload:
    """A whole message; `timestamp` in ms since 1970, `seq` 0..255 where there is one."""

    timestamp: int | None = None
    seq: int | None = None
    metrics: tuple[Metric, ...] = ()

    def metric(self, name: str) -> Metric | None:
        """The first metric of this name."""
        return next((m for m in self.metrics if m.name == name), None)


def read_payload(raw: bytes) -> Payload:
    """The payload in these bytes; MalformedError for anything else."""
    if len(raw) > MAX_PAYLOAD:
        raise MalformedError(f"sparkplug: {len(raw)} bytes, limit is {MAX_PAYLOAD}")
    timestamp = seq = None
    metrics: list[Metric] = []
    at, end = 0, len(raw)
    while at < end:
        key, at = _varint(raw, at, end)
        if key == 0x12:  # metrics: field 2, bytes
            start, at = _span(raw, at, end)
            if len(metrics) == MAX_METRICS:
                raise MalformedError(f"sparkplug: more than {MAX_METRICS} metrics")
            metrics.append(_metric(raw, start, at))
        elif key == 0x08 and timestamp is None:
            timestamp, at = _varint(raw, at, end)
        elif key == 0x18 and seq is None:
            seq, at = _varint(raw, at, end)
            if seq >= SEQ:
                raise MalformedError(f"sparkplug: `seq`: expected 0..{SEQ - 1}, got {seq}")
        elif key >> 3 in {1, 2, 3}:
            raise MalformedError(
                f"sparkplug: field {key >> 3} of the payload twice or in a wrong type"
            )
        else:
            at = _step_over(raw, at, end, key)
    return Payload(timestamp, seq, tuple(metrics))


def number(metric: Metric, datatype: int | None) -> float | None:
    """What a metric says as a number, by the datatype of its birth; None where it says none.

    Signed integers are two's complement, of their own width or sign-extended to that of their field: both
    are written in the field. MalformedError where the value is not one of its datatype.
    """
    value = metric.value
    if metric.is_null or metric.is_other or value is None or isinstance(value, str):
        return None
    known = metric.datatype if metric.datatype is not None else datatype
    if isinstance(value, bool | float):
        return float(value)
    bits = _SIGNED.get(known or 0)  # type: ignore[call-overload]
    if bits is not None:
        return float(_signed(value, bits))
    bits = _UNSIGNED.get(known or 0)  # type: ignore[call-overload]
    if bits is not None and value >> bits:
        raise MalformedError(f"sparkplug: {value} does not fit datatype {known}")
    if known == DataType.BOOLEAN and value > 1:
        raise MalformedError(f"sparkplug: {value} is no boolean")
    return float(value)


def _signed(value: int, bits: int) -> int:
    low = value & ((1 << bits) - 1)
    signed = low - (1 << bits) if low >> (bits - 1) else low
    for width in (bits, 32, 64):
        if width >= bits and value == signed & ((1 << width) - 1):
            return signed
    raise MalformedError(f"sparkplug: {value} does not fit {bits} bits with a sign")


def _metric(raw: bytes, at: int, end: int) -> Metric:
    """The metric at at..end."""
    found: dict[int, int | float | str] = {}
    is_other = False
    while at < end:
        key, at = _varint(raw, at, end)
        field = key >> 3
        value: int | float | str
        if key in _NUMBERS:
            value, at = _varint(raw, at, end)
            if value > _NUMBERS[key]:
                raise MalformedError(f"sparkplug: field {field} of a metric: {value} is too large")
        elif key in {0x0A, 0x7A}:  # name, string_value
            start, at = _span(raw, at, end)
            value = _text(raw, start, at)
            if key == 0x0A and at - start > MAX_NAME:
                raise MalformedError(
                    f"sparkplug: a name of {at - start} bytes, limit is {MAX_NAME}"
                )
        elif key == 0x65:  # float_value
            value, at = _FLOAT.unpack(_take(raw, at, end, 4))[0], at + 4
        elif key == 0x69:  # double_value
            value, at = _DOUBLE.unpack(_take(raw, at, end, 8))[0], at + 8
        elif field <= 7 or 10 <= field <= 15 or (field <= 19 and key & 7 != _OCTETS):
            raise MalformedError(f"sparkplug: field {field} of a metric in a wrong type")
        else:
            at = _step_over(raw, at, end, key)
            is_other = is_other or 16 <= field <= 19
            continue
        if field in found:
            raise MalformedError(f"sparkplug: field {field} of a metric twice")
        found[field] = value
    return _made(found, is_other=is_other)


def _made(found: dict[int, int | float | str], *, is_other: bool) -> Metric:
    values = [found[f] for f in range(10, 16) if f in found]
    if len(values) + is_other > 1:
        raise MalformedError("sparkplug: a metric with two values")
    value: Value = values[0] if values else None
    if 14 in found:
        value = bool(found[14])
    return Metric(
        name=found.get(1),  # type: ignore[arg-type]
        alias=found.get(2),  # type: ignore[arg-type]
        timestamp=found.get(3),  # type: ignore[arg-type]
        datatype=found.get(4),  # type: ignore[arg-type]
        is_historical=bool(found.get(5)),
        is_transient=bool(found.get(6)),
        is_null=bool(found.get(7)),
        value=value,
        is_other=is_other,
    )


# the keys of a metric's varint fields, and the largest number each may hold
_NUMBERS: Final = {
    0x10: _U64,  # alias
    0x18: _U64,  # timestamp
    0x20: _U32,  # datatype
    0x28: 1,  # is_historical
    0x30: 1,  # is_transient
    0x38: 1,  # is_null
    0x50: _U32,  # int_value
    0x58: _U64,  # long_value
    0x70: 1,  # boolean_value
}


def _varint(raw: bytes, at: int, end: int) -> tuple[int, int]:
    """A number of at most 64 bits in its shortest form, and where it ends."""
    value = shift = 0
    while at < end and shift < 70:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value > _U64 or (byte == 0 and shift):
                break
            return value, at
        shift += 7
    raise MalformedError(
        f"sparkplug: byte {at}: a number that does not end, or is longer than it needs"
    )


def _span(raw: bytes, at: int, end: int) -> tuple[int, int]:
    """Where the bytes whose length stands at `at` begin and end."""
    length, at = _varint(raw, at, end)
    if length > end - at:
        raise MalformedError(f"sparkplug: byte {at}: {length} bytes announced, {end - at} are left")
    return at, at + length


def _take(raw: bytes, at: int, end: int, length: int) -> bytes:
    if length > end - at:
        raise MalformedError(f"sparkplug: byte {at}: ends inside a value")
    return raw[at : at + length]


def _text(raw: bytes, start: int, end: int) -> str:
    try:
        return raw[start:end].decode()
    except UnicodeDecodeError:
        raise MalformedError(f"sparkplug: byte {start}: text that is not UTF-8") from None


def _step_over(raw: bytes, at: int, end: int, key: int) -> int:
    """The end of a field that is not read."""
    kind = key & 7
    if key >> 3 == 0 or key > _U32:
        raise MalformedError(f"sparkplug: byte {at}: field number {key >> 3}")
    if kind == _VARINT:
        return _varint(raw, at, end)[1]
    if kind == _OCTETS:
        return _span(raw, at, end)[1]
    if kind in {_FIXED64, _FIXED32}:
        length = 8 if kind == _FIXED64 else 4
        _take(raw, at, end, length)
        return at + length
    raise MalformedError(f"sparkplug: byte {at}: wire type {kind}")


def write_payload(payload: Payload) -> bytes:
    """The bytes of a payload, for tests and the lab; UsageError where its own reader would not take it."""
    parts = []
    if payload.timestamp is not None:
        parts += [b"\x08", _put(payload.timestamp)]
    for metric in payload.metrics:
        body = _metric_bytes(metric)
        parts += [b"\x12", _put(len(body)), body]
    if payload.seq is not None:
        parts += [b"\x18", _put(payload.seq)]
    raw = b"".join(parts)
    try:
        read_payload(raw)
    except MalformedError as error:
        raise UsageError(f"cannot be written: {error}") from None
    return raw


def _metric_bytes(m: Metric) -> bytes:
    parts: list[bytes] = []
    if m.name is not None:
        text = m.name.encode()
        parts += [b"\x0a", _put(len(text)), text]
    numbers = (
        (0x10, m.alias),
        (0x18, m.timestamp),
        (0x20, m.datatype),
        (0x28, m.is_historical or None),
        (0x30, m.is_transient or None),
        (0x38, m.is_null or None),
    )
    parts += [bytes((key,)) + _put(int(value)) for key, value in numbers if value is not None]
    if m.value is not None:
        parts.append(_value_bytes(m.value, m.datatype))
    return b"".join(parts)


def _value_bytes(value: float | str, datatype: int | None) -> bytes:
    if isinstance(value, bool):
        return b"\x70" + _put(int(value))
    if isinstance(value, str):
        return b"\x7a" + _put(len(value.encode())) + value.encode()
    if isinstance(value, float):
        single = datatype == DataType.FLOAT and (not isfinite(value) or abs(value) < 3.4e38)
        return b"\x65" + pack("<f", value) if single else b"\x69" + pack("<d", value)
    is_long = datatype in {DataType.INT64, DataType.UINT64, DataType.DATETIME} or value > _U32
    return (b"\x58" if is_long else b"\x50") + _put(value)


def _put(value: int) -> bytes:
    """A varint; UsageError for what has none."""
    if not 0 <= value <= _U64:
        raise UsageError(f"expected 0..2**64-1, got {value}")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def named(values: Sequence[tuple[str, Value]], datatype: int, timestamp: int) -> tuple[Metric, ...]:
    """Metrics of one datatype and time, for births in tests and the lab."""
    return tuple(
        Metric(name=name, timestamp=timestamp, datatype=datatype, value=value)
        for name, value in values
    )
