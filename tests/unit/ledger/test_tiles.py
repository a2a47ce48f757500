from pathlib import Path

import pytest

from twinvouch.core.errors import CorruptError, MalformedError, UsageError
from twinvouch.ledger import checkpoint, tiles, tlog


def entries(count: int, start: int = 0) -> list[bytes]:
    return [f"entry {n}".encode() for n in range(start, start + count)]


def root(leaves: list[bytes]) -> bytes:
    tree = tlog.Tree()
    for leaf in leaves:
        tree.append(tlog.leaf_hash(leaf))
    return tree.root()


def test_paths_are_those_of_the_specification() -> None:
    assert tiles.tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tiles.tile_path("entries", 7, 3) == "tile/entries/007.p/3"
    assert tiles.tile_path(2, 1000) == "tile/2/x001/000"


def test_a_log_of_70000_has_the_tiles_of_the_specification() -> None:
    edge, files = tiles.grow(tiles.Edge(), entries(70_000))
    paths = [path for path, _ in files if "entries" not in path]
    assert sum(path.startswith("tile/0/") and ".p/" not in path for path in paths) == 273
    assert [path for path in paths if ".p/" in path] == [
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    assert "tile/1/000" in paths
    assert edge.root() == root(entries(70_000))


@pytest.mark.parametrize("sizes", [[1, 255, 256, 300], [256], [512, 513], [3, 600], [255, 258]])
def test_growing_in_steps_gives_the_files_of_growing_at_once(sizes: list[int]) -> None:
    disk: dict[str, bytes] = {}
    edge = tiles.Edge()
    for size in sizes:
        edge, files = tiles.grow(edge, entries(size - edge.size, edge.size))
        disk |= files
    whole, files = tiles.grow(tiles.Edge(), entries(sizes[-1]))
    assert edge == whole
    assert {path: disk[path] for path, _ in files} == dict(files)
    assert edge.root() == root(entries(sizes[-1]))


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_536, 65_537])
def test_the_edge_comes_back_from_the_files(size: int) -> None:
    edge, files = tiles.grow(tiles.Edge(), entries(size))
    back = tiles.restore(size, dict(files).get)
    assert (back.size, back.bundle, back.root()) == (edge.size, edge.bundle, edge.root())


def test_a_full_file_stands_in_for_a_partial_one_that_was_removed() -> None:
    _, files = tiles.grow(tiles.Edge(), entries(256))
    back = tiles.restore(250, dict(files).get)
    assert back.root() == root(entries(250))


def test_growing_by_nothing_changes_nothing() -> None:
    edge, _ = tiles.grow(tiles.Edge(), entries(3))
    assert tiles.grow(edge, []) == (edge, [])


def test_an_entry_of_65535_bytes_is_kept_and_a_longer_one_refused() -> None:
    largest = bytes(65_535)
    assert tiles.read_bundle(tiles.write_bundle([largest]), 1) == [largest]
    with pytest.raises(UsageError, match="65536 bytes, the limit is 65535"):
        tiles.grow(tiles.Edge(), [bytes(65_536)])


@pytest.mark.parametrize("cut", range(1, 17))
def test_a_cut_bundle_is_malformed_at_an_offset(cut: int) -> None:
    raw = tiles.write_bundle([b"first", b"second", b"x"])
    with pytest.raises(MalformedError, match="offset"):
        tiles.read_bundle(raw[:-cut], 3)


@pytest.mark.parametrize(
    ("path", "change", "message"),
    [
        ("tile/0/001.p/4", None, "tile/0/001.p/4 is missing"),
        ("tile/0/001.p/4", b"short", "tile/0/001.p/4 has 5 bytes, expected 128"),
        ("tile/1/000.p/1", None, "tile/1/000.p/1 is missing"),
        ("tile/entries/001.p/4", None, "tile/entries/001.p/4 is missing"),
        ("tile/entries/001.p/4", b"\x00\x09short", "tile/entries/001.p/4: offset 0"),
        ("tile/entries/001.p/4", bytes(8), "entry 256 does not hash to its place"),
    ],
)
def test_a_bad_file_is_named(path: str, change: bytes | None, message: str) -> None:
    disk: dict[str, bytes | None] = dict(tiles.grow(tiles.Edge(), entries(260))[1])
    disk[path] = change
    with pytest.raises(CorruptError, match=message):
        tiles.restore(260, disk.get)


@pytest.mark.parametrize("size", [1, 5, 256, 600])
def test_proofs_come_out_of_tiles(size: int) -> None:
    edge, files = tiles.grow(tiles.Edge(), entries(size))
    hash_at = tiles.TileHashes(dict(files).get, size).hash_at
    for index in range(0, size, 7):
        proof = tlog.inclusion_proof(hash_at, index, size)
        leaf = tlog.leaf_hash(entries(1, index)[0])
        assert tlog.verify_inclusion(leaf, index, size, proof, edge.root())
    for old in range(1, size, 7):
        proof = tlog.consistency_proof(hash_at, old, size)
        assert tlog.verify_consistency(old, size, proof, root(entries(old)), edge.root())


def test_no_hash_beyond_the_log() -> None:
    _, files = tiles.grow(tiles.Edge(), entries(5))
    with pytest.raises(UsageError, match="tile 0/1 is beyond a log of 5 entries"):
        tiles.TileHashes(dict(files).get, 5).hash_at(0, 256)


def test_a_cut_tile_gives_no_proof() -> None:
    disk = dict(tiles.grow(tiles.Edge(), entries(5))[1])
    disk["tile/0/000.p/5"] = bytes(159)
    with pytest.raises(CorruptError, match=r"tile/0/000\.p/5 has 159 bytes, expected 160"):
        tiles.TileHashes(disk.get, 5).hash_at(0, 0)


def test_the_log_of_another_program_gives_its_roots(shared_data: Path) -> None:
    """Tessera's test log: 15 entries, a checkpoint and partial tiles of every size."""
    log = shared_data / "trust" / "tlog" / "tessera-testdata" / "log"
    heads = {}
    for size in range(16):
        note = checkpoint.read_note((log / f"checkpoint.{size}").read_bytes())
        head = checkpoint.read_text(note.text)
        edge = tiles.restore(size, lambda path: (log / path).read_bytes())
        assert (head.size, head.root, head.origin) == (
            size,
            edge.root(),
            "example.com/log/testdata",
        )
        heads[size] = head.root
    assert (
        checkpoint.read_text(checkpoint.read_note((log / "checkpoint").read_bytes()).text).size
        == 15
    )
    hash_at = tiles.TileHashes(lambda path: (log / path).read_bytes(), 15).hash_at
    for old in range(1, 16):
        for new in range(old, 16):
            proof = tlog.consistency_proof(hash_at, old, new)
            assert tlog.verify_consistency(old, new, proof, heads[old], heads[new])


def test_we_write_the_tiles_that_another_program_wrote(shared_data: Path) -> None:
    log = shared_data / "trust" / "tlog" / "tessera-testdata" / "log"
    leaves = tiles.read_bundle((log / "tile/entries/000.p/15").read_bytes(), 15)
    edge = tiles.Edge()
    for leaf in leaves:
        edge, files = tiles.grow(edge, [leaf])
        for path, content in files:
            assert (log / path).read_bytes() == content, path
