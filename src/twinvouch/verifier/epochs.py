"""Where a log continues another one: entries of kind 80 or 86 name origin, size and root of the log before.

A restored backup begins a log under a new origin with the entries of the old one; the entry says so, and the
entries themselves prove it: the root over the first `size` of them is the one that is named. A rewind departs from a
log in the same way: what is beyond those entries is told otherwise than there.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from twinvouch.verifier.entry import read_epoch
from twinvouch.verifier.files import WIDTH, Files
from twinvouch.verifier.report import Epoch, Fault
from twinvouch.verifier.walk import fold, leaf_hash, node_hash, split

SHOWN = 100  # a log has one for every restore; what an attacker adds beyond is a fault


@dataclass(frozen=True, slots=True)
class Claim:
    """What entry `entry` says of the log that it continues."""

    entry: int
    origin: str
    size: int
    root: bytes


def claim(entry: int, raw: bytes) -> Claim | None:
    """The claim of an entry of kind 80 or 86, None where its bytes have another form."""
    found = read_epoch(raw)
    return None if found is None else Claim(entry, *found)


def check(
    files: Files, size: int, origin: str, claims: Iterable[Claim]
) -> tuple[tuple[Epoch, ...], list[Fault]]:
    """What each claim says, and a fault for each that the entries do not bear out."""
    claims = list(claims)
    faults = [Fault(f"entry {c.entry}", "one epoch too many") for c in claims[SHOWN:]]
    roots = roots_of(files, size, {c.size for c in claims[:SHOWN] if c.size <= c.entry})
    for c in claims[:SHOWN]:
        place = f"entry {c.entry} (log epoch)"
        if c.origin == origin:
            faults.append(Fault(place, f"names its own log {origin!r} as the one before"))
        elif c.size > c.entry:
            faults.append(Fault(place, f"names {c.size} entries, there are {c.entry} before it"))
        elif roots.get(c.size) != c.root:
            why = f"names root {c.root.hex()} of {c.size} entries, they give another"
            faults.append(Fault(place, why))
    return tuple(Epoch(c.entry, c.origin, c.size, c.root) for c in claims[:SHOWN]), faults


def roots_of(files: Files, size: int, wanted: set[int]) -> dict[int, bytes]:
    """The roots over the first n entries for every n that is wanted, in one more pass."""
    roots = {0: fold([])} if 0 in wanted else {}
    peaks: list[tuple[int, bytes]] = []  # height and root of complete subtrees, widest first
    last, count = max(wanted, default=0), 0
    while count < last:
        width = min(WIDTH, size - count)
        versions = files.versions("entries", count // WIDTH, width)
        entries = split(versions[0].raw, width)[0] if versions else []
        if len(entries) < width:
            break  # the walk has said so
        for entry in entries:
            peak = (0, leaf_hash(entry))
            while peaks and peaks[-1][0] == peak[0]:
                peak = (peak[0] + 1, node_hash(peaks.pop()[1], peak[1]))
            peaks.append(peak)
            count += 1
            if count in wanted:
                roots[count] = fold([root for _, root in peaks])
    return roots
