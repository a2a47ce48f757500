"""The tree and its entries as files: C2SP tlog-tiles, so that any web server or USB stick is a mirror.

A tile holds up to 256 hashes of one tile level; the hash of a full tile is one hash of the level
above. A bundle holds the entries of one level-0 tile, each with a big-endian uint16 length. Full
files never change; a partial one stands under `<path>.p/<width>`. Only the *edge* of the tree (the
open bundle and the open tile of each level) is needed to grow: `grow` returns the next edge and the
files to write, and touches nothing, so that a writer whose disk failed can try again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from twinvouch.core.errors import CorruptError, MalformedError, UsageError
from twinvouch.ledger.tlog import HASH_BYTES, Tree, fold, leaf_hash, node_hash

WIDTH = 256
ENTRY_BYTES_MAX = 0xFFFF

File: TypeAlias = tuple[str, bytes]
Read: TypeAlias = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Level:
    """The open tile of one tile level: its hashes so far (fewer than 256) and their peaks."""

    hashes: bytes = b""
    peaks: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """All that is needed to grow a log of `size` entries; `bundle` holds the open entry bundle."""

    size: int = 0
    bundle: bytes = b""
    levels: tuple[Level, ...] = ()

    def root(self) -> bytes:
        """The root of the whole tree: the peaks of all levels are the peaks of the tree."""
        return fold([peak for level in reversed(self.levels) for peak in level.peaks])


def number_path(index: int) -> str:
    """A tile number as path elements of three digits: 1234067 is `x001/x234/067`."""
    parts = [f"{index % 1000:03d}"]
    while index := index // 1000:
        parts.append(f"x{index % 1000:03d}")
    return "/".join(reversed(parts))


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Path of a tile, or of an entry bundle where `level` is `entries`; partial below 256 wide."""
    path = f"tile/{level}/{number_path(index)}"
    return path if width == WIDTH else f"{path}.p/{width}"


