import base64
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from tests.unit.verifier.ledgers import SIGNER, START_NS, entry, write_ledger
from twinvouch.core.kind import Kind
from twinvouch.ledger import checkpoint, tiles
from twinvouch.ledger.checkpoint import Checkpoint
from twinvouch.verifier import KeyTextError, Report, verify
from twinvouch.verifier.entry import KINDS


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Five entries in two steps: two versions of each file."""
    directory = tmp_path_factory.mktemp("small")
    return directory, write_ledger(directory, 2, 3)


def flipped(directory: Path, path: str, at: int, bit: int, key: str) -> Report:
    """The report with one bit of one file changed."""
    whole = (directory / path).read_bytes()
    changed = bytearray(whole)
    changed[at] ^= 1 << bit
    (directory / path).write_bytes(changed)
    report = verify(directory, key)
    (directory / path).write_bytes(whole)
    return report


def bad(directory: Path, key: str) -> list[str]:
    report = verify(directory, key)
    assert not report.ok
    return [fault.place for fault in report.faults]


def test_a_whole_ledger_is_verified_and_described(small: tuple[Path, str]) -> None:
    directory, key = small
    report = verify(directory, key)
    assert (report.ok, report.faults, report.beyond) == (True, (), ())
    assert (report.origin, report.size) == ("net3/0", 5)
    assert report.contents.kinds == {"batch": 3, "unknown kind 1.9999": 1, "undecodable": 1}
    assert report.contents.plants == {"net3": 4}
    assert (report.contents.first_ns, report.contents.last_ns) == (START_NS, START_NS + 3)


def test_kinds_are_those_of_the_program_that_writes() -> None:
    theirs = {k.value: k.name.removeprefix("ENTRY_").lower() for k in Kind if k >= 64}
    assert theirs == KINDS


# -- one flipped bit ---------------------------------------------------------------------------


@pytest.mark.slow
def test_a_thousand_random_bits_of_a_larger_ledger_are_found(tmp_path: Path) -> None:
    """Full and partial files on two levels, and a witnessed head: any bit, and a place is named."""
    key = write_ledger(tmp_path, 200, 100, 313)
    (tmp_path / "checkpoint.witnessed").write_bytes((tmp_path / "checkpoint").read_bytes())
    (tmp_path / "log.vkey").unlink()  # for convenience only, and not verified
    files = [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()]
    sizes = [(tmp_path / path).stat().st_size for path in files]
    chance = Random(3)
    for path in chance.choices(files, sizes, k=1000):
        at = chance.randrange((tmp_path / path).stat().st_size)
        report = flipped(tmp_path, path, at, chance.randrange(8), key)
        assert not report.ok, (path, at)
        assert report.faults[0].place


def line_of(raw: bytes, at: int) -> int:
    return raw[:at].count(b"\n") + 1


@pytest.mark.parametrize("bit", range(8))
def test_any_flipped_bit_of_the_checkpoint_is_found_and_its_line_named(
    small: tuple[Path, str], bit: int
) -> None:
    directory, key = small
    raw = (directory / "checkpoint").read_bytes()
    for at, byte in enumerate(raw):
        report = flipped(directory, "checkpoint", at, bit, key)
        assert not report.ok, at
        named = report.faults[0].place
        if byte == 0x0A:  # lines run together or apart: any line may be where it shows
            assert named.startswith("checkpoint line ")
        else:
            assert named == f"checkpoint line {line_of(raw, at)}", (at, report.faults)


@pytest.mark.parametrize("version", [2, 5])
def test_any_flipped_byte_of_a_bundle_is_found_and_its_entry_named(
    small: tuple[Path, str], version: int
) -> None:
    directory, key = small
    path = f"tile/entries/000.p/{version}"
    start = 0
    for number in range(version):
        end = start + 2 + len(entry(number))
        for at in range(start, end):
            report = flipped(directory, path, at, at % 8, key)
            assert not report.ok
            assert report.faults[0].place == f"entry {number} ({path})", at
        start = end
    assert start == (directory / path).stat().st_size


@pytest.mark.parametrize("version", [2, 5])
def test_any_flipped_byte_of_a_tile_is_found_and_its_hash_named(
    small: tuple[Path, str], version: int
) -> None:
    directory, key = small
    path = f"tile/0/000.p/{version}"
    for at in range(32 * version):
        report = flipped(directory, path, at, at % 8, key)
        assert [fault.place for fault in report.faults] == [f"{path} hash {at // 32}"]


def test_flipped_bits_of_a_larger_ledger_are_found(tmp_path: Path) -> None:
    key = write_ledger(tmp_path, 250, 12, 260)
    sizes = {}
    for file in sorted((tmp_path / "tile").rglob("*")):
        if file.is_file():
            path = file.relative_to(tmp_path).as_posix()
            sizes[path] = file.stat().st_size
            for at in range(0, sizes[path], 1009):
                report = flipped(tmp_path, path, at, at % 8, key)
                first = report.faults[0].place
                wanted = f"({path})" if "entries" in path else f"{path} hash {at // 32}"
                assert wanted in first, (path, at, first)
    assert set(sizes) == {
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/10",
        "tile/1/000.p/1",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/10",
    }


# -- more than a flipped bit -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("checkpoint", "checkpoint"),
        ("tile/0/000.p/5", "tile/0/000.p/5"),
        ("tile/entries/000.p/5", "tile/entries/000.p/5"),
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, path: str, named: str) -> None:
    key = write_ledger(tmp_path, 2, 3)
    (tmp_path / path).unlink()
    assert bad(tmp_path, key)[0] == named


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("tile/0/000.p/5", "tile/0/000.p/5 hash 5"),
        ("tile/0/000.p/2", "tile/0/000.p/2 hash 2"),
        ("tile/entries/000.p/5", "entry 4 (tile/entries/000.p/5)"),
        ("tile/entries/000.p/2", "entry 1 (tile/entries/000.p/2)"),
    ],
)
def test_bytes_at_the_end_are_found(tmp_path: Path, path: str, named: str) -> None:
    key = write_ledger(tmp_path, 2, 3)
    with (tmp_path / path).open("ab") as file:
        file.write(b"x")
    assert bad(tmp_path, key) == [named]


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_cut_bundle_is_named_by_its_entry(tmp_path: Path, cut: int) -> None:
    key = write_ledger(tmp_path, 2, 3)
    path = tmp_path / "tile/entries/000.p/5"
    path.write_bytes(path.read_bytes()[:-cut])
    inside = 4 if cut <= 2 + len(entry(4)) else 3
    assert bad(tmp_path, key)[0] == f"entry {inside} (tile/entries/000.p/5)"


def rewrite(directory: Path, leaves: list[bytes], sign: Callable[[Checkpoint], bytes]) -> None:
    """What an insider does who can write all files: tiles, bundles and checkpoint fit each other."""
    shutil.rmtree(directory / "tile")
    edge, files = tiles.grow(tiles.Edge(), leaves)
    for path, content in files:
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(content)
    (directory / "checkpoint").write_bytes(sign(Checkpoint("net3/0", edge.size, edge.root())))


def test_rewritten_tiles_and_entries_do_not_fit_the_signed_root(tmp_path: Path) -> None:
    key = write_ledger(tmp_path, 5)
    old = (tmp_path / "checkpoint").read_bytes()
    rewrite(tmp_path, [b"x", *(entry(n) for n in range(1, 5))], lambda _: old)
    assert bad(tmp_path, key) == ["checkpoint line 3"]


def test_a_rewritten_bundle_with_its_tile_is_found_by_the_tile_above(tmp_path: Path) -> None:
    key = write_ledger(tmp_path, 300)
    changed = [entry(n) for n in range(300)]
    changed[7] = b"another one"
    for path, content in tiles.grow(tiles.Edge(), changed)[1]:
        if path in {"tile/0/000", "tile/entries/000"}:
            (tmp_path / path).write_bytes(content)
    assert bad(tmp_path, key) == ["tile/1/000.p/1 hash 0"]


def test_a_ledger_signed_by_another_key_is_not_verified(tmp_path: Path) -> None:
    key = write_ledger(tmp_path, 5)
    other = type(SIGNER)(bytes(32))
    leaves = [entry(n) for n in range(5)]
    rewrite(tmp_path, leaves, lambda head: checkpoint.sign(head, other))
    assert bad(tmp_path, key) == ["checkpoint line 5"]


def test_a_key_id_that_is_claimed_does_not_pass_for_a_signature(tmp_path: Path) -> None:
    key = write_ledger(tmp_path, 5)

    def forged(head: Checkpoint) -> bytes:
        signature = checkpoint.read_key(key).key_id + bytes(64)
        line = base64.b64encode(signature).decode()
        return head.text() + f"\n— net3/0 {line}\n".encode()

    rewrite(tmp_path, [entry(n) for n in range(4)], forged)
    assert bad(tmp_path, key)[0] == "checkpoint line 5"


def test_a_ledger_cut_back_to_fewer_entries_needs_a_signature(tmp_path: Path) -> None:
    key = write_ledger(tmp_path, 5)
    raw = (tmp_path / "checkpoint").read_bytes()
    (tmp_path / "checkpoint").write_bytes(raw.replace(b"\n5\n", b"\n4\n"))
    assert bad(tmp_path, key)[0] == "checkpoint line 2"


def test_an_enormous_claimed_size_ends_at_the_first_missing_bundle(tmp_path: Path) -> None:
    key = write_ledger(tmp_path, 256)
    raw = (tmp_path / "checkpoint").read_bytes()
    (tmp_path / "checkpoint").write_bytes(raw.replace(b"\n256\n", b"\n9000000000000000000\n"))
    places = bad(tmp_path, key)
    assert places == ["checkpoint line 2", "tile/entries/001"]


def test_files_beyond_the_checkpoint_are_named_and_not_wrong(tmp_path: Path) -> None:
    key = write_ledger(tmp_path, 5)
    for path, content in tiles.grow(tiles.Edge(), [entry(n) for n in range(300)])[1]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "tile/0/000.p/5.tmp").write_bytes(b"")
    report = verify(tmp_path, key)
    assert (report.ok, report.size) == (True, 5)
    assert "tile/0/000" in report.beyond
    assert "tile/0/000.p/5.tmp" in report.beyond


def test_a_full_bundle_stands_in_for_a_partial_one(tmp_path: Path) -> None:
    key = write_ledger(tmp_path, 250)
    for path, content in tiles.grow(tiles.Edge(), [entry(n) for n in range(256)])[1]:
        if ".p/" not in path:
            (tmp_path / path).write_bytes(content)
            shutil.rmtree(tmp_path / f"{path}.p")
    assert verify(tmp_path, key).ok


def test_an_empty_ledger_is_verified(tmp_path: Path) -> None:
    report = verify(tmp_path, write_ledger(tmp_path))
    assert (report.ok, report.size, report.root) == (True, 0, sha256(b"").digest())


def test_what_is_not_a_key_is_misuse(tmp_path: Path) -> None:
    with pytest.raises(KeyTextError):
        verify(tmp_path, "net3/0+00000000+AAAA")
