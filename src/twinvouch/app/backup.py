"""`twinvouch backup`: one consistent copy of a core's data, taken while it runs, signed and verifiable.

The moment of a backup is a commit of the state: the log is copied up to where that state has seen it, the ledger up
to the checkpoint that was signed before. Private keys are not in it: the log key signs its manifest, data keys are
there as they lie, wrapped by the key-encryption key, which is not.
"""

import json
import shutil
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from twinvouch import __version__, verifier
from twinvouch.adapters import backup_files as files
from twinvouch.adapters import chunk_index, key_store, sqlite_state
from twinvouch.adapters.chunk_index import Listed
from twinvouch.adapters.keys import FileSigner
from twinvouch.adapters.sqlite_state import open_reader
from twinvouch.app.compaction import DIRECTORY
from twinvouch.app.config_model import Config
from twinvouch.core.errors import (
    ConfigError,
    CorruptError,
    MalformedError,
    SignatureError,
    UsageError,
)
from twinvouch.core.kind import Purpose
from twinvouch.ledger import checkpoint as note
from twinvouch.wire import cose

MANIFEST = "backup.cose"
RESTORED = "restored.json"  # which epochs were opened from this backup
OPENED = "log.epochs.json"  # beside a log key: which epochs it has opened, from whatever backup
STATE, LOG, LEDGER, MODELS, SETTINGS = "state.db", "log", "ledger", "models", "config"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself, signed with the log key; `files` are SHA-256 in hex by path."""

    version: int
    build: str
    plant: str
    made_ns: int
    origin: str  # of the ledger
    size: int  # of its last signed checkpoint
    root: str
    leaves: int  # entries that the state holds, signed or not yet
    log_first: int
    log_end: int
    files: dict[str, str]


def create(config: Config, out: Path) -> Manifest:
    """Back the core's data up into the new directory `out`; the core may run."""
    data = config.data_dir
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"`{out}` is not an empty directory: a backup needs one of its own")
    if not (data / STATE).exists():
        raise UsageError(f"`{data}` has no state: nothing to back up")
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    raw = _checkpoint(data)
    signed = note.read_text(note.read_note(raw).text)
    chunks = _copy_index(
        data / DIRECTORY, out / DIRECTORY
    )  # before the state: never ahead of its log
    files.copy_database(data / STATE, out / STATE, sqlite_state.VERSION)
    with closing(open_reader(out / STATE)) as state:
        _, log_end = state.load()
        leaves = state.leaf_count()
        root = files.write_ledger(out / LEDGER, raw, signed.size, state.leaves)
    if root != signed.root:
        raise CorruptError(
            f"`{data}`: the entries of the state give root {root.hex()} of {signed.size}, the checkpoint signs "
            f"{signed.root.hex()}: nothing is backed up; run `twinvouch ledger verify {data / LEDGER}`"
        )
    first = files.copy_log(data / LOG, out / LOG, log_end)
    if (data / key_store.FILE).exists():
        files.copy_database(data / key_store.FILE, out / key_store.FILE, key_store.VERSION)
    files.copy_tree(data / MODELS, out / MODELS)
    _copy_chunks(data / DIRECTORY, out / DIRECTORY, chunks)
    for old in sorted(data.glob(f"{LEDGER}.*/")):
        files.copy_tree(old, out / old.name)
    _copy_settings(config, out / SETTINGS)
    _drop_journals(out)
    manifest = Manifest(
        1, f"twinvouch {__version__}", config.plant.id, time.time_ns(), signed.origin, signed.size,
        signed.root.hex(), leaves, first, log_end,
        {path: files.digest_of(out / path) for path in files.files_of(out)},
    )  # fmt: skip
    (out / MANIFEST).write_bytes(_sealed(config, manifest))
    files.sync_tree(out)
    return manifest


