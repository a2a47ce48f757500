"""`twinvouch edge`: the process of one edge, from its configuration to a clean stop.

It holds one secret, the edge's own key, and checks at the start that the configuration names the public
half: batches under another key would be refused one by one.
"""

import asyncio
import signal
import sys
from pathlib import Path

from twinvouch.adapters.http_transport import HttpTransport
from twinvouch.adapters.keys import FileSigner
from twinvouch.adapters.spool import Spool
from twinvouch.app import config as configuration
from twinvouch.app import inventory
from twinvouch.app.clock import SystemClock
from twinvouch.app.config_model import Config
from twinvouch.app.config_types import ns
from twinvouch.app.devices import Connect, listen
from twinvouch.app.edge import EdgeParts, EdgeSetup, Tally, run_edge
from twinvouch.app.terminal import log_to_stderr
from twinvouch.core.errors import ConfigError, UsageError
from twinvouch.core.inventory import Plant


def run(path: Path, edge: str | None, connect: Connect) -> int:
    """Run the edge `edge` (None: the only one) until SIGTERM or Ctrl-C; the exit code."""
    config = configuration.load(path)
    plant = inventory.plant(config)
    name = edge if edge is not None else _only_edge(config)
    if name not in config.edges:
        raise UsageError(f"`{path}` has no edge `{name}`, it has {sorted(config.edges)}")
    signer = _signer(config, plant, name)
    log_to_stderr()
    clock = SystemClock()
    file = config.data_dir / "edges" / f"{name}.spool"
    limit = config.edges[name].spool_mib * 1024 * 1024
    spool = Spool(file, name, limit, first_epoch=clock.wall_ns() // 1_000_000_000)
    try:
        tally = asyncio.run(_serve(config, plant, name, (signer, spool, clock), connect))
    finally:
        spool.close()
    print(_summary(tally), file=sys.stderr)
    return 0


async def _serve(
    config: Config,
    plant: Plant,
    name: str,
    own: tuple[FileSigner, Spool, SystemClock],
    connect: Connect,
) -> Tally:
    signer, spool, clock = own
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
    setup = EdgeSetup(
        plant, name, inventory.origin(config), ns(settings.gather_s), settings.max_rows
    )
    identity, _ = spool.next
    print(
        f"edge {name}, epoch {identity.epoch}: {len(settings.groups)} scan groups, {len(devices)} "
        f"devices, {len(brokers)} brokers, {spool.waiting[0]} batches wait for {settings.core}",
        file=sys.stderr,
        flush=True,
    )
    async with HttpTransport(settings.core) as transport:
        try:
            parts = EdgeParts(devices, spool, signer, transport, clock, brokers=brokers)
            return await run_edge(setup, parts, stop)
        finally:
            for device in devices.values():
                await device.close()


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
