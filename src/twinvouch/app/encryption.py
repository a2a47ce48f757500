"""What a person does with the keys of encrypted data: look, shred one day of one stream, rotate the KEK."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from twinvouch.adapters import deeds
from twinvouch.adapters.key_store import FILE, KeyStore, iso
from twinvouch.adapters.sealed_state import opened_rows
from twinvouch.adapters.sqlite_state import open_reader
from twinvouch.adapters.vault import LABELS, STATE, Vault
from twinvouch.app import retention
from twinvouch.app.config_model import Config
from twinvouch.core.errors import ConfigError, UsageError
from twinvouch.engine.rows import time_of
from twinvouch.wire.encrypted import DAY_NS

NEVER_SHREDDED = {STATE: "what the engine knows now", LABELS: "the labels that many entries share"}


def status(config: Config) -> Mapping[str, Any]:
    """Whether the core's data is encrypted, and the keys of each stream."""
    path = config.data_dir / FILE
    if config.core_kek is None or not path.exists():
        return {"encrypted": config.core_kek is not None, "key_store": None, "streams": []}
    with closing(_keys(config)) as keys:
        days = defaultdict(list)
        for key in keys.listed():
            days[key.stream].append(key)
        streams = [
            {
                "stream": stream,
                "keys": sum(k.shredded_ns is None for k in listed),
                "shredded": sum(k.shredded_ns is not None for k in listed),
                "first": iso(listed[0].day),
                "last": iso(listed[-1].day),
            }
            for stream, listed in days.items()
        ]
        return {"encrypted": True, "key_store": keys.id.hex(), "streams": streams}


def shred(config: Config, stream: str, day: int, now_ns: int) -> None:
    """Make everything of a stream and day unreadable for good; works beside a running core.

    UsageError where the state still needs it: a day counts as seen once the engine's committed time is past it.
    """
    if stream in NEVER_SHREDDED:
        raise UsageError(f"stream `{stream}` is {NEVER_SHREDDED[stream]}: it is not shredded")
    if holds := retention.held_day(config, stream, day):
        raise UsageError(
            f"stream `{stream}`, {iso(day)}, is held by {', '.join(f'`{h}`' for h in holds)} "
            "(`retention.holds`): it is not shredded"
        )
    with closing(_keys(config)) as keys:
        seen = _committed_ns(config, Vault(keys)) // DAY_NS
        if seen <= day:
            raise UsageError(
                f"the state has seen the log up to {iso(seen)}: {iso(day)} is still needed to start again; "
                "let the core run past that day first"
            )
        keys.shred(stream, day, now_ns)
    deeds.note(config.data_dir, deeds.Deed("shredded", stream, day, 0, b""), now_ns)


def rotate(config: Config) -> Path:
    """Wrap the core's data keys under a new KEK, in the place of the old; the core must not run."""
    keys = _keys(config, is_owner=True)
    with closing(keys):
        keys.rotate()
    assert config.core_kek is not None
    return config.core_kek


def rotate_edge(config: Config, edge: str) -> Path:
    """The same for the spool of an edge; the edge must not run."""
    if config.edge_kek is None:
        raise ConfigError(f"{config.path}: `encryption.edge_kek` is not set: nothing to rotate")
    if edge not in config.edges:
        raise UsageError(f"`{config.path}` has no edge `{edge}`, it has {sorted(config.edges)}")
    with closing(KeyStore(config.edge_keys(edge), config.edge_kek)) as keys:
        keys.rotate()
    return config.edge_kek


def _keys(config: Config, *, is_owner: bool = False) -> KeyStore:
    path = config.data_dir / FILE
    if config.core_kek is None:
        raise ConfigError(f"{config.path}: `encryption.core_kek` is not set: nothing is encrypted")
    if not path.exists():
        raise UsageError(f"`{config.data_dir}` has no keys yet: start the core once")
    return KeyStore(path, config.core_kek, is_owner=is_owner)


def _committed_ns(config: Config, vault: Vault) -> int:
    with closing(open_reader(config.data_dir / "state.db")) as state:
        return time_of(opened_rows(vault, state.load()[0]))
