"""A guard proxy with everything around it, for its benches and tests: a controller, an actuator with a journal, a core.

The core here permits or denies as it is told; actuator, journal, permits, proxy and Modbus are those of the product.
"""

import asyncio
import base64
import secrets
import socket
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from twinvouch.adapters.actuator_journal import ActuatorJournal, Spending
from twinvouch.adapters.cedar import default_policy
from twinvouch.adapters.keys import FileSigner, SeededSigner, generate
from twinvouch.adapters.modbus_tcp import ModbusDevice
from twinvouch.app import proxy
from twinvouch.app.actuator import Actuator
from twinvouch.app.actuator_config import ActuatorConfig, from_document
from twinvouch.app.bench.proxy_plant import Plant, Seen
from twinvouch.app.clock import SystemClock
from twinvouch.app.yaml_file import parse
from twinvouch.commands import permit as permits
from twinvouch.core.command import Command, Decision, Verdict
from twinvouch.core.errors import UnavailableError
from twinvouch.core.inventory import CommandClass, Limits, Point, Tag
from twinvouch.core.inventory import Plant as Inventory
from twinvouch.core.kind import Purpose
from twinvouch.core.site import Site
from twinvouch.wire.command import read_command
from twinvouch.wire.cose import seal, unseal
from twinvouch.wire.permit import write_permit

NAME: Final = "bench"
ACTUATOR_YAML: Final = """
version: 1
plant: bench
principal: actuator-1
key: actuator.key
permit_key: {permit}
core: http://127.0.0.1:1
token_file: actuator.token
data: data
devices:
  plc: {{host: 127.0.0.1, port: {port}, timeout_s: 2, in_flight: {in_flight}}}
points:
  - {{tag: valve/open, device: plc, table: coil, address: 3, encoding: bit, min: 0, max: 1}}
  - {{tag: pump/speed, device: plc, table: holding, address: 10, encoding: f32, min: 0, max: 100}}
  - {{tag: pump/level, device: plc, table: holding, address: 20, encoding: u16, scale: 0.1, min: 0, max: 1000}}
  - {{tag: gate/open, device: plc, table: holding, address: 30, encoding: bit, bit: 4, min: 0, max: 1}}
  - {{tag: heat/low, device: plc, table: holding, address: 40, encoding: i16, min: -100, max: 100}}
  - {{tag: heat/high, device: plc, table: holding, address: 41, encoding: u16, min: 0, max: 100}}
proxy:
  principal: hmi
  key: hmi.key
  decide_s: {decide_s}
  listen:
    - {{device: plc, port: {front}{more}}}
  tags:
    valve/open: {{measured_in: "1", without_core: pass_safe, safe: [0], per_hour: 2}}
    pump/speed: {{measured_in: "%", without_core: hold_last}}
    pump/level: {{measured_in: m}}
    gate/open: {{measured_in: "1"}}
    heat/low: {{measured_in: K}}
    heat/high: {{measured_in: K}}
"""


class Journal(ActuatorJournal):
    """Remembers what was spent, for the oracle."""

    spent: list[Spending]

    def spend(self, spending: Spending) -> None:
        """Spend, and remember it."""
        self.__dict__.setdefault("spent", []).append(spending)
        super().spend(spending)


@dataclass
class Core:
    """Takes commands and gives permits; `says` is permit, hold, deny, nothing (never answers) or gone."""

    site: Site
    signer: SeededSigner
    actuator: Actuator | None = None
    says: str = "permit"
    by_tag: dict[str, str] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    permits: list[bytes] = field(default_factory=list)
    delay_s: float = 0.0
    is_there: bool = True  # its permits come
    value: float | None = None  # permitted instead of what was asked for
    _working: set[asyncio.Task[None]] = field(default_factory=set)

    async def send(
        self, path: str, body: bytes, content_type: str = ""
    ) -> tuple[int, Mapping[str, Any]]:
        """As the core's API answers a command; its permit comes on the other way, as it does there."""
        del path, content_type
        if self.says == "gone":
            raise UnavailableError("the core did not answer")
        command = read_command(unseal(body).content, NAME)
        self.commands.append(command)
        says = self.by_tag.get(command.tag, self.says)
        if says == "nothing":
            await asyncio.sleep(60)
        if says == "permit":
            self.permit(command)
        status = {"permit": "permitted", "hold": "held"}.get(says, "denied")
        code = 403 if status == "denied" else 200
        return code, {"id": command.id, "status": status, "why": f"the bench says {says}"}

    def permit(self, command: Command) -> None:
        """Give the permit of a command to the actuator, after `delay_s`."""
        task = asyncio.get_running_loop().create_task(self._permit(command))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def idle(self) -> None:
        """Until no permit is being carried out."""
        while self._working:
            await asyncio.gather(*self._working)

    async def _permit(self, command: Command) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        raw = self.sealed(command)
        self.permits.append(raw)
        assert self.actuator is not None
        await self.actuator.take(raw)

    def sealed(self, command: Command) -> bytes:
        """The sealed permit of a command."""
        if self.value is not None:
            command = Command(
                *(command.id, command.principal, command.tag, self.value, command.unit),
                command.made_ns,
            )
        decision = Decision(command.id, Verdict.ALLOW, (), (255, 255, 255, 255), ())
        now_ns = SystemClock().wall_ns()
        stamp = permits.Stamp(1, bytes(32), 0, secrets.token_bytes(16), now_ns)
        content = write_permit(permits.make(command, decision, self.site, stamp))
        return seal(content, signer=self.signer, plant=NAME, purpose=Purpose.PERMIT)


