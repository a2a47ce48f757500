"""Rows of what the past of actuators is judged by: permits one by one, until when some are forgotten, and what is steady."""

from typing import Any

from twinvouch.core.context import ActuatorWrite
from twinvouch.engine.memory import Memory
from twinvouch.wire.cbor import decode, encode


def write_forgotten(m: Memory, _: str) -> bytes:
    """Until when permits may be missing."""
    return encode([1, m.past.forgotten_ns, m.past.forgotten])


def read_forgotten(m: Memory, _: str, raw: bytes) -> None:
    """The inverse of `write_forgotten`."""
    content: Any = decode(raw)
    version, m.past.forgotten_ns, m.past.forgotten = content
    assert version == 1, version
    m.dirty.discard("forgotten")  # which a memory that begins with nothing has to store


def write_permit(m: Memory, ident: str) -> bytes | None:
    """One permit as it is remembered; None where it is not any more."""
    tag, _, permit = ident.rpartition("/")
    w = next((w for w in m.past.writes.get(tag, ()) if w.permit == int(permit)), None)
    if w is None:
        return None
    times = (w.issued_ns, w.expires_ns, w.spent_ns)
    return encode([1, w.value, *times, w.is_over, w.is_void, list(w.before)])


def read_permit(m: Memory, ident: str, raw: bytes) -> None:
    """The inverse of `write_permit`."""
    tag, _, permit = ident.rpartition("/")
    content: Any = decode(raw)
    version, value, issued, expires, spent, is_over, is_void, before = content
    assert version == 1, version
    write = ActuatorWrite(
        tag, value, issued, expires, spent, is_over, int(permit), is_void, tuple(before)
    )
    m.past.writes[tag] = (*m.past.writes.get(tag, ()), write)


def read_steady(m: Memory, _: str, raw: bytes) -> None:
    """Since when tags are where sequences want them; what no sequence asks for any more is forgotten."""
    content: Any = decode(raw)
    version, steady = content
    assert version == 1, version
    m.past.take_steady(steady)


def upgrade(m: Memory) -> None:
    """The state is of a version that remembered less: nothing before now counts as complete."""
    m.past.forgotten_ns = m.now_ns
    for record in m.records.values():
        if record.permit_nonce:
            m.dirty |= m.past.add(record.as_write(), m.frame, m.now_ns)
