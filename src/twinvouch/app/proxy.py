"""The guard proxy of an actuator: listening sockets before devices, reads passed on, every write proposed as commands.

Nothing that a client sends reaches a device: reads are asked anew over a connection of the proxy's own, and what is written is
written by the actuator, with a permit.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from twinvouch.adapters.keys import FileSigner
from twinvouch.adapters.link_tls import Revoked, ServerFiles, server_context
from twinvouch.adapters.modbus_back import Address, Back
from twinvouch.adapters.modbus_front import Door, Front
from twinvouch.adapters.modbus_tcp import TlsFiles, tls_context
from twinvouch.adapters.safe_journal import SafeJournal
from twinvouch.app.actuator import Actuator
from twinvouch.app.actuator_check import OwnPoint
from twinvouch.app.actuator_config import ActuatorConfig
from twinvouch.app.config_model import DeviceSettings
from twinvouch.app.proxy_config import FrontSettings, ProxySettings
from twinvouch.app.proxy_places import Places
from twinvouch.app.proxy_safe import SafeWrites, telling
from twinvouch.app.proxy_scan import Scans
from twinvouch.app.proxy_writes import Fate, Proposer, Writes
from twinvouch.core.ports import Transport
from twinvouch.core.scan import Sight
from twinvouch.wire.modbus_guard import Why


@dataclass(frozen=True, slots=True)
class Around:
    """What a proxy stands beside: the actuator that writes, the way to the core, and whether permits come."""

    actuator: Actuator
    transport: Transport
    is_connected: Callable[[], bool]


@dataclass(slots=True)
class Proxy:
    """All listening sockets of one actuator."""

    fronts: list[Front] = field(default_factory=list)
    backs: list[Back] = field(default_factory=list)
    writes: list[Writes] = field(default_factory=list)
    safe: SafeWrites | None = None
    scans: Scans | None = None

    async def open(self) -> None:
        """Listen on all of them; UnavailableError where an address is taken."""
        for front in self.fronts:
            await front.open()

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside it until it is closed."""
        told = [] if self.safe is None else [telling(self.safe)]
        return told if self.scans is None else [*told, self.scans.run()]

    def close(self) -> None:
        """End all connections."""
        for front in self.fronts:
            front.close()
        for back in self.backs:
            back.close()
        if self.safe is not None:
            self.safe.journal.close()

    def reads(self) -> int:
        """Reads passed on."""
        return sum(front.counts.reads for front in self.fronts)

    def waited_s(self) -> float:
        """How long reads waited for their devices, all together."""
        return sum(back.waited_s for back in self.backs)

    def fates(self) -> dict[Fate, int]:
        """Writes by what became of them."""
        return {f: sum(w.fates.get(f, 0) for w in self.writes) for f in Fate}

    def owned(self) -> dict[Why, int]:
        """What was answered here, by reason."""
        return {w: sum(f.counts.owned.get(w, 0) for f in self.fronts) for w in Why}


def build(config: ActuatorConfig, directory: Path, around: Around) -> Proxy | None:
    """The proxy of an actuator.yaml, not listening yet; None where it has none. ConfigError: files that are no good."""
    settings = config.proxy
    if settings is None:
        return None
    actuator = around.actuator
    proposer = Proposer(
        config.plant,
        settings.principal,
        FileSigner(directory / settings.key),
        around.transport,
        {tag: written.measured_in for tag, written in settings.tags.items()},
    )
    journal = SafeJournal(directory / config.data, actuator.clock.wall_ns())
    rules = {tag: written.rule for tag, written in settings.tags.items()}
    safe = SafeWrites(rules, actuator, journal, proposer, around.is_connected)
    proxy = Proxy(safe=safe)
    names = [front.device for front in settings.listen]

    def taken() -> list[Sight]:
        pairs = zip(names, proxy.fronts, strict=True)
        return [sight for name, front in pairs for sight in front.sights.take(name)]

    proxy.scans = Scans(config.plant, actuator.signer, around.transport, actuator.clock, taken)
    own = config.limits.points
    for front in settings.listen:
        device = config.devices[front.device]
        back = Back(_address(device, directory))
        points = [own[tag] for tag in settings.tags if own[tag].point.device == front.device]
        writes = _writes(settings, points, safe, back)
        proxy.backs.append(back)
        proxy.writes.append(writes)
        proxy.fronts.append(Front(_door(front, directory), front.guard, back.ask, writes.judge))
    return proxy


def _writes(
    settings: ProxySettings, points: list[OwnPoint], safe: SafeWrites, back: Back
) -> Writes:
    actuator = safe.actuator
    return Writes(
        Places(points),
        safe.proposer,
        actuator.proposals,
        actuator.clock,
        safe.is_connected,
        safe.decide,
        partial(answer_of, back),
        settings.decide_s,
    )


async def answer_of(back: Back, unit: int, pdu: bytes) -> bytes:
    """The PDU that answers a question to a device."""
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    back.ask(unit, pdu, lambda got: None if answer.done() else answer.set_result(got))
    return await answer


def _address(device: DeviceSettings, directory: Path) -> Address:
    tls = None
    if device.tls is not None:
        cert = directory / device.tls.cert if device.tls.cert is not None else None
        key = directory / device.tls.key if device.tls.key is not None else None
        tls = tls_context(TlsFiles(directory / device.tls.ca, cert, key))
    return Address(device.host, device.port, device.timeout_s, device.in_flight, tls)


def _door(front: FrontSettings, directory: Path) -> Door:
    tls, revoked = None, None
    if (given := front.tls) is not None:
        authority = directory / given.client_ca
        files = ServerFiles(directory / given.cert, directory / given.key, authority)
        tls = server_context(files, given.oldest)
        # certificates of Modbus devices come from authorities of all kinds, and many lack key identifiers
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        revoked = Revoked(None if given.crl is None else directory / given.crl, authority)
    return Door(front.host, front.port, tls, front.most_clients, front.idle_s, revoked)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The faster event loop where it is installed: of what a proxy adds to a read, most is the loop."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made