@dataclass
class ProxySite:
    """Everything together; `oracle` tells what reached the controller without a permit."""

    plant: Plant
    core: Core
    actuator: Actuator
    journal: Journal
    proxy: proxy.Proxy

    @property
    def spent(self) -> list[Spending]:
        """Every permit that was spent."""
        found: list[Spending] = self.journal.__dict__.get("spent", [])
        return found

    def oracle(self) -> list[Seen]:
        """Writes that the controller saw, less permits spent: empty where nothing went past the guard."""
        spent = Counter(self._write_of(s) for s in self.spent)
        return list((Counter(self.plant.seen) - spent).elements())

    def forget(self) -> None:
        """Begin to count anew."""
        self.plant.seen.clear()
        self.spent.clear()

    def _write_of(self, spending: Spending) -> Seen:
        point = self.actuator.limits.points[spending.tag].point
        if point.bit is not None:
            keep = ~(1 << point.bit) & 0xFFFF
            return (point.unit, "mask", point.address, keep, spending.words[0])
        return (point.unit, point.table.value, point.address, spending.words)


def configured(directory: Path, port: int, front: int, **changes: Any) -> ActuatorConfig:
    """An actuator.yaml with its keys, before a controller at `port`."""
    core, decide_s = SeededSigner(b"\x01" * 32), changes.get("decide_s", 2.0)
    for name in ("actuator", "hmi"):
        if not (directory / f"{name}.key").exists():
            generate(directory / f"{name}.key")
    text = ACTUATOR_YAML.format(
        permit=base64.b64encode(core.public_key).decode(),
        port=port,
        front=front,
        decide_s=decide_s,
        in_flight=changes.get("in_flight", 1),
        more=changes.get("more", ""),
    )
    return from_document(parse(text, "actuator.yaml"))


@asynccontextmanager
async def running(directory: Path, **changes: Any) -> AsyncIterator[ProxySite]:
    """A whole site; its first listening socket is at `proxy.fronts[0].port` once the proxy is open."""
    async with AsyncExitStack() as stack:
        plant = Plant()
        await plant.open()
        stack.push_async_callback(plant.close)
        port = changes.pop("before", plant.port)  # another controller
        config = configured(directory, port, changes.pop("front", free_port()), **changes)
        clock, most_ns = SystemClock(), config.limits.max_ttl_ns
        journal = Journal(directory / "data", NAME, clock.wall_ns(), most_ns)
        stack.callback(journal.close)
        device = ModbusDevice("127.0.0.1", port, 2.0)
        stack.push_async_callback(device.close)
        core = Core(site_of(config), SeededSigner(b"\x01" * 32))
        signer = FileSigner(directory / "actuator.key")
        core.actuator = actuator = Actuator(
            config.limits, {"plc": device}, journal, signer, clock, lambda: None
        )
        around = proxy.Around(actuator, core, lambda: core.is_there and core.says != "gone")
        guard = proxy.build(config, directory, around)
        assert guard is not None
        stack.callback(guard.close)
        yield ProxySite(plant, core, actuator, journal, guard)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def site_of(config: ActuatorConfig) -> Site:
    """The core's side of the points."""
    tags = [_tag(p.tag, p.point, p.min, p.max) for p in config.points]
    inventory = Inventory(NAME, {}, {}, (), {t.id: t for t in tags}, {}, {}, {}, {})
    return Site(inventory, default_policy(), bytes(32))


def _tag(name: str, point: Point, low: float, high: float) -> Tag:
    return Tag(
        name, "1", low, high, point=point, command_class=CommandClass.C, limits=Limits(low, high)
    )