def write_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries one after the other, each with its length in two bytes."""
    for entry in entries:
        if len(entry) > ENTRY_BYTES_MAX:
            raise UsageError(
                f"a ledger entry has {len(entry)} bytes, the limit is {ENTRY_BYTES_MAX}: "
                "put large content in by digest"
            )
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def read_bundle(raw: bytes, width: int = WIDTH) -> list[bytes]:
    """The first `width` entries of a bundle; MalformedError where the bytes do not hold so many."""
    entries, at = [], 0
    for number in range(width):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        if at + 2 > len(raw) or end > len(raw):
            raise MalformedError(
                f"offset {at}: entry {number} of the bundle ends at {end}, "
                f"beyond the {len(raw)} bytes that are there"
            )
        entries.append(raw[at + 2 : end])
        at = end
    return entries


def grow(edge: Edge, entries: Sequence[bytes]) -> tuple[Edge, list[File]]:
    """Add entries: the new edge, and every file to write, full ones first within their level."""
    if not entries:
        return edge, []
    bundle, files = _grow_bundle(edge, entries)
    new: list[bytes] = [leaf_hash(entry) for entry in entries]
    levels: list[Level] = []
    while new:
        depth = len(levels)
        level = edge.levels[depth] if depth < len(edge.levels) else Level()
        level, tiles, roots = _grow_level(level, new)
        files += _files(depth, edge.size >> 8 * (depth + 1), tiles, level.hashes)
        levels.append(level)
        new = roots
    levels += edge.levels[len(levels) :]
    return Edge(edge.size + len(entries), bundle, tuple(levels)), files


def restore(size: int, read: Read) -> Edge:
    """The edge of a log of `size` entries from its files; `read` gives None for a missing path.

    Raises CorruptError naming the file or entry that is missing or does not fit. The root is not
    checked here: compare `edge.root()` with the signed checkpoint.
    """
    levels: list[Level] = []
    while count := size >> 8 * len(levels):
        raw = _read_open(read, len(levels), count)[: count % WIDTH * HASH_BYTES]
        tree = Tree()
        for at in range(0, len(raw), HASH_BYTES):
            tree.append(raw[at : at + HASH_BYTES])
        levels.append(Level(raw, tree.peaks))
    bundle = _restore_bundle(size, read, levels[0].hashes) if size % WIDTH else b""
    return Edge(size, bundle, tuple(levels))


def _restore_bundle(size: int, read: Read, hashes: bytes) -> bytes:
    """The open bundle, each entry compared with the level-0 tile."""
    first = size - size % WIDTH
    path, raw = _open_file(read, "entries", first // WIDTH, size % WIDTH)
    try:
        entries = read_bundle(raw, size % WIDTH)
    except MalformedError as error:
        raise CorruptError(f"{path}: {error}") from error
    for number, entry in enumerate(entries):
        if leaf_hash(entry) != hashes[number * HASH_BYTES : (number + 1) * HASH_BYTES]:
            raise CorruptError(
                f"{path}: entry {first + number} does not hash to its place in tile level 0: "
                "restore the ledger files from a mirror"
            )
    return write_bundle(entries)


def _open_file(read: Read, level: int | str, index: int, width: int) -> File:
    """The partial file, or the full one that may already have replaced it."""
    for path in (tile_path(level, index, width), tile_path(level, index)):
        raw = read(path)
        if raw is not None:
            return path, raw
    raise CorruptError(
        f"{tile_path(level, index, width)} is missing: restore the ledger files from a mirror"
    )


def _read_open(read: Read, depth: int, count: int) -> bytes:
    """The bytes of a level's open tile; empty where the level's last tile is just full."""
    if count % WIDTH == 0:
        return b""
    path, raw = _open_file(read, depth, count // WIDTH, count % WIDTH)
    wanted = (count % WIDTH if ".p/" in path else WIDTH) * HASH_BYTES
    if len(raw) != wanted:
        raise CorruptError(f"{path} has {len(raw)} bytes, expected {wanted}: restore from a mirror")
    return raw


def _grow_bundle(edge: Edge, entries: Sequence[bytes]) -> tuple[bytes, list[File]]:
    full, start, have = [], 0, edge.size % WIDTH
    bundle = edge.bundle
    while len(entries) - start >= WIDTH - have:
        end = start + WIDTH - have
        full.append(bundle + write_bundle(entries[start:end]))
        bundle, start, have = b"", end, 0
    bundle += write_bundle(entries[start:])
    return bundle, _files("entries", edge.size // WIDTH, full, bundle, have + len(entries) - start)


def _grow_level(level: Level, new: Sequence[bytes]) -> tuple[Level, list[bytes], list[bytes]]:
    """The level after `new` hashes: open tile, the tiles that became full, and their roots."""
    tree = Tree(len(level.hashes) // HASH_BYTES, level.peaks)
    open_hashes, tiles, roots = [level.hashes], [], []
    for value in new:
        tree.append(value)
        open_hashes.append(value)
        if tree.size == WIDTH:
            tiles.append(b"".join(open_hashes))
            roots.append(tree.root())
            tree, open_hashes = Tree(), []
    return Level(b"".join(open_hashes), tree.peaks), tiles, roots


def _files(
    level: int | str, index: int, full: Sequence[bytes], rest: bytes, width: int = -1
) -> list[File]:
    """Full files from tile number `index` on, then the partial one where something is left."""
    files = [(tile_path(level, index + n), content) for n, content in enumerate(full)]
    width = len(rest) // HASH_BYTES if width < 0 else width
    return [*files, (tile_path(level, index + len(full), width), rest)] if width else files


class TileHashes:
    """Inner nodes of a log of `size` entries out of its tiles, for making proofs.

    Keeps the last `keep` tiles expanded (about 40 kB each): a proof from kept tiles needs no hashing
    below the right edge, a tile that is not kept costs one read and 255 hashes.
    """

    def __init__(self, read: Read, size: int, keep: int = 64) -> None:
        self._read = read
        self._size = size
        self._tile = lru_cache(keep)(self._expand)

    def hash_at(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree `index` of height `level`; CorruptError where a tile is bad."""
        depth, height = divmod(level, 8)
        number, place = divmod(index, WIDTH >> height)
        return self._tile(depth, number)[height][place]

    def _expand(self, depth: int, number: int) -> list[list[bytes]]:
        """All nodes of a tile, lowest first; an incomplete pair at the right edge has no parent."""
        count = self._size >> 8 * depth
        width = min(WIDTH, count - number * WIDTH)
        if width <= 0:
            raise UsageError(f"tile {depth}/{number} is beyond a log of {self._size} entries")
        raw = self._raw(depth, number, width)
        rows = [[raw[at : at + HASH_BYTES] for at in range(0, width * HASH_BYTES, HASH_BYTES)]]
        while len(row := rows[-1]) > 1:
            rows.append([node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)])
        return rows

    def _raw(self, depth: int, number: int, width: int) -> bytes:
        path, raw = _open_file(self._read, depth, number, width)
        if len(raw) < width * HASH_BYTES:
            raise CorruptError(f"{path} has {len(raw)} bytes, expected {width * HASH_BYTES}")
        return raw
