"""Encryption from the configuration to the disk: on at the first start, looked at, shredded, rotated, never silently off."""

import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.golden.v1_plant import CONFIG
from twinvouch.adapters.key_store import iso
from twinvouch.adapters.sealed_state import SealedState
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.app import build, encryption
from twinvouch.app.cli.encryption import command
from twinvouch.app.config_model import Config
from twinvouch.app.core import Core
from twinvouch.core.errors import ConfigError, UnavailableError, UsageError
from twinvouch.core.ports import Group
from twinvouch.engine import Engine
from twinvouch.wire.encrypted import DAY_NS, is_encrypted

ON = "encryption: {core_kek: secrets/core.kek, edge_kek: secrets/edge.kek}\n"


def configured(directory: Path, more: str = ON) -> Config:
    path = directory / "twin.yaml"
    path.write_text(CONFIG + more)
    return build.load(path)


def run_once(config: Config) -> Core:
    """A core that starts and stops."""
    core = Core(Engine(build.site(config)), build.stores(config), lambda _: None, config.data_dir)
    core.start()
    core.stop()
    return core


def records(config: Config) -> list[bytes]:
    keys = encryption._keys(config) if config.core_kek else None
    log = SegmentLog(config.data_dir / "log", key_id=keys.id if keys else bytes(8))
    found = [raw for _, raw in log.records(0)]
    log.close()
    return found


def test_the_first_start_makes_the_kek_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = configured(tmp_path)
    run_once(config)
    assert "keep a copy elsewhere" in caplog.text
    caplog.clear()
    assert (tmp_path / "secrets" / "core.kek").stat().st_mode & 0o777 == 0o600
    run_once(config)
    assert "key-encryption" not in caplog.text
    assert all(map(is_encrypted, records(config)))


def test_a_plant_can_be_encrypted_later_and_loses_nothing(tmp_path: Path) -> None:
    run_once(configured(tmp_path, ""))
    config = configured(tmp_path)
    core = run_once(config)
    assert core.engine.memory.size == 2
    assert [is_encrypted(raw) for raw in records(config)] == [False, True]
    assert len(list((tmp_path / "data" / "log").glob("*.seg"))) == 2
    core = run_once(config)
    assert core.engine.memory.size == 3


def test_encryption_is_never_turned_off_silently(tmp_path: Path) -> None:
    run_once(configured(tmp_path))
    with pytest.raises(ConfigError, match="cannot be turned off again"):
        build.stores(configured(tmp_path, ""))


def test_a_lost_kek_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    config = configured(tmp_path)
    run_once(config)
    (tmp_path / "secrets" / "core.kek").rename(tmp_path / "moved")
    with pytest.raises(ConfigError, match="is missing"):
        build.stores(config)
    (tmp_path / "moved").rename(tmp_path / "secrets" / "core.kek")
    run_once(config)


@pytest.mark.parametrize("name", ["core_kek", "edge_kek"])
def test_a_kek_beside_what_it_locks_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="outside the data directory"):
        configured(tmp_path, f"encryption: {{{name}: data/x/core.kek}}\n")


def test_today_is_not_shredded_and_neither_is_the_state(tmp_path: Path) -> None:
    config = configured(tmp_path)
    with pytest.raises(UsageError, match="no keys yet"):
        encryption.shred(config, "core", 1, 0)
    run_once(config)
    today = time.time_ns() // DAY_NS
    for stream, why in (("core", "still needed"), ("state", "not shredded"), ("labels", "not shredded")):  # fmt: skip
        with pytest.raises(UsageError, match=why):
            encryption.shred(config, stream, today, 0)
    assert all(s["shredded"] == 0 for s in encryption.status(config)["streams"])
    with pytest.raises(UsageError, match="has no key of stream"):
        encryption.shred(config, "edge-1", today - 1, 0)


