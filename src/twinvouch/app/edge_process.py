"""`twinvouch edge`: the process of one edge, from its configuration to a clean stop.

It holds one secret, the edge's own key, and checks at the start that the configuration names the public
half: batches under another key would be refused one by one.
"""

import asyncio
import logging
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from twinvouch.adapters.http_transport import HttpTransport
from twinvouch.adapters.key_store import KeyStore
from twinvouch.adapters.keys import FileSigner
from twinvouch.adapters.spool import Spool
from twinvouch.adapters.vault import Vault
from twinvouch.app import config as configuration
from twinvouch.app import edge_metrics, inventory, key_list, logs
from twinvouch.app.clock import SystemClock
from twinvouch.app.config_model import Config, EdgeSettings
from twinvouch.app.config_types import ns
from twinvouch.app.devices import Connect, listen
from twinvouch.app.edge import EdgeParts, EdgeSetup, Tally, run_edge
from twinvouch.app.edge_scan import Reach
from twinvouch.app.link_tls import ends_of, link_tls
from twinvouch.app.service import USUAL, Manner, notify, serve
from twinvouch.core.errors import ConfigError, SignatureError, UsageError
from twinvouch.core.inventory import Plant, key_id
from twinvouch.core.kind import Purpose

_log = logging.getLogger("twinvouch.edge")


def run(path: Path, edge: str | None, connect: Connect, manner: Manner = USUAL) -> int:
    """Run the edge `edge` (None: the only one) until SIGTERM or Ctrl-C; the exit code."""
    logs.start("edge", "", manner.log_format or "text")
    config = configuration.load(path)
    logs.start("edge", config.plant.id, manner.log_format or config.log.format)
    plant = inventory.plant(config)
    name = edge if edge is not None else _only_edge(config)
    if name not in config.edges:
        raise UsageError(f"`{path}` has no edge `{name}`, it has {sorted(config.edges)}")
    signer = _signer(config, plant, name)
    clock = SystemClock()
    file = config.data_dir / "edges" / f"{name}.spool"
    limit = config.edges[name].spool_mib * 1024 * 1024
    epoch = clock.wall_ns() // 1_000_000_000
    spool = Spool(file, name, limit, first_epoch=epoch, vault=_vault(config, name))
    try:
        own = _Own(signer, spool, clock, manner.metrics_file)
        tally = asyncio.run(_serve(config, plant, name, own, connect))
    finally:
        spool.close()
    _log.info("%s", _summary(tally))
    return 0


@dataclass(frozen=True, slots=True)
class _Own:
    """What belongs to this process alone."""

    signer: FileSigner
    spool: Spool
    clock: SystemClock
    metrics_file: Path | None


async def _serve(
    config: Config,
    plant: Plant,
    name: str,
    own: _Own,
    connect: Connect,
) -> Tally:
    spool = own.spool
    settings = config.edges[name]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    devices = {
        device: connect(config.devices[device], config.path.parent)
        for device in sorted(_devices(plant, name))
    }
    brokers = [
        listen(broker, f"twinvouch-{name}-{broker}", s, config.path.parent)
        for broker, s in settings.mqtt.items()
    ]
    _announce(name, settings, spool, (len(devices), len(brokers)))
    tls = link_tls(settings.tls, config.path.parent, (plant.id, name))
    ends = ends_of(settings.tls, config.path.parent)
    report = edge_metrics.writer(own.metrics_file, name, ends)
    async with HttpTransport(settings.core, tls=tls) as transport:
        parts = EdgeParts(
            devices, spool, own.signer, transport, own.clock, brokers=brokers, report=report
        )
        serving = asyncio.create_task(serve())
        try:
            return await run_edge(_setup(config, plant, name), parts, stop)
        finally:
            serving.cancel()
            notify("STOPPING=1")
            for device in devices.values():
                await device.close()


def _announce(name: str, settings: EdgeSettings, spool: Spool, sources: tuple[int, int]) -> None:
    """Say what runs, and how much waits from before."""
    epoch, waiting = spool.next[0].epoch, spool.waiting[0]
    _log.info(
        "edge %s, epoch %d: %d scan groups, %d devices, %d brokers, %d batches wait for %s",
        *(name, epoch, len(settings.groups), *sources, waiting, settings.core),
        extra={"fields": {"edge": name, "epoch": epoch, "waiting": waiting}},
    )


def _setup(config: Config, plant: Plant, name: str) -> EdgeSetup:
    settings = config.edges[name]
    return EdgeSetup(
        plant,
        name,
        inventory.origin(config),
        ns(settings.gather_s),
        settings.max_rows,
        reach={n: Reach(d.max_registers, d.max_gap) for n, d in config.devices.items()},
    )


def _vault(config: Config, edge: str) -> Vault | None:
    """What encrypts the spool; None where the configuration names no key for it."""
    if config.edge_kek is None:
        return None
    keys = KeyStore(config.edge_keys(edge), config.edge_kek)
    if keys.made_kek:
        _log.warning("made key-encryption key %s: without it the spool is lost", config.edge_kek)
    return Vault(keys)


def _devices(plant: Plant, edge: str) -> set[str]:
    """The devices that this edge's tags lie on."""
    tags = [t for name in plant.edges[edge].groups for t in plant.groups[name].tags]
    return {t.point.device for t in tags if t.point is not None}


def _only_edge(config: Config) -> str:
    if len(config.edges) != 1:
        raise UsageError(f"`{config.path}` has {len(config.edges)} edges: name one with --edge")
    return next(iter(config.edges))


def _signer(config: Config, plant: Plant, name: str) -> FileSigner:
    file = config.keys_dir / f"{name}.key"
    ring = key_list.ring_of(config, plant)
    if ring is not None:
        signer = FileSigner(file)
        try:
            ring.expect(key_id(signer.public_key), Purpose.READINGS, time.time_ns())
        except SignatureError as error:
            raise ConfigError(
                f"key file `{file}`: {error}, says `{key_list.path_of(config)}`"
            ) from None
        return signer
    if not plant.principals[name].key:
        raise ConfigError(
            f"`{config.path}`: principals: `{name}` has no key yet: make it with "
            f"`twinvouch principals add {name} --kind edge --config {config.path}`, restart the core"
        )
    signer = FileSigner(file)
    if plant.principals[name].key != signer.public_key:
        raise ConfigError(
            f"`{config.path}`: principals: the key of `{name}` is not the public half of `{file}`: "
            f"enter the key that `twinvouch principals add {name}` printed when it made this file"
        )
    return signer


def _summary(tally: Tally) -> str:
    shipped = tally.shipped
    return (
        f"stopped: {tally.polled.rows} rows read, {tally.readings} readings heard, {tally.polled.missing} cells missing, "
        f"{tally.rows_refused} rows lost to a full spool, {tally.batches} batches sealed, "
        f"{shipped.kept} kept by the core, {shipped.refused} refused, {tally.waiting} wait"
    )
