"""actuator.yaml: what the actuator process may do at all, in a file of its own that the core never sees.

Its points and limits are written by whoever answers for the plant, not generated from twin.yaml: a core
that was taken over cannot widen them. Names of files count from the directory of actuator.yaml.
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from twinvouch.app.actuator_check import OwnLimits, OwnPoint
from twinvouch.app.config_checks import form_faults
from twinvouch.app.config_model import DeviceSettings, KeyListSettings, LogSettings
from twinvouch.app.config_types import (
    NUMERIC,
    Bit,
    Byte,
    FileName,
    Frozen,
    Id,
    PublicKey,
    TagId,
    TlsFiles,
    Url,
    ns,
)
from twinvouch.app.proxy_config import ProxySettings, proxy_faults
from twinvouch.app.yaml_file import Document, open_document, validate
from twinvouch.core.inventory import Encoding, Point, Table
from twinvouch.core.word_order import WordOrder
from twinvouch.wire.words import word_count


class PointSettings(Frozen):
    """One of `points:`, a place that may be written, and the values it may be given."""

    tag: TagId
    device: Id
    unit: Byte = 1
    table: Literal[Table.COIL, Table.HOLDING]
    address: Annotated[int, Field(ge=0, le=65_535)]
    encoding: Annotated[Encoding, NUMERIC]
    word_order: WordOrder = WordOrder.BIG_ENDIAN
    bit: Bit | None = None
    scale: float = 1.0
    offset: float = 0.0
    min: float
    max: float

    @property
    def point(self) -> Point:
        """The place as the core's permits name it."""
        return Point(
            self.device,
            self.unit,
            self.table,
            self.address,
            self.encoding,
            self.scale,
            self.offset,
            self.word_order,
            self.bit,
        )


class ActuatorConfig(Frozen):
    """The whole of actuator.yaml."""

    version: Literal[1]
    plant: Id
    principal: Id
    key: FileName
    permit_key: PublicKey | None = None
    key_list: KeyListSettings | None = None
    core: Url
    token_file: FileName
    tls: TlsFiles | None = None
    data: FileName
    max_ttl_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    log: LogSettings = LogSettings()
    devices: Annotated[dict[Id, DeviceSettings], Field(min_length=1, max_length=10_000)]
    points: Annotated[tuple[PointSettings, ...], Field(min_length=1, max_length=10_000)]
    proxy: ProxySettings | None = None

    @property
    def limits(self) -> OwnLimits:
        """What permits are checked against."""
        own = {p.tag: OwnPoint(p.tag, p.point, p.min, p.max) for p in self.points}
        key = base64.b64decode(self.permit_key or "")
        return OwnLimits(self.plant, key, ns(self.max_ttl_s), own)


def load(path: Path) -> ActuatorConfig:
    """Read and check an actuator.yaml; raises InvalidConfigError with every problem and its place."""
    return from_document(open_document(path))


def from_document(document: Document) -> ActuatorConfig:
    """As `load`, for a text that is parsed but perhaps not yet written."""
    config = validate(document, ActuatorConfig)
    _check(config, document)
    document.refuse()
    return config


def _check(config: ActuatorConfig, document: Document) -> None:
    """What no single setting shows: references, ranges, and two points in one place."""
    if (config.permit_key is None) == (config.key_list is None):
        why = "expected `permit_key` (one key for ever) or `key_list` (keys under the plant root), and not both"
        document.say(("permit_key" if config.permit_key else "version",), why)
    if config.tls is not None and config.core.startswith("http:"):
        why = f"`core` `{config.core}` is without TLS, expected https:// beside `tls`"
        document.say(("core",), why)
    taken: dict[tuple[object, ...], str] = {}
    tags: set[str] = set()
    for number, settings in enumerate(config.points):
        for key, why in _faults(config, settings):
            document.say(("points", number, key), why)
        if settings.tag in tags:
            document.say(("points", number, "tag"), f"`{settings.tag}` is a point already")
        tags.add(settings.tag)
        for place in _places(settings):
            other = taken.setdefault(place, settings.tag)
            if other != settings.tag:
                why = f"`{settings.tag}` shares a place with `{other}`: the wider limits would hold"
                document.say(("points", number, "address"), why)
    if config.proxy is not None:
        for place, why in proxy_faults(config.proxy, config.devices, config.limits.points):
            document.say(("proxy", *place), why)


def _faults(config: ActuatorConfig, settings: PointSettings) -> Iterator[tuple[str, str]]:
    if settings.device not in config.devices:
        yield (
            "device",
            f"`{settings.device}` is not one of the devices {sorted(config.devices)[:20]}",
        )
    if settings.min > settings.max:
        yield "min", f"`min`, expected at most `max` {settings.max:g}, got {settings.min:g}"
    if not settings.scale:
        yield "scale", "`scale`, expected anything but 0"
    yield from form_faults(settings.table, settings.encoding, settings.word_order, settings.bit)
    if settings.address + word_count(settings.encoding) > 0x10000:
        yield "address", "`address`, expected all registers at 0..65535"


def _places(settings: PointSettings) -> Iterator[tuple[object, ...]]:
    """Every bit of every register, or the coil: two points may share a register, never a bit of it."""
    bits = range(16) if settings.bit is None else (settings.bit,)
    for step in range(word_count(settings.encoding)):
        for bit in bits if settings.table is Table.HOLDING else (0,):
            yield settings.device, settings.unit, settings.table, settings.address + step, bit