def check(directory: Path, key: str, plant: str) -> tuple[Manifest, bytes]:
    """The manifest of a backup that is whole, and its digest; `key` is the verifier key of its ledger.

    Raises CorruptError for anything that is missing, too many or other than signed, in manifest, files and ledger.
    """
    log_key = note.read_key(key)
    try:
        sealed = cose.unseal((directory / MANIFEST).read_bytes())
        cose.check(sealed, log_key.public_key, plant=plant, purpose=Purpose.BACKUP)
        manifest = _manifest(json.loads(sealed.content))
    except FileNotFoundError:
        raise CorruptError(f"`{directory}` has no `{MANIFEST}`: it is no whole backup") from None
    except (MalformedError, SignatureError, ValueError, TypeError) as error:
        raise CorruptError(
            f"`{directory / MANIFEST}` is not signed by this log key: {error}"
        ) from None
    there = set(files.files_of(directory)) - {MANIFEST, RESTORED, f"{RESTORED}.tmp"}
    for path in sorted(there ^ set(manifest.files)):
        what = "is missing" if path in manifest.files else "does not belong to it"
        raise CorruptError(f"backup `{directory}`: `{path}` {what}")
    for path, digest in manifest.files.items():
        if files.digest_of(directory / path) != digest:
            raise CorruptError(f"backup `{directory}`: `{path}` was changed: take another copy")
    report = verifier.verify(directory / LEDGER, key)
    if not report.ok or (report.origin, report.size) != (manifest.origin, manifest.size):
        told = report.faults[0] if report.faults else report.origin
        raise CorruptError(f"backup `{directory}`: its ledger does not verify: {told}")
    return manifest, sealed.digest


def own_key(config: Config, origin: str) -> str:
    """The verifier key of a ledger that this plant's own log key signs."""
    path = config.keys_dir / "log.key"
    if not path.exists():
        raise ConfigError(f"log key `{path}` is missing: name the old ledger's key with --key")
    return note.VerifierKey(origin, FileSigner(path).public_key).text()


def origin_of(directory: Path) -> str:
    """The origin that the checkpoint in a backup claims; nothing is verified."""
    try:
        raw = (directory / LEDGER / "checkpoint").read_bytes()
    except OSError as error:
        raise CorruptError(f"`{directory}` is no backup: {error.strerror}") from None
    return note.read_text(note.read_note(raw).text).origin


def _checkpoint(data: Path) -> bytes:
    try:
        return (data / LEDGER / "checkpoint").read_bytes()
    except FileNotFoundError:
        raise UsageError(f"`{data / LEDGER}` has no checkpoint: start the core once") from None


def _sealed(config: Config, manifest: Manifest) -> bytes:
    """The manifest under the log key."""
    content = json.dumps(asdict(manifest), indent=1).encode()
    signer = FileSigner(config.keys_dir / "log.key")
    return cose.seal(content, signer=signer, plant=manifest.plant, purpose=Purpose.BACKUP)


def _copy_index(source: Path, target: Path) -> list[Listed]:
    """The index of the history as of one moment, and what it lists."""
    if not (source / chunk_index.FILE).exists():
        return []
    target.mkdir(mode=0o700)
    path = target / chunk_index.FILE
    files.copy_database(source / chunk_index.FILE, path, chunk_index.VERSION)
    index = chunk_index.open_index(target)
    assert index is not None
    with closing(index):
        return index.all()


def _copy_chunks(source: Path, target: Path, chunks: list[Listed]) -> None:
    """The files of these chunks; what retention took meanwhile is taken out of the copied index."""
    gone = []
    for listed in chunks:
        (target / listed.file).parent.mkdir(mode=0o700, exist_ok=True)
        try:
            shutil.copyfile(source / listed.file, target / listed.file)
        except FileNotFoundError:
            gone.append(listed)
    if gone:
        with closing(chunk_index.ChunkIndex(target)) as index:
            index.forget(gone)
    (target / "lock").unlink(missing_ok=True)
    _drop_journals(target)


def _drop_journals(directory: Path) -> None:
    """Take away what SQLite leaves beside a database that is whole."""
    for leftover in (*directory.glob("*-wal"), *directory.glob("*-shm")):
        leftover.unlink()


def _copy_settings(config: Config, out: Path) -> None:
    """The configuration as it is now, for people; a restore takes the one that it is called with."""
    out.mkdir()
    for name in (config.path.name, config.tags_csv, config.policy):
        if name is not None:
            (out / Path(name).name).write_bytes((config.path.parent / name).read_bytes())


def _manifest(content: Any) -> Manifest:
    manifest = Manifest(**content)
    if manifest.version != 1:
        raise ValueError(f"version {manifest.version}, this program reads 1")
    return manifest
