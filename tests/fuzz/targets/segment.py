"""The event log's records behind a good header: what is read was there, byte for byte, or its place is named."""

import io
from collections.abc import Iterator
from pathlib import Path

from twinvouch.adapters.segment_file import (
    HEADER_SIZE,
    RECORD_HEAD,
    DamageError,
    intact_behind,
    make_header,
    read_header,
    record_head,
    walk,
)

MARK = b"mark"
NAME = Path("00000000000000000005.seg")
RECORDS = [b"", b"one", bytes(40)]
SEEDS = [b"".join(record_head(MARK, 5 + n, n, r) + r for n, r in enumerate(RECORDS))]


def one(raw: bytes) -> None:
    """Walk; where it stops, look behind as a start after a crash does."""
    file = io.BytesIO(make_header(5, MARK) + raw)
    mark, _ = read_header(file, NAME, 5)
    at = 0
    try:
        for number, payload in enumerate_from(file, mark):
            at += RECORD_HEAD
            assert raw[at : at + len(payload)] == payload, number
            at += len(payload)
    except DamageError as damage:
        assert damage.offset == HEADER_SIZE + at
        behind = intact_behind(file, mark, damage)
        assert behind is None or behind.offset > damage.offset
    else:
        assert at == len(raw)


def enumerate_from(file: io.BytesIO, mark: bytes) -> Iterator[tuple[int, bytes]]:
    """The records, whose numbers must have no hole."""
    for expected, (number, payload) in enumerate(walk(file, NAME, mark, 5), 5):
        assert number == expected
        yield number, payload
