"""What exists and who may speak: Plant, Asset, Tag, Zone, Conduit, ScanGroup, Edge, Principal.

Ids of tags are `asset/tag` inside one plant; written in full they are `plant/asset/tag`.
Everything here is frozen: a change of the inventory is a new configuration with a new digest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from math import inf

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.declared import GroupRules
from twinvouch.core.past import Past
from twinvouch.core.word_order import WordOrder


class Role(StrEnum):
    """What a principal may be allowed to do; policies speak of roles, never of names."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"
    ANALYST = "analyst"
    AUDITOR = "auditor"
    VENDOR = "vendor"
    ADMIN = "admin"
    MODEL_SIGNER = "model-signer"
    SAFETY_SIGNER = "safety-signer"


class PrincipalKind(StrEnum):
    """Persons sign statements, services propose commands and report outcomes, edges sign readings."""

    PERSON = "person"
    SERVICE = "service"
    EDGE = "edge"


@dataclass(frozen=True, slots=True)
class Principal:
    """A person, service or edge. `key` is its raw public key: Ed25519 (32 bytes) or P-256 (65 bytes).

    `token_sha256` is the SHA-256 of an API token (empty: it has none). The core never holds a
    person's private key.
    """

    id: str
    kind: PrincipalKind
    key: bytes
    roles: frozenset[Role] = frozenset()
    token_sha256: bytes = b""


class CommandedBy(StrEnum):
    """Who may move an actuator: only the twin, only the plant's own control, or both."""

    TWIN = "twin"
    PLANT = "plant"
    BOTH = "both"


class CommandClass(StrEnum):
    """By consequence. A: can endanger people, equipment or environment; B: stop production; C: rest."""

    A = "A"
    B = "B"
    C = "C"


class Table(StrEnum):
    """The four Modbus data tables, and IDENTITY: who the device says it is, as a number (wire/identity.py)."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"
    IDENTITY = "identity"


class Encoding(StrEnum):
    """How a tag's raw value lies in its registers; BCD has four decimal digits a register."""

    BIT = "bit"
    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    U64 = "u64"
    I64 = "i64"
    F32 = "f32"
    F64 = "f64"
    BCD16 = "bcd16"
    BCD32 = "bcd32"


@dataclass(frozen=True, slots=True)
class Point:
    """Where a tag lives on a device: value = raw * scale + offset, in the tag's unit.

    `bit` is the place of a BIT inside a register, 0 the lowest; None for a coil or discrete input.
    """

    device: str
    unit: int  # Modbus unit id, 0..255
    table: Table
    address: int  # 0..65535, zero-based
    encoding: Encoding = Encoding.U16
    scale: float = 1.0
    offset: float = 0.0
    order: WordOrder = WordOrder.BIG_ENDIAN
    bit: int | None = None


class MqttFormat(StrEnum):
    """How the messages of a topic are written."""

    SPARKPLUG = "sparkplug"
    JSON = "json"
    SENML = "senml"


