"""`twinvouch backup restore`: a backup becomes the data of a core, in a new epoch of the log.

The old log may have gone on after the backup, and its origin must never sign a second history. So the restored core
signs under `<plant>/<n+1>`: the entries that the backup holds, and then one that names origin, size and root of the
log they come from. What was acknowledged after the backup is not here; edges that delivered it show a gap.
"""

import json
import os
import shutil
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from twinvouch import verifier
from twinvouch.adapters import backup_files as files
from twinvouch.adapters.committer import Committer, recover, take
from twinvouch.adapters.lock_file import make_directory, sync_directory
from twinvouch.app import backup, build
from twinvouch.app.config_model import Config
from twinvouch.core.errors import CorruptError, UsageError
from twinvouch.core.event import EpochOpened
from twinvouch.engine import Engine


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored core: the new ledger, and how much the backup held."""

    manifest: backup.Manifest
    origin: str
    ledger_key: str
    entries: int


def restore(config: Config, directory: Path, key: str = "", epoch: int = 0) -> Restored:
    """Verify a backup and make it the data directory, which must not be there; nothing is started.

    `key` is the verifier key of its ledger, the own log key where it is empty; `epoch` the new one, the next where 0.
    """
    data = config.data_dir
    if data.exists() and any(data.iterdir()):
        raise UsageError(
            f"`{data}` is there and not empty: move it away, it may be the only copy of what came later"
        )
    origin = backup.origin_of(directory)
    manifest, digest = backup.check(
        directory, key or backup.own_key(config, origin), config.plant.id
    )
    epoch = _note_epoch((directory, config.keys_dir), manifest, epoch)
    draft = data.with_name(f"{data.name}.restoring")
    shutil.rmtree(draft, ignore_errors=True)
    _lay_out(directory, draft, manifest)
    new = f"{config.plant.id}/{epoch}"
    opened = EpochOpened(
        os.urandom(16), epoch, manifest.origin, manifest.size, bytes.fromhex(manifest.root), digest
    )
    ledger_key, entries = _open_epoch(config, draft, new, opened)
    report = verifier.verify(draft / backup.LEDGER, ledger_key)
    if not report.ok:
        raise CorruptError(f"the restored ledger does not verify: {report.faults[0]}")
    files.sync_tree(draft)
    if data.exists():
        data.rmdir()
    draft.rename(data)
    sync_directory(data.parent)
    return Restored(manifest, new, ledger_key, entries)


def _note_epoch(places: tuple[Path, Path], manifest: backup.Manifest, wanted: int) -> int:
    """The new epoch, noted in the backup and beside the log key before anything is signed under it.

    Another backup of the same log, or another copy of this one, knows nothing of a restore; the log key was there.
    """
    notes = (places[0] / backup.RESTORED, places[1] / backup.OPENED)
    known = [json.loads(path.read_text("utf-8")) if path.exists() else [] for path in notes]
    before = [*known[0], *known[1]]
    next_ = int(manifest.origin.rpartition("/")[2]) + 1
    epoch = wanted or next_
    if epoch < next_ or epoch in before:
        raise UsageError(
            f"log epoch {epoch} was opened already (by the log in the backup, or by a restore from it or with this log "
            "key): two cores would sign one origin. If that core is gone for good, name a new epoch with "
            f"--epoch {max([next_, *before]) + 1}"
        )
    for path, opened in zip(notes, known, strict=True):
        try:
            make_directory(path.parent)
            files.replace_text(path, json.dumps([*opened, epoch]))
        except OSError as error:
            raise UsageError(
                f"`{path}` cannot be written ({error.strerror}): put the backup and the keys where they can, so that a "
                "second restore is noticed"
            ) from None
    return epoch


def _lay_out(directory: Path, draft: Path, manifest: backup.Manifest) -> None:
    """The stores as they were; the old ledger under the number of its epoch."""
    ignored = shutil.ignore_patterns(backup.MANIFEST, f"{backup.RESTORED}*", backup.SETTINGS)
    shutil.copytree(directory, draft, ignore=ignored)
    draft.chmod(0o700)
    old = manifest.origin.rpartition("/")[2]
    (draft / backup.LEDGER).rename(draft / f"{backup.LEDGER}.{old}")


def _open_epoch(config: Config, draft: Path, origin: str, opened: EpochOpened) -> tuple[str, int]:
    """Enter the new epoch and sign it; returns the key that verifies it and how many entries it has."""
    stores = build.stores(config, draft, origin)
    with closing(stores):
        engine = Engine(build.site(config))
        unseen = recover(engine, stores.log, stores.state, None, stores.vault)
        assert unseen == 0, "the log was cut where the state ends"
        step = take(engine, opened, time.time_ns(), stores.vault)
        Committer(stores.log, stores.state).commit([step], engine.drain())
        stores.ledger.catch_up(stores.state)
        return stores.ledger.verifier_key, stores.ledger.size
