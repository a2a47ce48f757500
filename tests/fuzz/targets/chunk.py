"""Chunks of the history: malformed, or rows that a chunk written from them gives again."""

import numpy as np

from tests.unit.wire.chunks import ABOUT, parts_of, rows_of
from twinvouch.core.errors import MalformedError
from twinvouch.wire.chunk import (
    TAIL,
    Clock,
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
from twinvouch.wire.exact import unpack_doubles
from twinvouch.wire.packed import pack, unpack

WHOLE = write_chunk(ABOUT, rows_of(9, 2, seed=3), bytes(16))[0]
SEEDS = [
    WHOLE,
    b"c" + parts_of(WHOLE)[2],
    b"p" + pack(np.arange(0, 900, 9) ** 2),
    b"p" + pack(np.array([7, 7, 1, 7, 1, 1, 7, 7] * 4)),
]


def one(raw: bytes) -> None:
    """Read everything there is; what cannot be read says so."""
    kind, rest = raw[:1], raw[1:]
    try:
        if kind == b"p":
            numbers, _ = unpack(rest, 0, 32)
            assert len(numbers) == 32
            unpack_doubles(rest, 0, 32)
        elif kind == b"c":
            read_column(_footer(WHOLE), rest)
        else:
            _read_whole(raw)
    except MalformedError:
        return


def _footer(raw: bytes) -> Footer:
    start, length = footer_span(raw[:8], raw[-TAIL:], len(raw))
    return read_footer(raw[start : start + length], raw[-TAIL:], start)


def _read_whole(raw: bytes) -> tuple[Clock, list[Column]]:
    footer = _footer(raw)
    parts = [raw[at : at + size] for at, size in footer.spans]
    parts = [checked(footer, n, part) for n, part in enumerate(parts)]
    clock = read_clock(footer, parts[0])
    read_reasons(footer, parts[1])
    columns = [read_column(footer, part) for part in parts[2:]]
    assert all(len(c.values) <= footer.rows == len(clock.t_ns) for c in columns)
    return clock, columns
