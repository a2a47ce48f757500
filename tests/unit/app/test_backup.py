"""Backup beside a running core, and restore into a new log epoch: whole or refused, and nobody signs one origin twice."""

import json
import os
import shutil
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tests.golden.v1_plant import CONFIG, PLANT, signer
from tests.unit.app.test_encryption import ON
from twinvouch import verifier
from twinvouch.adapters import backup_files as files
from twinvouch.adapters.committer import Committer, take
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.app import backup, build
from twinvouch.app.cli.backup import command
from twinvouch.app.config_model import Config
from twinvouch.app.restore import restore
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.command import Command, Input
from twinvouch.core.errors import ConfigError, CorruptError, TwinvouchError, UsageError
from twinvouch.core.event import BatchReceived, CommandProposed, Reply, StatementReceived
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.statement import Statement, Verb
from twinvouch.engine import Engine
from twinvouch.wire.batch import Header, write_batch
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal
from twinvouch.wire.statement import write_statement

SECOND = 10**9


def configured(directory: Path, more: str = "") -> Config:
    directory.mkdir(exist_ok=True)
    (directory / "twin.yaml").write_text(CONFIG + more)
    return build.load(directory / "twin.yaml")


class Plant:
    """A core on this thread over the stores of a configuration, and the hands that feed it."""

    def __init__(self, config: Config) -> None:
        self.config, self.seq, self.prev = config, 0, bytes(32)
        self.open()

    def open(self) -> None:
        self.stores = build.stores(self.config)
        self.engine = Engine(build.site(self.config))
        from twinvouch.adapters.committer import recover

        recover(self.engine, self.stores.log, self.stores.state, None, self.stores.vault)
        self.stores.ledger.catch_up(self.stores.state)
        self._committer = Committer(self.stores.log, self.stores.state)

    def feed(self, event: Any, *, commit_state: bool = True) -> Reply:
        step = take(self.engine, event, time.time_ns(), self.stores.vault)
        self._committer.commit([step], self.engine.drain() if commit_state else None)
        return next(e for e in step.effects if isinstance(e, Reply))

    def publish(self) -> None:
        self.stores.ledger.catch_up(self.stores.state)

    def close(self) -> None:
        for part in (self.stores.log, self.stores.reader, self.stores.state, self.stores.ledger, self.stores.vault):  # fmt: skip
            if part is not None:
                part.close()

    def batch(self) -> bytes:
        group = self.engine.memory.site.plant.groups["fast"]
        now = time.time_ns()
        t_ns = np.array([now - 1000, now], dtype=np.int64)
        values = np.array([[100.0, 5.0], [100.0, 5.0]])
        identity = Identity("edge-1", 1, self.seq)
        header = Header(Kind.BATCH, PLANT, identity, self.prev, Origin.LIVE, "fast", group.digest)
        content = write_batch(header, group, t_ns, values)
        self.seq, self.prev = self.seq + 1, sha256(content).digest()
        return seal(content, signer=signer("edge-1"), plant=PLANT, purpose=Purpose.READINGS)

    def read(self, **how: bool) -> Reply:
        return self.feed(BatchReceived(os.urandom(16), "p", self.batch()), **how)

    def command(self, **but: Any) -> bytes:
        entry = self.engine.memory.frame.entry("tank-1/level")
        made = Command(
            os.urandom(16).hex(), "scada", "pump-1/speed", 105.0, "%", time.time_ns(),
            (Input("tank-1/level", entry),), "",
        )  # fmt: skip
        content = write_command(replace(made, **but), PLANT)
        return seal(content, signer=signer("scada"), plant=PLANT, purpose=Purpose.COMMAND)

    def propose(self, raw: bytes) -> Reply:
        return self.feed(CommandProposed(os.urandom(16), "p", raw, ""))

    def statement(self) -> bytes:
        now = time.time_ns()
        said = Statement(
            "ann", Verb.DISTRUST, "tank-1/level", "", b"", os.urandom(16), now, now + 60 * SECOND
        )
        content = write_statement(said, PLANT)
        return seal(content, signer=signer("ann"), plant=PLANT, purpose=Purpose.STATEMENT)


@pytest.fixture(params=["", ON], ids=["plain", "encrypted"])
def plant(request: pytest.FixtureRequest, tmp_path: Path) -> Plant:
    found = Plant(configured(tmp_path / "plant", request.param))
    found.read()
    found.read()
    return found


def gone(plant: Plant) -> None:
    """The machine with the data is lost; its keys were kept."""
    plant.close()
    plant.config.data_dir.rename(plant.config.data_dir.with_name("lost"))


