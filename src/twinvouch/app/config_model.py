"""The sections of twin.yaml as frozen pydantic models: types, defaults and limits, nothing else.

`config.load` makes a Config and holds the checks across sections.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from twinvouch.app.config_declared import (
    ActuatorStateSettings,
    BalanceSettings,
    JitterSettings,
    RedundancySettings,
)
from twinvouch.app.config_lookahead import LookaheadSettings
from twinvouch.app.config_modes import ModeSettings, RungName
from twinvouch.app.config_mqtt import BrokerSettings
from twinvouch.app.config_past import JointSettings, SequenceSettings
from twinvouch.app.config_safe import SafeActionSettings
from twinvouch.app.config_tags import TagSettings
from twinvouch.app.config_types import (
    Byte,
    Days,
    FileName,
    Frozen,
    Host,
    Id,
    Line,
    Moment,
    Name,
    Port,
    PublicKey,
    Seconds,
    Sha256Hex,
    TagId,
    TlsFiles,
    Url,
)
from twinvouch.app.config_virtual import VirtualSettings
from twinvouch.app.config_witness import WitnessSettings
from twinvouch.app.yaml_file import digest
from twinvouch.core.inventory import CommandClass, PrincipalKind, Rhythm, Role


class PlantSettings(Frozen):
    """`plant:` names the plant; `origin` is what its data is, one kind only in one engine."""

    id: Id
    description: Line = ""
    origin: Literal["live", "replay", "simulated", "shadow"] = "live"


class ZoneSettings(Frozen):
    """One of `zones:`; `level` is the target security level of IEC 62443-3-2."""

    level: Annotated[int, Field(ge=1, le=4)] = 1
    description: Line = ""


class ConduitSettings(Frozen):
    """One of `conduits:`, an allowed path between two zones."""

    source: Id = Field(alias="from")
    target: Id = Field(alias="to")
    protocols: Annotated[tuple[Name, ...], Field(max_length=50)] = ()


class AssetSettings(Frozen):
    """One of `assets:`, a thing that has tags and a mode."""

    zone: Id | None = None
    description: Line = ""
    highest_mode: RungName = "supervised"
    safe_actions: Annotated[tuple[SafeActionSettings, ...], Field(max_length=100)] = ()


class ApiTls(Frozen):
    """`api.tls:`, TLS of the core: its certificate, whose clients it takes, and who of them is revoked."""

    cert: FileName
    key: FileName
    client_ca: FileName
    crl: FileName | None = None
    require: Literal["machines", "all"] = "machines"
    oldest: Literal["1.2", "1.3"] = "1.3"


class DeviceSettings(Frozen):
    """One of `devices:`, a Modbus/TCP server."""

    host: Host
    port: Port = 502
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    tls: TlsFiles | None = None
    max_registers: Annotated[int, Field(ge=4, le=125)] = 125
    max_gap: Annotated[int, Field(ge=0, le=124)] = 0
    in_flight: Annotated[int, Field(ge=1, le=16)] = 1


class GroupSettings(Frozen):
    """One of `groups:`, tags that one edge tells of together; `rhythm` says what silence about one means."""

    edge: Id
    rhythm: Rhythm = Rhythm.SCAN
    period_s: Annotated[float, Field(ge=0.001, le=366 * 86_400)] | None = None
    max_age_s: Seconds
    max_ahead_s: Annotated[float, Field(gt=0, le=86_400)] = 5.0
    jitter: JitterSettings | None = None


class EdgeSettings(Frozen):
    """One of `edges:`; its id is the id of the principal that signs its readings."""

    groups: Annotated[tuple[Id, ...], Field(min_length=1, max_length=1_000)]
    identity_cap: Byte = 120
    gather_s: Annotated[float, Field(gt=0, le=30 * 86_400)] = 0.1
    max_rows: Annotated[int, Field(ge=1, le=100_000)] = 256
    spool_mib: Annotated[int, Field(ge=1, le=10_000_000)] = 1_024
    max_lateness_s: Seconds | None = None
    mqtt: Annotated[dict[Id, BrokerSettings], Field(default_factory=dict, max_length=100)]
    core: Url = "http://127.0.0.1:8710"
    tls: TlsFiles | None = None

    @property
    def lateness_s(self) -> float:
        """`max_lateness_s` as written, else a minute, and enough for two batches gathered side by side."""
        return self.max_lateness_s or max(60.0, 2 * self.gather_s)


class PrincipalSettings(Frozen):
    """One of `principals:`; without a key it is known but cannot sign (`twinvouch principals add`)."""

    id: Id
    kind: PrincipalKind
    key: PublicKey | None = None
    roles: Annotated[tuple[Role, ...], Field(max_length=20)] = ()
    token_sha256: Sha256Hex | None = None


class ActuatorProcessSettings(Frozen):
    """`actuator:` names the principal of the actuator process; absent: the plant is never written to."""

    principal: Id


class ClassSettings(Frozen):
    """What one command class demands (R7): a label per axis, approvals, ages."""

    identity: Byte
    integrity: Byte
    plausibility: Byte
    calibration: Byte
    approvals: Annotated[int, Field(ge=0, le=10)]
    max_age_s: Annotated[float, Field(gt=0, le=86_400)]
    hold_s: Annotated[float, Field(gt=0, le=7 * 86_400)]


def _classes() -> dict[CommandClass, ClassSettings]:
    rows: dict[CommandClass, tuple[Any, ...]] = {
        CommandClass.A: (100, 200, 200, 100, 2, 5.0, 900.0),
        CommandClass.B: (100, 200, 150, 60, 1, 10.0, 900.0),
        CommandClass.C: (100, 150, 100, 0, 0, 30.0, 300.0),
    }
    names = tuple(ClassSettings.model_fields)
    return {c: ClassSettings(**dict(zip(names, row, strict=True))) for c, row in rows.items()}


class ReadingSettings(Frozen):
    """`readings:`, limits of gate 1."""

    duplicate_window_s: Annotated[float, Field(gt=0, le=86_400)] = 30.0
    max_gap: Annotated[int, Field(ge=1, le=1_000_000)] = 4_096
    max_cells: Annotated[int, Field(ge=1, le=100_000_000)] = 1_000_000


class CommandSettings(Frozen):
    """`commands:`, limits of gate 4."""

    permit_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    max_age_s: Annotated[float, Field(gt=0, le=3_600)] = 30.0
    max_ahead_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    read_memory_s: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    outcome_s: Annotated[float, Field(gt=0, le=3_600)] = 30.0
    rest_s: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    max_inputs: Annotated[int, Field(ge=1, le=1_000)] = 1_000
    undeclared_identity: Annotated[int, Field(ge=0, le=255)] = 100
    token_identity: Annotated[int, Field(ge=0, le=255)] = 180
    withhold_advice: Annotated[tuple[CommandClass, ...], Field(max_length=3)] = (CommandClass.A,)


class DistrustSettings(Frozen):
    """`distrust:`, what one person may say of a source, when it takes a second, and how trust may return by evidence."""

    forward_hours: Annotated[float, Field(gt=0, le=720)] = 8.0
    second_person_above: Annotated[int, Field(ge=0, le=10_000_000)] = 1_000
    second_person_class: CommandClass = CommandClass.A
    waiting_hours: Annotated[float, Field(gt=0, le=720)] = 24.0
    clean_readings: Annotated[int, Field(ge=1, le=1_000_000)] = 600
    returns_by_evidence: bool = False


class QuotaSettings(Frozen):
    """`api.quotas:`, what one sender may do a second before anything is verified; far above what an edge does."""

    peer_requests_per_s: Annotated[float, Field(gt=0, le=1_000_000)] = 1_000.0
    peer_mib_per_s: Annotated[float, Field(gt=0, le=100_000)] = 64.0
    edge_requests_per_s: Annotated[float, Field(gt=0, le=1_000_000)] = 500.0
    edge_mib_per_s: Annotated[float, Field(gt=0, le=100_000)] = 32.0
    failures_per_s: Annotated[float, Field(gt=0, le=1_000_000)] = 10.0
    burst_s: Annotated[float, Field(ge=1, le=3_600)] = 5.0


class ApiSettings(Frozen):
    """`api:`, where the core listens; beyond loopback only with TLS."""

    host: Host = "127.0.0.1"
    port: Port = 8710
    allowed_hosts: Annotated[tuple[Host, ...], Field(min_length=1, max_length=50)] = (
        "127.0.0.1",
        "localhost",
    )
    quotas: QuotaSettings = QuotaSettings()
    tls: ApiTls | None = None


class DetectionSettings(Frozen):
    """`detection:`, the directory of the signed model that says what normal is (`twinvouch learn`)."""

    model: FileName
    adapt_per_day: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0


class HoldSettings(Frozen):
    """One of `retention.holds:`, readings that nothing may delete: `tags` (none: all), made `from`..`to` (none: for ever)."""

    reason: Line
    tags: Annotated[tuple[TagId, ...], Field(max_length=50_000)] = ()
    start: Moment | None = Field(default=None, alias="from")
    end: Moment | None = Field(default=None, alias="to")


class RetentionSettings(Frozen):
    """`retention:`, how long what is not the ledger is kept; `history_days` 0: no history is written."""

    segments_days: Days = 30
    history_days: Annotated[int, Field(ge=0, le=36_525)] = 3_650
    criticality_days: tuple[Days, Days, Days, Days] | None = None
    groups: Annotated[dict[Id, Days], Field(default_factory=dict, max_length=10_000)]
    holds: Annotated[dict[Id, HoldSettings], Field(default_factory=dict, max_length=1_000)]


def _retention() -> RetentionSettings:
    return RetentionSettings.model_validate({})


class KeyListSettings(Frozen):
    """`key_list:`, the plant root that says whose keys count, and the file of what it said."""

    root: PublicKey
    file: FileName


class EncryptionSettings(Frozen):
    """`encryption:`, where the key-encryption keys lie; absent: nothing is encrypted on disks."""

    core_kek: FileName | None = None
    edge_kek: FileName | None = None


class DiskSettings(Frozen):
    """`disk:`, what is kept free for decisions and statements when the disk becomes full."""

    reserve_percent: Annotated[float, Field(ge=0, le=50)] = 5.0
    reserve_mib: Annotated[int, Field(ge=0, le=65_536)] = 16


class LogSettings(Frozen):
    """`log:`, how a process writes what it logs to stderr."""

    format: Literal["text", "json"] = "text"


class ReplaySettings(Frozen):
    """`replay:`, how wide CSV files of this plant are written."""

    time_column: Name
    time_format: Annotated[str, Field(min_length=1, max_length=100)] = "iso"
    time_zone: Annotated[str, Field(min_length=1, max_length=100)]
    delimiter: Literal[",", ";", "\t", "|"] = ","
    ignore: Annotated[tuple[Name, ...], Field(max_length=10_000)] = ()


class Config(Frozen):
    """A whole twin.yaml. Only `config.load` makes one that is known to be without contradictions."""

    version: Literal[1]
    plant: PlantSettings
    data: FileName = "data"
    keys: FileName = "keys"
    zones: Annotated[dict[Id, ZoneSettings], Field(default_factory=dict, max_length=1_000)]
    conduits: Annotated[tuple[ConduitSettings, ...], Field(max_length=10_000)] = ()
    assets: Annotated[dict[Id, AssetSettings], Field(default_factory=dict, max_length=50_000)]
    devices: Annotated[dict[Id, DeviceSettings], Field(default_factory=dict, max_length=10_000)]
    groups: Annotated[dict[Id, GroupSettings], Field(default_factory=dict, max_length=10_000)]
    tags: Annotated[dict[TagId, TagSettings], Field(default_factory=dict, max_length=50_000)]
    tags_csv: FileName | None = None
    redundancy: Annotated[
        dict[Id, RedundancySettings], Field(default_factory=dict, max_length=10_000)
    ]
    balance: Annotated[dict[Id, BalanceSettings], Field(default_factory=dict, max_length=1_000)]
    actuator_state: Annotated[
        dict[Id, ActuatorStateSettings], Field(default_factory=dict, max_length=10_000)
    ]
    sequence: Annotated[dict[Id, SequenceSettings], Field(default_factory=dict, max_length=1_000)]
    joint: Annotated[dict[Id, JointSettings], Field(default_factory=dict, max_length=1_000)]
    detection: DetectionSettings | None = None
    lookahead: Annotated[dict[Id, LookaheadSettings], Field(default_factory=dict, max_length=100)]
    virtual: Annotated[dict[TagId, VirtualSettings], Field(default_factory=dict, max_length=1_000)]
    edges: Annotated[dict[Id, EdgeSettings], Field(default_factory=dict, max_length=1_000)]
    principals: Annotated[tuple[PrincipalSettings, ...], Field(max_length=10_000)] = ()
    actuator: ActuatorProcessSettings | None = None
    command_classes: dict[CommandClass, ClassSettings] = Field(default_factory=_classes)
    modes: ModeSettings = ModeSettings()
    readings: ReadingSettings = ReadingSettings()
    commands: CommandSettings = CommandSettings()
    distrust: DistrustSettings = DistrustSettings()
    api: ApiSettings = ApiSettings()
    retention: RetentionSettings = Field(default_factory=_retention)
    encryption: EncryptionSettings = EncryptionSettings()
    disk: DiskSettings = DiskSettings()
    witness: WitnessSettings | None = None
    policy: FileName | None = None
    key_list: KeyListSettings | None = None
    log: LogSettings = LogSettings()
    replay: ReplaySettings | None = None

    _path: Path = PrivateAttr(default=Path("twin.yaml"))
    _digest: bytes = PrivateAttr(default=b"")

    def model_post_init(self, _context: Any) -> None:
        """Compute the digest once; classes that were left out have their defaults in it."""
        for name, rule in _classes().items():
            self.command_classes.setdefault(name, rule)
        self._digest = digest(self)

    def found_at(self, path: Path) -> "Config":
        """Remember the file it came from; called once, by the loader."""
        self._path = path
        return self

    @property
    def path(self) -> Path:
        """The file that was loaded."""
        return self._path

    @property
    def digest(self) -> bytes:
        """SHA-256 of every setting (docs/reference/configuration.md says over which bytes)."""
        return self._digest

    @property
    def data_dir(self) -> Path:
        """Where log, state and ledger lie; relative names count from the file's directory."""
        return self._path.parent / self.data

    @property
    def core_kek(self) -> Path | None:
        """The key-encryption key of log, state and blobs; None: they are not encrypted."""
        name = self.encryption.core_kek
        return None if name is None else self._path.parent / name

    @property
    def edge_kek(self) -> Path | None:
        """The key-encryption key of the spool of an edge; None: it is not encrypted."""
        name = self.encryption.edge_kek
        return None if name is None else self._path.parent / name

    def edge_keys(self, edge: str) -> Path:
        """Where the wrapped data keys of an edge's spool lie."""
        return self.data_dir / "edges" / f"{edge}.keys.db"

    @property
    def keys_dir(self) -> Path:
        """Where private keys and tokens lie."""
        return self._path.parent / self.keys
