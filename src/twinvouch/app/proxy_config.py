"""`proxy:` of actuator.yaml: where Modbus clients come in, what they may ask for, and what may be written how."""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from twinvouch.app.actuator_check import OwnPoint
from twinvouch.app.config_checks import is_loopback
from twinvouch.app.config_model import DeviceSettings
from twinvouch.app.config_types import Byte, FileName, Frozen, Host, Id, Line, Name, Port, TagId
from twinvouch.app.without_core import Rule, WithoutCore
from twinvouch.core.inventory import Table
from twinvouch.wire.modbus_guard import Guard, Readable
from twinvouch.wire.modbus_message import READS
from twinvouch.wire.modbus_roles import Grant

Address: TypeAlias = Annotated[int, Field(ge=0, le=65_535)]
Fault: TypeAlias = tuple[tuple[str | int, ...], str]


class FrontTls(Frozen):
    """`tls:` of one of `listen:`; clients show a certificate of `client_ca`."""

    cert: FileName
    key: FileName
    client_ca: FileName
    crl: FileName | None = None
    oldest: Literal["1.2", "1.3"] = "1.2"  # what Modbus/TCP Security demands


class GrantSettings(Frozen):
    """One of the grants of a role: function codes on units and addresses, both ends included."""

    functions: Annotated[tuple[Annotated[int, Field(ge=1, le=127)], ...], Field(min_length=1)]
    units: tuple[Byte, Byte] = (0, 255)
    addresses: tuple[Address, Address] = (0, 65_535)

    @property
    def grant(self) -> Grant:
        """As the roles are checked."""
        return Grant(frozenset(self.functions), self.units, self.addresses)


class ReadableSettings(Frozen):
    """One of `readable:`, items of one table."""

    table: Literal[Table.COIL, Table.DISCRETE, Table.HOLDING, Table.INPUT]
    unit: Byte = 1
    first: Address
    last: Address


class FrontSettings(Frozen):
    """One of `listen:`, a socket before one device."""

    device: Id
    host: Host = "127.0.0.1"
    port: Port
    plain: bool = False
    tls: FrontTls | None = None
    roles: Annotated[dict[Line, tuple[GrantSettings, ...]], Field(max_length=100)] | None = None
    units: Annotated[tuple[Byte, ...], Field(min_length=1, max_length=256)] = (1,)
    readable: Annotated[tuple[ReadableSettings, ...], Field(max_length=1_000)] | None = None
    most_clients: Annotated[int, Field(ge=1, le=1_000)] = 32
    idle_s: Annotated[float, Field(ge=1, le=86_400)] = 60.0

    @property
    def guard(self) -> Guard:
        """What its clients may ask for."""
        readable = None
        if self.readable is not None:
            readable = tuple(
                Readable(READS[r.table], r.unit, r.first, r.last) for r in self.readable
            )
        roles = self.roles
        granted = (
            None if roles is None else {n: tuple(g.grant for g in gs) for n, gs in roles.items()}
        )
        return Guard(frozenset(self.units), readable, granted)


class WrittenSettings(Frozen):
    """One of `tags:` of the proxy, a point that its clients may ask to write."""

    measured_in: Name
    without_core: WithoutCore = WithoutCore.REFUSE
    safe: Annotated[tuple[float, ...], Field(max_length=100)] = ()
    per_hour: Annotated[int, Field(ge=1, le=60)] = 6

    @property
    def rule(self) -> Rule:
        """What is done while the core is away."""
        return Rule(self.without_core, frozenset(self.safe), self.per_hour)


class ProxySettings(Frozen):
    """The whole of `proxy:`."""

    principal: Id
    key: FileName
    decide_s: Annotated[float, Field(gt=0, le=30)] = 3.0
    listen: Annotated[tuple[FrontSettings, ...], Field(min_length=1, max_length=100)]
    tags: Annotated[dict[TagId, WrittenSettings], Field(max_length=10_000)]


def proxy_faults(
    proxy: ProxySettings, devices: Mapping[str, DeviceSettings], points: Mapping[str, OwnPoint]
) -> Iterator[Fault]:
    """What no single setting shows, with its place under `proxy`."""
    taken: dict[tuple[str, int], int] = {}
    for number, front in enumerate(proxy.listen):
        place = ("listen", number)
        for key, why in _front_faults(front, devices):
            yield (*place, key), why
        if taken.setdefault((front.host, front.port), number) != number:
            yield (*place, "port"), f"{front.host}:{front.port} is listened on already"
    units: dict[str, set[int]] = {}
    for front in proxy.listen:
        units.setdefault(front.device, set()).update(front.units)
    for tag, written in proxy.tags.items():
        own = points.get(tag)
        if own is None:
            yield ("tags", tag), f"`{tag}` is not one of the points of this file"
            continue
        if why := _place_fault(own, units):
            yield ("tags", tag), why
        for key, why in _safe_faults(written, own):
            yield ("tags", tag, key), why


def _place_fault(own: OwnPoint, units: Mapping[str, set[int]]) -> str:
    """Why no client can reach a point; empty where one can."""
    device, unit = own.point.device, own.point.unit
    if device not in units:
        return f"`{own.tag}` is of device `{device}`, before which none of `listen` stands"
    if unit == 0:
        return f"`{own.tag}` is of unit 0, to which nothing is written through a proxy"
    if unit not in units[device]:
        return f"`{own.tag}` is of unit {unit}, which is in `units` of no socket before `{device}`"
    return ""


def _front_faults(
    front: FrontSettings, devices: Mapping[str, DeviceSettings]
) -> Iterator[tuple[str, str]]:
    if front.device not in devices:
        yield "device", f"`{front.device}` is not one of the devices {sorted(devices)[:20]}"
    if front.tls is None and not front.plain and not is_loopback(front.host):
        yield (
            "host",
            f"`{front.host}` is reached from other machines: expected `tls`, or `plain: true` where everybody there may ask",
        )
    if front.roles is not None and front.tls is None:
        yield "roles", "a role comes with a certificate: expected `tls` beside `roles`"
    for r in front.readable or ():
        if r.first > r.last:
            yield "readable", f"expected `first` at most `last`, got {r.first} and {r.last}"


def _safe_faults(written: WrittenSettings, own: OwnPoint) -> Iterator[tuple[str, str]]:
    passes = written.without_core is WithoutCore.PASS_SAFE
    if passes is not bool(written.safe):
        yield "safe", "expected values with `without_core: pass_safe`, and only with it"
    wrong = [v for v in written.safe if not (isfinite(v) and own.low <= v <= own.high)]
    if wrong:
        yield "safe", f"{wrong[:5]} are outside `min` and `max`, {own.low:g}..{own.high:g}"