def test_a_backup_beside_a_running_core_is_whole(plant: Plant, tmp_path: Path) -> None:
    plant.publish()
    plant.read()
    plant.read(commit_state=False)  # in the log only: the state has not seen it
    made = backup.create(plant.config, tmp_path / "b")
    assert (made.origin, made.size, made.leaves, made.log_end) == (f"{PLANT}/0", 2, 3, 3)
    plant.read()
    key = plant.stores.ledger.verifier_key
    plant.close()
    found, _ = backup.check(tmp_path / "b", key, PLANT)
    assert found == made
    private = (plant.config.keys_dir / "log.key").read_bytes().strip()
    everything = b"".join(p.read_bytes() for p in (tmp_path / "b").rglob("*") if p.is_file())
    assert private not in everything
    assert b"twinvouch-kek" not in everything


def test_a_restored_core_goes_on_in_a_new_epoch_that_names_the_old_one(
    plant: Plant, tmp_path: Path
) -> None:
    plant.publish()
    held = plant.propose(plant.command())
    assert held.body["status"] == "held"
    made = backup.create(plant.config, tmp_path / "b")
    old_root, old_key = plant.stores.ledger.root, plant.stores.ledger.verifier_key
    plant.read()  # acknowledged after the backup
    plant.publish()
    gone(plant)

    done = restore(plant.config, tmp_path / "b")
    assert done.origin == f"{PLANT}/1"
    assert done.entries == made.leaves + 1
    report = verifier.verify(plant.config.data_dir / "ledger", done.ledger_key)
    assert report.ok, report.faults
    (epoch,) = report.epochs
    assert (epoch.entry, epoch.origin, epoch.size, epoch.root) == (
        made.leaves, f"{PLANT}/0", 2, old_root,
    )  # fmt: skip
    assert f"entry {made.leaves} continues {PLANT}/0: 2 entries" in verifier.as_text(report)
    assert verifier.verify(plant.config.data_dir / "ledger.0", old_key).ok

    plant.open()
    memory = plant.engine.memory
    assert (memory.epoch, memory.size) == (1, made.leaves + 1)
    (record,) = memory.records.values()
    assert record.status.value == "expired"
    assert "propose it again" in record.outcome
    assert plant.read().body["status"] == "admitted"
    assert [f.rule for _, _, f in memory.findings][-1] == "gap", "the edge was ahead: told once"
    assert plant.read().body["findings"] == 0, "and not held against it for ever"
    plant.publish()
    plant.close()
    assert verifier.verify(plant.config.data_dir / "ledger", done.ledger_key).ok


def test_what_was_signed_before_the_restore_has_no_effect_after_it(
    plant: Plant, tmp_path: Path
) -> None:
    plant.publish()
    backup.create(plant.config, tmp_path / "b")
    said, proposed = plant.statement(), plant.command()
    assert plant.feed(StatementReceived(os.urandom(16), "p", said)).code == 200
    gone(plant)
    restore(plant.config, tmp_path / "b")
    plant.open()
    again = plant.feed(StatementReceived(os.urandom(16), "p", said))
    assert (again.code, "before a backup was restored" in str(again.body["why"])) == (403, True)
    assert plant.propose(proposed).body["rule"] == "before_restore"
    assert plant.feed(StatementReceived(os.urandom(16), "p", plant.statement())).code == 200
    plant.close()


def test_a_second_restore_of_one_backup_is_refused_and_a_chain_of_epochs_verifies(
    plant: Plant, tmp_path: Path
) -> None:
    plant.publish()
    backup.create(plant.config, tmp_path / "b")
    gone(plant)
    restore(plant.config, tmp_path / "b")
    with pytest.raises(UsageError, match="is there and not empty"):
        restore(plant.config, tmp_path / "b")
    plant.config.data_dir.rename(tmp_path / "first")
    with pytest.raises(UsageError, match="was opened already"):
        restore(plant.config, tmp_path / "b")
    with pytest.raises(UsageError, match="was opened already"):
        restore(plant.config, tmp_path / "b", epoch=1)
    assert restore(plant.config, tmp_path / "b", epoch=7).origin == f"{PLANT}/7"
    plant.open()
    plant.publish()
    backup.create(plant.config, tmp_path / "c")
    plant.close()
    plant.config.data_dir.rename(tmp_path / "second")
    done = restore(plant.config, tmp_path / "c")
    report = verifier.verify(plant.config.data_dir / "ledger", done.ledger_key)
    assert report.ok, report.faults
    assert [e.origin for e in report.epochs] == [f"{PLANT}/0", f"{PLANT}/7"]
    assert {p.name for p in plant.config.data_dir.glob("ledger*")} >= {"ledger", "ledger.0", "ledger.7"}  # fmt: skip