def test_a_shredded_day_does_not_keep_the_core_from_starting(tmp_path: Path) -> None:
    config = configured(tmp_path)
    run_once(config)
    yesterday = time.time_ns() // DAY_NS - 1
    keys = encryption._keys(config)
    keys.key("edge-1", yesterday)
    keys.close()
    done = CliRunner().invoke(
        command, ["shred", "edge-1", iso(yesterday), "--config", str(config.path)]
    )
    assert done.exit_code == 0, done.output
    assert "is gone" in done.output
    assert run_once(config).engine.memory.size == 2
    (edge,) = (s for s in encryption.status(config)["streams"] if s["stream"] == "edge-1")
    assert (edge["keys"], edge["shredded"], edge["first"]) == (0, 1, iso(yesterday))


def test_the_kek_is_rotated_while_the_core_stands_still(tmp_path: Path) -> None:
    config = configured(tmp_path)
    stores = build.stores(config)
    before = (tmp_path / "secrets" / "core.kek").read_bytes()
    run = CliRunner()
    busy = run.invoke(command, ["rotate-kek", "--config", str(config.path)])
    assert "in use by another process" in str(busy.exception)
    for part in (stores.log, stores.state, stores.ledger, stores.reader, stores.vault):
        assert part is not None
        part.close()
    run_once(config)
    done = run.invoke(command, ["rotate-kek", "--config", str(config.path)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "secrets" / "core.kek").read_bytes() != before
    assert run_once(config).engine.memory.size == 2


def test_status_says_what_there_is(tmp_path: Path) -> None:
    run = CliRunner()
    config = configured(tmp_path, "")
    off = run.invoke(command, ["status", "--config", str(config.path)])
    assert off.output == "not encrypted: `encryption.core_kek` is not set\n"
    config = configured(tmp_path)
    run_once(config)
    shown = run.invoke(command, ["status", "--config", str(config.path)])
    assert [line.split()[0] for line in shown.output.splitlines()[2:]] == ["core", "state"]
    assert '"encrypted": true' in run.invoke(
        command, ["status", "--json", "--config", str(config.path)]
    ).output  # fmt: skip


def test_the_spool_of_an_edge_is_rotated_by_its_name(tmp_path: Path) -> None:
    config = configured(tmp_path)
    from twinvouch.app.edge_process import _vault

    vault = _vault(config, "edge-1")
    assert vault is not None
    sealed = vault.seal("spool", 0, b"x", b"")
    vault.close()
    before = (tmp_path / "secrets" / "edge.kek").read_bytes()
    encryption.rotate_edge(config, "edge-1")
    assert (tmp_path / "secrets" / "edge.kek").read_bytes() != before
    again = _vault(config, "edge-1")
    assert again is not None
    assert again.open(sealed, b"") == b"x"
    again.close()
    with pytest.raises(UsageError, match="has no edge"):
        encryption.rotate_edge(config, "edge-9")


def test_the_first_event_of_a_day_finds_its_key_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(tmp_path, ON + "disk: {reserve_mib: 1, reserve_percent: 0}\n")
    stores = build.stores(config)
    assert stores.vault is not None
    assert stores.disk is not None
    assert stores.disk.reserve.make()
    reserve, key = config.data_dir / "reserve", stores.vault.keys.key

    def full(stream: str, day: int) -> bytes:
        if reserve.exists():
            raise UnavailableError("no space left on device")
        return key(stream, day)

    monkeypatch.setattr(stores.vault.keys, "key", full)
    stored = stores.vault.seal("core", 20_000 * DAY_NS, b"said", b"log")
    assert stores.vault.open(stored, b"log") == b"said"
    assert stores.disk.is_spent
    for part in (stores.log, stores.reader, stores.state, stores.ledger, stores.vault):
        assert part is not None
        part.close()


def test_rows_of_earlier_days_can_wait_for_a_disk_with_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run_once(configured(tmp_path, ""))

    def full(self: SealedState, group: Group) -> None:
        raise UnavailableError("no space left on device")

    monkeypatch.setattr(SealedState, "commit", full)
    stores = build.stores(configured(tmp_path))
    assert stores.state.load()[0], "read as they are"
    assert "until there is room" in caplog.text
    for part in (stores.log, stores.reader, stores.state, stores.ledger, stores.vault):
        assert part is not None
        part.close()
