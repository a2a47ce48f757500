"""One pass over all bundles and tiles: everything is recomputed from the entries and compared.

Every file there is takes part, partial ones of earlier checkpoints included. Memory does not grow
with the ledger beyond one open tile a level.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from twinvouch.verifier.entry import UNDECODABLE, read_heading
from twinvouch.verifier.files import HASH, WIDTH, Files, Version, tile_path
from twinvouch.verifier.report import Contents, Fault

DIFFERENCES_MAX = 1000  # of each kind; beyond it a ledger is bad enough


@dataclass(slots=True)
class Level:
    """The tile of one level that is being gathered: its number and the hashes so far."""

    number: int = 0
    hashes: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Difference:
    """A level-0 tile and an entry that do not fit each other: one of the two was changed."""

    entry: int
    bundle: str
    tile: str


class Walk:
    """Recomputes a ledger of `size` entries and collects what differs."""

    def __init__(self, files: Files, size: int) -> None:
        self.files = files
        self.contents = Contents()
        self.epochs: list[tuple[int, bytes]] = []  # entries that continue another log
        self._size = size
        self._levels: list[Level] = []
        self._path = ""  # of the bundle whose entries are being hashed
        self._bundles: list[tuple[int, Fault]] = []  # with the entry where it begins
        self._leaves: list[Difference] = []
        self._others: list[Fault] = []  # tiles above level 0, partial tiles of earlier checkpoints

    def run(self) -> bytes | None:
        """The root over all entries; None where one is missing or its bundle is cut."""
        for number in range((self._size + WIDTH - 1) // WIDTH):
            entries = self._read(number, min(WIDTH, self._size - number * WIDTH))
            if entries is None:
                return None
            for place, entry in enumerate(entries):
                self._describe(number * WIDTH + place, entry)
                self._push(0, leaf_hash(entry))
        for depth, level in enumerate(self._levels):
            if level.hashes:
                self._compare_tile(depth, level)
        return fold([peak for level in reversed(self._levels) for peak in peaks(level.hashes)])

    def faults(self, *, entries_are_signed: bool) -> list[Fault]:
        """What differs, the lowest entry first. Entries under the signed root are right: tiles are wrong."""
        found = [(entry, 1, fault) for entry, fault in self._bundles]
        for at in self._leaves:
            if entries_are_signed:
                fault = Fault(f"{at.tile} hash {at.entry % WIDTH}", f"is not that of {at.entry}")
            else:
                fault = Fault(f"entry {at.entry} ({at.bundle})", f"does not hash to its {at.tile}")
            found.append((at.entry, 0, fault))
        return [fault for *_, fault in sorted(found, key=lambda each: each[:2])] + self._others

    def _describe(self, index: int, entry: bytes) -> None:
        heading = read_heading(entry)
        if heading is not None and heading.is_epoch and len(self.epochs) < DIFFERENCES_MAX:
            self.epochs.append((index, entry))
        if heading is None:
            self.contents.count(UNDECODABLE, None, None)
        else:
            self.contents.count(heading.name, heading.plant, heading.now_ns)

    def _read(self, number: int, width: int) -> list[bytes] | None:
        """The entries of one bundle, all its versions compared; None where the walk cannot go on."""
        versions = self.files.versions("entries", number, width)
        if not versions:
            missing = tile_path("entries", number, width)
            self._bad_bundle(number * WIDTH, missing, "is missing")
            return None
        needed = versions[0]
        self._path = needed.path
        entries, end = split(needed.raw, width)
        if len(entries) < width:
            at = number * WIDTH + self._first_unlike(number, entries, width)
            self._bad_bundle(at, f"entry {at} ({needed.path})", "its bundle is cut here")
            return None
        if needed.width == width and end != len(needed.raw):
            self._extra(number * WIDTH + width - 1, needed.path, len(needed.raw) - end)
        for other in versions[1:]:
            self._compare_bundle(number * WIDTH, entries, other)
        return entries

    def _extra(self, entry: int, path: str, count: int) -> None:
        self._bad_bundle(entry, f"entry {entry} ({path})", f"is the last, but {count} bytes follow")

    def _bad_bundle(self, entry: int, place: str, why: str) -> None:
        if len(self._bundles) < DIFFERENCES_MAX:
            self._bundles.append((entry, Fault(place, why)))

    def _first_unlike(self, number: int, entries: Sequence[bytes], width: int) -> int:
        """Place of the first entry of a cut bundle that its tile does not know: its length is wrong."""
        tiles = self.files.versions("0", number, width)
        stored = tiles[0].raw if tiles else b""
        for place, entry in enumerate(entries):
            if stored[place * HASH : (place + 1) * HASH] != leaf_hash(entry):
                return place
        return len(entries)

    def _compare_bundle(self, first: int, entries: Sequence[bytes], other: Version) -> None:
        """An earlier partial bundle holds just the first entries; a wider one begins with all of them."""
        at = 0
        for place, entry in enumerate(entries[: other.width]):
            end = at + 2 + len(entry)
            if other.raw[at:end] != len(entry).to_bytes(2, "big") + entry:
                where = f"entry {first + place} ({other.path})"
                self._bad_bundle(first + place, where, "is another one in the later bundle")
                return
            at = end
        if other.width <= len(entries) and at != len(other.raw):
            self._extra(first + other.width - 1, other.path, len(other.raw) - at)

    def _push(self, depth: int, value: bytes) -> None:
        """Add a hash to a level; the root of a full tile goes to the level above."""
        if depth == len(self._levels):
            self._levels.append(Level())
        level = self._levels[depth]
        level.hashes.append(value)
        if len(level.hashes) == WIDTH:
            self._compare_tile(depth, level)
            self._levels[depth] = Level(level.number + 1)
            self._push(depth + 1, fold(peaks(level.hashes)))

    def _compare_tile(self, depth: int, level: Level) -> None:
        """Every version of a tile against the hashes that the entries give."""
        versions = self.files.versions(str(depth), level.number, len(level.hashes))
        if not versions:
            missing = tile_path(str(depth), level.number, len(level.hashes))
            self._other(Fault(missing, "is missing"))
        for version in versions:
            place = unlike(version, level.hashes)
            if place is None:
                continue
            if depth == 0 and version is versions[0] and place < len(level.hashes):
                self._leaf(level.number, place, version.path)
            else:
                why = "differs from what the entries give"
                self._other(Fault(f"{version.path} hash {place}", why))

    def _leaf(self, number: int, place: int, tile: str) -> None:
        if len(self._leaves) < DIFFERENCES_MAX:
            self._leaves.append(Difference(number * WIDTH + place, self._path, tile))

    def _other(self, fault: Fault) -> None:
        if len(self._others) < DIFFERENCES_MAX:
            self._others.append(fault)


def leaf_hash(entry: bytes) -> bytes:
    """RFC 6962 section 2.1: SHA-256(0x00 || entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 section 2.1: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def fold(roots: Sequence[bytes]) -> bytes:
    """The root over complete subtrees, widest first; SHA-256 of nothing for none."""
    if not roots:
        return sha256(b"").digest()
    root = roots[-1]
    for left in reversed(roots[:-1]):
        root = node_hash(left, root)
    return root


def peaks(hashes: Sequence[bytes]) -> list[bytes]:
    """Roots of the complete subtrees over a tile's hashes, widest first."""
    row, found = list(hashes), []
    while row:
        if len(row) % 2:
            found.append(row.pop())
        row = [node_hash(row[n], row[n + 1]) for n in range(0, len(row), 2)]
    return found[::-1]


def split(raw: bytes, count: int) -> tuple[list[bytes], int]:
    """The first `count` entries of a bundle, fewer where it is cut, and where they end."""
    entries: list[bytes] = []
    at = 0
    while len(entries) < count and at + 2 <= len(raw):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        if end > len(raw):
            break
        entries.append(raw[at + 2 : end])
        at = end
    return entries, at


def unlike(version: Version, hashes: Sequence[bytes]) -> int | None:
    """Place of the first hash of a tile file that differs, or its end where its length is wrong."""
    for place, value in enumerate(hashes[: version.width]):
        if version.raw[place * HASH : (place + 1) * HASH] != value:
            return place
    return None if len(version.raw) == version.width * HASH else version.width