@dataclass(frozen=True, slots=True)
class MqttPoint:
    """Where a tag stands in a broker's messages: value = raw * scale + offset, in the tag's unit.

    `topic` is one topic (`group/node` or `group/node/device` of Sparkplug); `metric` the name there of a
    Sparkplug metric or SenML record; `value`, `time` and `quality` are JSON pointers of plain messages.
    """

    broker: str
    format: MqttFormat
    topic: str
    metric: str = ""
    value: str = ""
    time: str | None = None
    time_unit: str = "ms"
    quality: str | None = None
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Domains:
    """Failure domains of a tag: what must not be shared by sources that count as independent."""

    edge: str
    zone: str = ""
    vendor: str = ""
    key: str = ""
    time_source: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be written to an actuator: engineering units; `rate` in units per second."""

    low: float
    high: float
    rate: float = inf
    interlock: str = ""  # a CEL expression over tags that must be true for the write to be allowed
    controlled: tuple[str, ...] = ()  # tags whose trust always counts (R7): the controlled variable
    interlock_tags: tuple[str, ...] = ()  # tags the interlock reads; they always count too
    past: Past = field(default_factory=Past)  # what must have been before
    clamps: bool = False  # a value that goes too far is replaced by the nearest allowed one


@dataclass(frozen=True, slots=True)
class Tag:
    """One measured or commanded quantity. `low..high` is the physically possible range."""

    id: str  # asset/tag
    unit: str
    low: float = -inf
    high: float = inf
    rate: float = inf  # largest possible change, units per second
    resolution: float = 0.0
    group: str = ""
    point: Point | None = None
    mqtt: MqttPoint | None = None
    domains: Domains = field(default_factory=lambda: Domains(edge=""))
    calibrated_ns: int | None = None  # None: never, or unknown
    calibration_valid_ns: int = 0  # 0: no calibration is required
    criticality: int = 1  # 0 low .. 3 high
    confidentiality: int = 1  # 0 public .. 3 secret
    redundancy_group: str = ""
    description: str = ""
    # actuators only
    command_class: CommandClass | None = None
    commanded_by: CommandedBy | None = None
    limits: Limits | None = None

    @property
    def is_actuator(self) -> bool:
        """True where commands may be addressed to this tag."""
        return self.command_class is not None

    @property
    def asset(self) -> str:
        """The asset part of the id."""
        return self.id.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Asset:
    """A thing of the plant that has tags and a mode."""

    id: str
    zone: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Zone:
    """A group of assets with one security level (IEC 62443-3-2)."""

    id: str
    level: int = 1  # target security level 1..4
    description: str = ""


@dataclass(frozen=True, slots=True)
class Conduit:
    """An allowed path between two zones."""

    source: str
    target: str
    protocols: tuple[str, ...] = ()


class Rhythm(StrEnum):
    """What the absence of a reading means: `scan`, it could not be read; `exception`, nothing changed."""

    SCAN = "scan"
    EXCEPTION = "exception"


@dataclass(frozen=True)
class ScanGroup:
    """Tags that one edge tells of together; the column order of a Batch is the order of `tags`.

    `dtypes[k]` is the wire type of column k (`f8`, `f4`, `i4`, `u2`, `u1`), `digest` the SHA-256 of the
    canonical CBOR `[name, [[tag, dtype], ...]]`: both ends must mean the same columns.
    """

    name: str
    edge: str
    tags: tuple[Tag, ...]
    dtypes: tuple[str, ...]
    digest: bytes
    period_ns: int
    max_age_ns: int  # older than this on arrival, or silent for longer: stale
    max_ahead_ns: int = 5_000_000_000  # source time further in the future than this is refused
    rhythm: Rhythm = Rhythm.SCAN

    @property
    def by_exception(self) -> bool:
        """True where a tag that a batch says nothing of is unchanged, not missing."""
        return self.rhythm is Rhythm.EXCEPTION

    @cached_property
    def low(self) -> NDArray[np.float64]:
        """Lower range limits, float64[K]."""
        return _column([t.low for t in self.tags])

    @cached_property
    def high(self) -> NDArray[np.float64]:
        """Upper range limits, float64[K]."""
        return _column([t.high for t in self.tags])

    @cached_property
    def rate(self) -> NDArray[np.float64]:
        """Largest possible change in units per second, float64[K]."""
        return _column([t.rate for t in self.tags])

    @cached_property
    def resolution(self) -> NDArray[np.float64]:
        """Smallest step in units, float64[K]."""
        return _column([t.resolution for t in self.tags])

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Tag ids in column order."""
        return tuple(t.id for t in self.tags)

    @cached_property
    def calibration_due_ns(self) -> NDArray[np.int64]:
        """When each column's calibration runs out, int64[K]: never where none is required, 0 where unknown."""
        due = [
            2**63 - 1
            if not t.calibration_valid_ns
            else 0
            if t.calibrated_ns is None
            else t.calibrated_ns + t.calibration_valid_ns
            for t in self.tags
        ]
        column = np.asarray(due, dtype=np.int64)
        column.flags.writeable = False
        return column

    @cached_property
    def identities(self) -> NDArray[np.intp]:
        """Columns that hold who a device says it is."""
        table = Table.IDENTITY
        columns = [k for k, t in enumerate(self.tags) if t.point and t.point.table is table]
        return np.asarray(columns, dtype=np.intp)

    @cached_property
    def polled(self) -> NDArray[np.bool_]:
        """Columns that lie on a device, bool[K]."""
        column = np.array([t.point is not None for t in self.tags], dtype=np.bool_)
        column.flags.writeable = False
        return column

    @cached_property
    def twin_commanded(self) -> NDArray[np.intp]:
        """Columns of the actuators that only the twin may move."""
        twin = CommandedBy.TWIN
        columns = [k for k, t in enumerate(self.tags) if t.is_actuator and t.commanded_by is twin]
        return np.asarray(columns, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Edge:
    """A process that reads devices and signs batches; `principal` names its key, `groups` its tags.

    `identity_cap` is the highest identity label its readings can get: the posture of the legacy
    device behind it (R1; an unauthenticated Modbus device 120, an authenticated one 250).
    `max_lateness_ns`: rows made so long before the newest of this edge (its watermark) are history only.
    """

    principal: str
    groups: tuple[str, ...]
    identity_cap: int = 120
    max_lateness_ns: int = 60_000_000_000


@dataclass(frozen=True, slots=True)
class ClassRule:
    """What a command class demands (R7): a label per axis, approvals, and how long things last."""

    identity: int
    integrity: int
    plausibility: int
    calibration: int
    approvals: int  # distinct persons, in supervised mode
    max_age_ns: int  # of a declared input
    hold_ns: int  # a held command expires after this


@dataclass(frozen=True)
class Plant:
    """The whole inventory of one plant. Dictionaries are keyed by id and never changed."""

    id: str
    assets: Mapping[str, Asset]
    zones: Mapping[str, Zone]
    conduits: tuple[Conduit, ...]
    tags: Mapping[str, Tag]
    groups: Mapping[str, ScanGroup]
    edges: Mapping[str, Edge]
    principals: Mapping[str, Principal]
    classes: Mapping[CommandClass, ClassRule]
    actuator: str = ""  # principal of the actuator process; empty: the plant is never written to
    declared: Mapping[str, GroupRules] = field(default_factory=dict)  # by scan group that has any

    @cached_property
    def by_key_id(self) -> Mapping[bytes, Principal]:
        """Principals by the first 8 bytes of the SHA-256 of their key, as in COSE `kid`."""
        return {key_id(p.key): p for p in self.principals.values() if p.key}

    @cached_property
    def column_of(self) -> Mapping[str, int]:
        """Where in its scan group each tag stands."""
        return {tag: k for group in self.groups.values() for k, tag in enumerate(group.ids)}

    @cached_property
    def by_token(self) -> Mapping[bytes, Principal]:
        """Principals by the SHA-256 of their API token."""
        return {p.token_sha256: p for p in self.principals.values() if p.token_sha256}

    @property
    def below_highest(self) -> int:
        """Plausibility with which no command of the highest class rests on a reading, and any of the others may."""
        return max(max((c.plausibility for c in self.classes.values()), default=255) - 1, 0)


def key_id(public_key: bytes) -> bytes:
    """The 8-byte key id of a raw public key."""
    return sha256(public_key).digest()[:8]


def _column(values: list[float]) -> NDArray[np.float64]:
    column = np.asarray(values, dtype=np.float64)
    column.flags.writeable = False
    return column
