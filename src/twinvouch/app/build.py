"""The composition root: from a Config to the parts of a running core. The only file that names adapters for it."""

import logging
import time
from dataclasses import replace
from pathlib import Path

from twinvouch.adapters.cedar import CedarPolicy, default_policy, default_texts
from twinvouch.adapters.cel import CelCondition
from twinvouch.adapters.key_store import FILE as KEY_STORE
from twinvouch.adapters.key_store import KeyStore
from twinvouch.adapters.keys import FileSigner, generate
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.lock_file import make_directory
from twinvouch.adapters.reserve import Reserve
from twinvouch.adapters.sealed_state import SealedState
from twinvouch.adapters.segment_file import PLAIN
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.adapters.vault import Vault
from twinvouch.app import (
    after_rules,
    detection,
    inventory,
    key_list,
    lookahead_model,
    retention,
    safe_rules,
    safety,
    virtual_sensors,
    watchdogs,
)
from twinvouch.app import config as configuration
from twinvouch.app.config_model import Config
from twinvouch.app.core import Stores
from twinvouch.app.disk_watch import DiskWatch
from twinvouch.app.yaml_file import Document
from twinvouch.core.batch import Origin
from twinvouch.core.errors import ConfigError, TwinvouchError, UnavailableError
from twinvouch.core.inventory import Plant
from twinvouch.core.ports import Condition, Policy, State
from twinvouch.core.site import Site
from twinvouch.engine.rows import epoch_of
from twinvouch.wire.signature import algorithm

_log = logging.getLogger("twinvouch.core")


def load(path: Path) -> Config:
    """The validated configuration, its interlocks tried out; raises ConfigError with every problem."""
    return configuration.load(path, CelCondition)


def from_document(document: Document, path: Path) -> Config:
    """As `load`, for a text that is parsed but perhaps not yet written."""
    return configuration.from_document(document, path, CelCondition)


def site(config: Config, origin: Origin | None = None) -> Site:
    """What one engine works with; `origin` replaces the configured one (a replay of files)."""
    plant = inventory.plant(config)
    safe = safe_rules.safe(config)
    if why := next(safe_rules.unfit(plant, safe), ""):
        raise ConfigError(f"{config.path}: safe_actions: {why}")
    if why := next(after_rules.unfit(plant, config), ""):
        raise ConfigError(f"{config.path}: {why}")
    # readings of long ago are not judged by the keys of today
    root = key_list.root_of(config) if origin is None else b""
    key_list.ring_of(config, plant)  # what does not fit is told now
    # what is replayed writes nothing, so nothing of it is looked ahead
    aheads = lookahead_model.aheads(config, plant) if origin is None else {}
    return Site(
        plant=plant,
        policy=policy(config),
        config_digest=config.digest,
        origin=inventory.origin(config) if origin is None else origin,
        readings=inventory.reading_rules(config),
        commands=inventory.command_rules(config),
        distrust=inventory.distrust_rules(config),
        modes=inventory.mode_rules(config),
        interlocks=interlocks(plant),
        root=root,
        detector=detection.detector(config, plant),
        ahead=aheads,
        watchdogs=watchdogs.watchdogs(config, plant, aheads) if aheads else {},
        virtual=virtual_sensors.sensors(config, plant) if origin is None else {},
        safe=safe,
        aftermaths=after_rules.aftermaths(config),
    )


def live_site(config: Config, permit_key: bytes) -> Site:
    """What the engine of a running plant works with: with the key of its permits, and what must be signed."""
    of = site(config)
    asked = safety.of(config, of.plant, of.policy.digest)
    return replace(of, permit_key=permit_key, safety=asked)


def policy(config: Config) -> Policy:
    """The site's own policy file over the schema that comes with twinvouch, or the default policy."""
    if config.policy is None:
        return default_policy()
    path = config.path.parent / config.policy
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"policy `{path}`: {error.strerror}") from None
    return CedarPolicy(text, default_texts()[1])