def test_a_log_that_retention_cuts_meanwhile_is_copied_without_a_hole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "log"
    log = SegmentLog(source, segment_bytes=1)
    for record in (b"a", b"b", b"c"):
        log.append(record)
        log.sync()
    copy = shutil.copyfile

    def dropping(old: Path, new: Path) -> None:
        copy(old, new)
        log.drop_before(2)  # the first that was copied, and the next

    monkeypatch.setattr("twinvouch.adapters.backup_files.shutil.copyfile", dropping)
    assert files.copy_log(source, tmp_path / "copy", 3) == 2
    log.close()
    copied = SegmentLog(tmp_path / "copy", known=3)
    assert list(copied.records(copied.first)) == [(2, b"c")]
    copied.close()


def test_two_backups_of_one_log_never_open_the_same_epoch(plant: Plant, tmp_path: Path) -> None:
    plant.publish()
    backup.create(plant.config, tmp_path / "b")
    plant.read()
    plant.publish()
    backup.create(plant.config, tmp_path / "c")
    gone(plant)
    restore(plant.config, tmp_path / "b")
    plant.config.data_dir.rename(tmp_path / "first")
    with pytest.raises(UsageError, match="--epoch 2"):
        restore(plant.config, tmp_path / "c")
    assert restore(plant.config, tmp_path / "c", epoch=2).origin == f"{PLANT}/2"


def test_a_linked_directory_does_not_belong_to_a_backup(plant: Plant, tmp_path: Path) -> None:
    plant.publish()
    backup.create(plant.config, tmp_path / "b")
    gone(plant)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "evil").write_bytes(b"x")
    (tmp_path / "b" / "models").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CorruptError, match="`models` does not belong to it"):
        restore(plant.config, tmp_path / "b")


def test_a_backup_with_one_changed_missing_or_foreign_file_is_refused(
    plant: Plant, tmp_path: Path
) -> None:
    plant.publish()
    made = backup.create(plant.config, tmp_path / "b")
    key = plant.stores.ledger.verifier_key
    gone(plant)
    for path in [*made.files, backup.MANIFEST]:
        file = tmp_path / "b" / path
        genuine = file.read_bytes()
        for changed in (genuine[:-1], genuine + b"\0", genuine[:40] + b"\xff\x00" + genuine[42:]):
            file.write_bytes(changed)
            with pytest.raises(TwinvouchError):
                restore(plant.config, tmp_path / "b", key)
        file.write_bytes(genuine)
    (tmp_path / "b" / "log" / "more").write_bytes(b"")
    with pytest.raises(CorruptError, match="does not belong to it"):
        restore(plant.config, tmp_path / "b")
    (tmp_path / "b" / "log" / "more").unlink()
    assert not plant.config.data_dir.exists(), "nothing was made of a bad backup"
    restore(plant.config, tmp_path / "b")


def test_another_log_key_refuses_a_backup_until_the_old_one_is_named(
    plant: Plant, tmp_path: Path
) -> None:
    plant.publish()
    backup.create(plant.config, tmp_path / "b")
    key = plant.stores.ledger.verifier_key
    gone(plant)
    (plant.config.keys_dir / "log.key").rename(tmp_path / "log.key")
    with pytest.raises(ConfigError, match="--key"):
        restore(plant.config, tmp_path / "b")
    build.key_file(plant.config, "log")
    with pytest.raises(CorruptError, match="not signed by this log key"):
        restore(plant.config, tmp_path / "b")
    done = restore(plant.config, tmp_path / "b", key)
    assert verifier.verify(plant.config.data_dir / "ledger", done.ledger_key).ok


def test_the_verbs_say_what_they_did(plant: Plant, tmp_path: Path) -> None:
    plant.publish()
    run, config = CliRunner(), ["--config", str(plant.config.path)]
    made = run.invoke(command, ["create", "--out", str(tmp_path / "b"), "--json", *config])
    assert json.loads(made.output)["leaves"] == 2
    again = run.invoke(command, ["create", "--out", str(tmp_path / "b"), *config])
    assert "needs one of its own" in str(again.exception)
    told = run.invoke(command, ["create", "--out", str(tmp_path / "c"), *config])
    assert "private keys are not in it" in told.output
    assert "whole" in run.invoke(command, ["verify", str(tmp_path / "b"), *config]).output
    gone(plant)
    done = run.invoke(command, ["restore", str(tmp_path / "b"), *config])
    assert f"the log goes on as {PLANT}/1" in done.output
    missing = run.invoke(command, ["verify", str(tmp_path / "nothing"), *config])
    assert "is no backup" in str(missing.exception)
