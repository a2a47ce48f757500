"""Reads the event log beside the core that writes it, or where none runs; takes no lock and repairs nothing.

Only records below `end` are read, which a committed state names: those are durable and whole. Retention may drop the
oldest segments meanwhile; a reader that is still there gets a GoneError and begins again.
"""

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

from twinvouch.adapters.segment_file import PLAIN, read_header, segment_name, walk
from twinvouch.core.errors import GoneError


def first_of(directory: Path) -> int:
    """Number of the oldest record that is kept; 0 where there is no log yet."""
    return min(firsts(directory), default=0)


def read_records(
    directory: Path, start: int, end: int, key_id: bytes = PLAIN
) -> Iterator[tuple[int, bytes]]:
    """Records start..end of the log; CorruptError at the first that is damaged."""
    starts = firsts(directory)
    if not starts or start >= end:
        return
    if start < starts[0]:
        raise GoneError(f"record {start} was dropped, the log begins at {starts[0]}")
    for place in range(bisect_right(starts, start) - 1, len(starts)):
        first = starts[place]
        if first >= end:
            return
        stop = min(starts[place + 1] if place + 1 < len(starts) else end, end)
        path = directory / segment_name(first)
        try:
            file = path.open("rb", buffering=1 << 20)
        except FileNotFoundError:
            raise GoneError(f"`{path}` was dropped while it was read: try again") from None
        with file:
            mark, _ = read_header(file, path, first, key_id)
            for number, record in walk(file, path, mark, first, stop):
                if number >= start:
                    yield number, record


def firsts(directory: Path) -> list[int]:
    """Numbers of the first records of all segments, in order; nothing where there is no log yet."""
    return sorted(int(p.stem) for p in directory.glob("[0-9]" * 20 + ".seg"))
