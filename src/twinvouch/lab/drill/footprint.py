"""What a process and a directory take: memory, file handles, threads, bytes. From /proc, so on Linux only."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twinvouch.core.errors import UnavailableError


@dataclass(frozen=True, slots=True)
class Footprint:
    """Of one process: proportional and anonymous memory in KiB, open file handles, threads.

    Anonymous memory is what the process itself has asked for; its share of pages of files grows as soon as another
    process that shares them ends.
    """

    pss_kib: int
    anonymous_kib: int
    handles: int
    threads: int


def of_process(pid: int, proc: Path = Path("/proc")) -> Footprint:
    """Look at a running process; UnavailableError where the kernel does not tell."""
    place = proc / str(pid)
    try:
        memory = dict(_numbers((place / "smaps_rollup").read_text("ascii")))
        status = dict(_numbers((place / "status").read_text("ascii")))
        handles = sum(1 for _ in (place / "fd").iterdir())
    except OSError as error:
        raise UnavailableError(f"`{place}` cannot be read: {error.strerror}") from None
    return Footprint(memory["Pss"], memory["Anonymous"], handles, status["Threads"])


def bytes_below(path: Path) -> int:
    """Bytes of a file, or of all files below a directory; what goes away meanwhile counts as nothing."""
    total = 0
    for file in [path, *path.rglob("*")]:
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:
            continue
    return total


def _numbers(text: str) -> Iterator[tuple[str, int]]:
    """`Name:  123 kB` lines as pairs; lines without a number are left out."""
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        first = rest.split()[:1]
        if first and first[0].isdecimal():
            yield name, int(first[0])