def interlocks(plant: Plant) -> dict[str, Condition]:
    """The interlock of every actuator that has one, compiled and tried on low, middle and high values."""
    compiled: dict[str, Condition] = {}
    for tag in plant.tags.values():
        if tag.limits is not None and tag.limits.interlock:
            read = [plant.tags[t] for t in tag.limits.interlock_tags]
            try:
                compiled[tag.id] = CelCondition(tag.limits.interlock, read)
            except ValueError as error:
                raise ConfigError(f"tags.{tag.id}.actuator.interlock: {error}") from None
    return compiled


def stores(config: Config, directory: Path | None = None, origin: str = "") -> Stores:
    """Log, state and ledger below the data directory, opened and checked against each other.

    `origin` names the ledger where it is not that of the running plant: a replay has its own.
    """
    data = directory if directory is not None else config.data_dir
    make_directory(data)
    vault = core_vault(config, data)
    watch = DiskWatch(
        Reserve(data, config.disk.reserve_mib * 1024 * 1024), config.disk.reserve_percent
    )
    if vault is not None:
        vault.make_room = watch.release  # the first event of a day needs a key, full disk or not
    plain = SqliteState(data / "state.db")
    state: State = plain
    if vault is not None:
        state = SealedState(plain, vault, time.time_ns)
        try:
            state.renew()
        except UnavailableError as error:
            _log.warning("rows of earlier days keep their keys until there is room: %s", error)
    rows, known = state.load()
    log = SegmentLog(data / "log", known=known, key_id=PLAIN if vault is None else vault.id)
    signer = log_signer(config)
    earlier = key_list.log_keys(key_list.ring_of(config, inventory.plant(config)))
    name = origin or f"{config.plant.id}/{epoch_of(rows)}"
    ledger = LedgerFiles(data / "ledger", name, signer, earlier)

    def retire(seen: int) -> int:
        if config.retention.history_days:  # what is in no chunk yet stays in the log
            try:
                seen = min(seen, retention.reached(data) or 0)
            except TwinvouchError as error:
                _log.error("segments of the log are kept, the history cannot be asked: %s", error)
                return 0
        cutoff_ns = retention.log_cutoff_ns(config, time.time_ns())
        return log.drop_before(min(log.older_than(cutoff_ns), seen))

    readers = plain.reader(), plain.reader
    return Stores(log, state, ledger, *readers, log.repairs, vault, retire, watch, data)


def core_vault(config: Config, data: Path) -> Vault | None:
    """What encrypts log, state and blobs in `data`; None where the configuration names no key for it.

    The first start makes the key-encryption key, and says so.
    """
    if config.core_kek is None:
        if (data / KEY_STORE).exists():
            raise ConfigError(
                f"{config.path}: `{data}` is encrypted and `encryption.core_kek` is not set: name the key-encryption "
                "key that it was made with; encryption cannot be turned off again"
            )
        return None
    keys = KeyStore(data / KEY_STORE, config.core_kek)
    if keys.made_kek:
        _log.warning(
            "made key-encryption key %s: keep a copy elsewhere, without it the data cannot be read",
            config.core_kek,
        )
    return Vault(keys)


def log_signer(config: Config) -> FileSigner:
    """The key that signs checkpoints: Ed25519, since a signed note knows no ES256."""
    path = key_file(config, "log")
    signer = FileSigner(path)
    if algorithm(signer.public_key) != "ed25519":
        raise ConfigError(f"key file `{path}`: expected an Ed25519 key: checkpoints know no other")
    return signer


def permit_signer(config: Config) -> FileSigner | None:
    """The key that signs permits; None for a plant that is never written to."""
    return None if config.actuator is None else FileSigner(key_file(config, "permit"))


def key_file(config: Config, name: str) -> Path:
    """The core's own key `name` (log or permit), made at first use: 0600, never printed."""
    path = config.keys_dir / f"{name}.key"
    if not path.exists():
        config.keys_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        generate(path)
    return path
