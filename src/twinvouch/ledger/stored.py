"""Reads back what entries of batches say and name: the entry itself, the blobs of its label and its findings.

The writers are in entry.py. Blobs come from our own store, named by their digest: what does not fit is damage.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.errors import MalformedError
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.kind import VERSION, Kind
from twinvouch.core.label import AXES
from twinvouch.wire.cbor import decode, scalars_at

_ENTRIES: Final = {
    bytes((v, 0x18, Kind.ENTRY_BATCH)) for v in (1, 2)
}  # behind the head of the array


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """An entry of an admitted batch: its place, what it commits to and the digests of its blobs (None: it has none)."""

    index: int
    now_ns: int
    committed: bytes
    group: str
    rows: int
    columns: int
    findings: bytes | None
    label: bytes | None


def time_of(raw: bytes) -> int:
    """When an entry of any kind was made."""
    (_, _, _, now_ns), _ = scalars_at(raw, 1, 4)
    assert type(now_ns) is int, raw[:40]
    return now_ns


def batch_entry(index: int, raw: bytes) -> BatchEntry | None:
    """The entry where it is one of a batch, else None."""
    if raw[1:4] not in _ENTRIES:
        return None
    content: Any = decode(raw)
    now_ns, committed, _, _, _, _, group, rows, columns, _, _, findings, label = content[3:16]
    return BatchEntry(index, now_ns, committed, group, rows, columns, findings, label)


def history_entry(raw: bytes) -> tuple[str, bytes] | None:
    """What was done to the history and the digest, where the entry says so, else None."""
    content: Any = decode(raw)
    if content[:2] != [VERSION, Kind.ENTRY_HISTORY]:
        return None
    return content[5], content[9]


def label_of(stored: bytes, rows: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Axes uint8[4, R, K] and `fresh_until` as age int64[R, K] of a batch of R rows; MalformedError."""
    content: Any = decode(stored)
    if not isinstance(content, list) or content[0] not in {1, 2}:
        raise MalformedError("label: expected [1 or 2, rows, columns, ...]")
    if content[0] == 1:
        _, told, width, axes, ages = content
        shape = (AXES, rows, width)
        return (
            np.broadcast_to(axes.reshape(AXES, told, width), shape),
            np.broadcast_to(ages.reshape(told, width), shape[1:]),
        )
    _, told, width, places, axes, ages = content
    whole = np.zeros((AXES, told * width), np.uint8)
    whole[:, places] = axes.reshape(AXES, -1)
    age_ns = np.zeros(told * width, np.int64)
    age_ns[places] = ages
    return whole.reshape(AXES, told, width), age_ns.reshape(told, width)


def findings_of(stored: bytes, salt: bytes) -> tuple[Finding, ...]:
    """The findings of a blob under the salt of their event, in the order the rules spoke; MalformedError."""
    content: Any = decode(stored[len(salt) :], items=len(stored))
    if not stored.startswith(salt) or not isinstance(content, list):
        raise MalformedError("findings: expected the salt of their event, then an array")
    return tuple(_finding(*told) for told in content)


def _finding(rule: str, subject: str, severity: int, sentence: str, *rest: Any) -> Finding:
    technique, evidence, rows, first_row = rest
    numbers = tuple((name, value) for name, value in evidence)
    return Finding(rule, subject, Severity(severity), sentence, technique, numbers, rows, first_row)
