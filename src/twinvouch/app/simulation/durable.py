"""Is a log record durable, by what the simulated disk has stored: nothing of the adapter that wrote it is asked."""

from pathlib import Path

from twinvouch.adapters.segment_file import HEADER_SIZE, RECORD_HEAD
from twinvouch.app.simulation.disk import SimulatedDisk


def is_durable(disk: SimulatedDisk, directory: Path, number: int, end: int) -> str:
    """Empty where record `number` would survive a power failure now, else why not."""
    if number >= end:
        return f"record {number} was not synced, the log ends at {end}"
    prefix = (
        f"{directory}/"  # texts: this is asked before every effect, and comparing paths is slow
    )
    segments = [p for p in disk.seen if (t := str(p)).startswith(prefix) and t.endswith(".seg")]
    path = max((p for p in segments if int(p.stem) <= number), default=None)
    if path is None:
        return f"no segment holds record {number}"
    file = disk.stored.get(path)
    if file is None:
        return f"the name of `{path}` is not stored"
    return (
        ""
        if _holds(bytes(file.stored), number - int(path.stem))
        else f"record {number} is not stored"
    )


def _holds(stored: bytes, place: int) -> bool:
    """Whether the `place`-th record of a segment is stored whole; lengths only, as in formats.md."""
    at = HEADER_SIZE
    for _ in range(place + 1):
        if at + RECORD_HEAD > len(stored):
            return False
        at += RECORD_HEAD + int.from_bytes(stored[at + 4 : at + 8], "little")
    return at <= len(stored)
