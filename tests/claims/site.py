"""A small plant with everybody in it: two scan groups, two edges, persons, a twin, an actuator process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from twinvouch.adapters.cedar import default_policy
from twinvouch.adapters.cel import CelCondition
from twinvouch.adapters.committer import InlineCore
from twinvouch.adapters.key_store import KeyStore
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.ledger_files import LedgerFiles
from twinvouch.adapters.sealed_state import SealedState
from twinvouch.adapters.segment_file import PLAIN
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.adapters.vault import Vault
from twinvouch.core.advice import Advice
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.command import Command, Input, Outcome, OutcomeStatus
from twinvouch.core.event import (
    AdviceGiven,
    BatchReceived,
    CommandProposed,
    Deliver,
    Effect,
    OutcomeReported,
    Publish,
    QueryAsked,
    Reply,
    StatementReceived,
    Tick,
)
from twinvouch.core.inventory import (
    Asset,
    ClassRule,
    CommandClass,
    CommandedBy,
    Domains,
    Edge,
    Encoding,
    Limits,
    Plant,
    Point,
    Principal,
    PrincipalKind,
    Role,
    ScanGroup,
    Table,
    Tag,
)
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.site import SECOND, Site
from twinvouch.core.statement import Statement, Verb
from twinvouch.engine import Engine, restoring
from twinvouch.wire.advice import write_advice
from twinvouch.wire.batch import Header, columns_digest, write_batch
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal
from twinvouch.wire.outcome import write_outcome
from twinvouch.wire.permit import read_permit
from twinvouch.wire.statement import write_statement

START = 1_790_000_000 * SECOND
PLANT = "toy"
OPEN: list[InlineCore] = []  # closed when the test is over
NAMES = (
    "edge-1",
    "edge-2",
    "ann",
    "bob",
    "cid",
    "twin",
    "visitor",
    "actuator-1",
    "modeller",
    "log",
    "permit",
)


def signer(name: str) -> SeededSigner:
    return SeededSigner(NAMES.index(name).to_bytes(32, "big"))


def stranger() -> SeededSigner:
    return SeededSigner(b"\xff" * 32)


def _group(name: str, edge: str, tags: Sequence[Tag]) -> ScanGroup:
    ids, dtypes = [t.id for t in tags], ["f8"] * len(tags)
    digest = columns_digest(name, ids, dtypes)
    return ScanGroup(name, edge, tuple(tags), tuple(dtypes), digest, SECOND // 10, 5 * SECOND)


def _tags() -> dict[str, Tag]:
    field_ = Domains(edge="edge-1", zone="field")
    valve = Limits(0.0, 1.0, 0.5, "tank_level < 9.0", ("tank/level",), ("tank/level",))
    pump = Limits(0.0, 1.0, controlled=("tank/level",))
    bit = {"low": 0.0, "high": 1.0, "group": "fast", "domains": field_}
    point = Point("plc", 1, Table.HOLDING, 10, Encoding.F32)
    coil = Point("plc", 1, Table.COIL, 0, Encoding.BIT)
    twin = CommandedBy.TWIN
    tags = [
        Tag(
            "pump/run",
            "1",
            **bit,
            point=coil,
            command_class=CommandClass.A,
            commanded_by=twin,
            limits=pump,
        ),
        Tag("tank/flow", "m3/s", -1.0, 20.0, rate=50.0, group="fast", domains=field_),
        Tag("tank/level", "m", 0.0, 10.0, rate=1.0, resolution=0.001, group="fast", domains=field_),
        Tag(
            "valve/opening",
            "1",
            **bit,
            point=point,
            command_class=CommandClass.C,
            commanded_by=twin,
            limits=valve,
        ),
        Tag("roof/temperature", "K", 200.0, 350.0, group="slow", domains=Domains(edge="edge-2")),
    ]
    return {t.id: t for t in tags}


def _principals() -> dict[str, Principal]:
    kinds = {
        "edge-1": (PrincipalKind.EDGE, ()),
        "edge-2": (PrincipalKind.EDGE, ()),
        "ann": (PrincipalKind.PERSON, (Role.ENGINEER,)),
        "bob": (PrincipalKind.PERSON, (Role.OPERATOR,)),
        "cid": (PrincipalKind.PERSON, (Role.VIEWER,)),
        "twin": (PrincipalKind.SERVICE, (Role.ENGINEER,)),
        "visitor": (PrincipalKind.SERVICE, (Role.VIEWER,)),
        "actuator-1": (PrincipalKind.SERVICE, ()),
        "modeller": (PrincipalKind.PERSON, (Role.MODEL_SIGNER,)),
    }
    return {n: Principal(n, k, signer(n).public_key, frozenset(r)) for n, (k, r) in kinds.items()}


def make_site(origin: Origin = Origin.LIVE) -> Site:
    tags = _tags()
    fast = [t for t in tags.values() if t.group == "fast"]
    slow = [t for t in tags.values() if t.group == "slow"]
    plant = Plant(
        id=PLANT,
        assets={n: Asset(n, "field") for n in ("pump", "tank", "valve", "roof")},
        zones={},
        conduits=(),
        tags=tags,
        groups={"fast": _group("fast", "edge-1", fast), "slow": _group("slow", "edge-2", slow)},
        edges={"edge-1": Edge("edge-1", ("fast",)), "edge-2": Edge("edge-2", ("slow",))},
        principals=_principals(),
        classes={
            CommandClass.A: ClassRule(100, 200, 200, 100, 2, 5 * SECOND, 900 * SECOND),
            CommandClass.B: ClassRule(100, 200, 150, 60, 1, 10 * SECOND, 900 * SECOND),
            CommandClass.C: ClassRule(100, 150, 100, 0, 0, 30 * SECOND, 300 * SECOND),
        },
        actuator="actuator-1",
    )
    interlock = CelCondition("tank_level < 9.0", [tags["tank/level"]])
    return Site(plant, default_policy(), b"c" * 32, origin, interlocks={"valve/opening": interlock})


@dataclass
class Toy:
    """The plant's core without threads, and hands for everybody; time moves only by `wait`.

    With a `kek` (a file beside the directory) everything is encrypted as a core does it.
    """

    directory: Path
    site: Site = field(default_factory=make_site)
    now: int = START
    seq: dict[str, int] = field(default_factory=dict)
    prev: dict[str, bytes] = field(default_factory=dict)
    salts: int = 0
    kek: Path | None = None
    epoch: int = 0

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        state: Any = SqliteState(self.directory / "state.db")
        vault = None
        if self.kek is not None:
            vault = Vault(KeyStore(self.directory / "keys.db", self.kek))
            state = SealedState(state, vault, lambda: self.now)
        key_id = PLAIN if vault is None else vault.id
        log = SegmentLog(self.directory / "log", known=state.load()[1], key_id=key_id)
        ledger = LedgerFiles(self.directory / "ledger", f"{PLANT}/0", signer("log"))
        self.core = InlineCore(Engine(self.site), log, state, ledger, vault)
        OPEN.append(self.core)

    @property
    def memory(self) -> Any:
        return self.core.engine.memory

    def salt(self) -> bytes:
        self.salts += 1
        return self.salts.to_bytes(16, "big")

    def wait(self, seconds: float) -> list[Effect]:
        self.now += int(seconds * SECOND)
        return list(self.core.feed(Tick(self.salt()), self.now))

    def content(self, edge: str = "edge-1", group: str = "fast", **but: Any) -> bytes:
        """The content of the edge's next batch; `but` replaces columns (by tag) or header fields."""
        g = self.site.plant.groups[group]
        rows = but.pop("rows", 3)
        t = np.asarray(but.pop("t_ns", self.now - np.arange(rows)[::-1] * SECOND // 10), np.int64)
        usual = {
            "tank/level": 5.0,
            "tank/flow": 1.0,
            "pump/run": 0.0,
            "valve/opening": 0.5,
            "roof/temperature": 290.0,
        }
        values = np.array([[usual[i] for i in g.ids]] * len(t), np.float64)
        for tag, column in but.pop("values", {}).items():
            values[:, g.ids.index(tag)] = column
        seq = self.seq.get(edge, -1) + 1
        header = Header(
            Kind.BATCH,
            PLANT,
            Identity(edge, self.epoch, seq),
            self.prev.get(edge, bytes(32)),
            Origin.LIVE,
            group,
            g.digest,
        )
        return write_batch(
            replace(header, **but.pop("header", {})), g, t, values, but.pop("quality", None)
        )

    def sealed(self, content: bytes, by: SeededSigner | None = None, plant: str = PLANT) -> bytes:
        return seal(content, signer=by or signer("edge-1"), plant=plant, purpose=Purpose.READINGS)

    def read(self, edge: str = "edge-1", group: str = "fast", **but: Any) -> Reply:
        """The edge's next batch, sent and remembered as sent."""
        from hashlib import sha256

        content = self.content(edge, group, **but)
        self.seq[edge] = self.seq.get(edge, -1) + 1
        self.prev[edge] = sha256(content).digest()
        return self.send(self.sealed(content, signer(edge)))

    def send(self, raw: bytes) -> Reply:
        self.now += SECOND // 10
        return reply(self.core.feed(BatchReceived(self.salt(), "10.0.0.9", raw), self.now))

    def command(self, tag: str, value: float, **but: Any) -> Command:
        who = but.get("principal", "twin")
        declared = list(but.get("inputs", ("tank/level",)))
        inputs = tuple(Input(t, self.memory.frame.entry(t)) for t in declared)
        unit = but.get(
            "unit", self.site.plant.tags[tag].unit if tag in self.site.plant.tags else "1"
        )
        return Command(
            self.salt().hex(), who, tag, value, unit, but.get("made_ns", self.now), inputs
        )

    def propose(self, tag: str, value: float, **but: Any) -> tuple[Reply, list[Effect]]:
        c = self.command(tag, value, **but)
        by = but.get("by", signer(c.principal) if c.principal in NAMES else stranger())
        raw = seal(
            write_command(c, PLANT),
            signer=by,
            plant=PLANT,
            purpose=but.get("purpose", Purpose.COMMAND),
        )
        effects = list(self.core.feed(CommandProposed(self.salt(), "10.0.0.8", raw, ""), self.now))
        return reply(effects), effects

    def advice(self, subject: str, **but: Any) -> Advice:
        inputs = tuple(
            Input(t, self.memory.frame.entry(t)) for t in but.get("inputs", ("tank/level",))
        )
        about = self.site.plant.tags.get(subject)
        value, made = but.get("value", 0.5), but.get("made_ns", self.now)
        unit = but.get("unit", "" if value is None else about.unit if about else "m3")
        until = made + int(but.get("life_s", 3600) * SECOND)
        who, says = but.get("principal", "twin"), but.get("says", "open it half")
        ident = but.get("id") or self.salt().hex()
        return Advice(ident, who, subject, says, value, unit, made, until, inputs)

    def advise(self, subject: str, **but: Any) -> tuple[Reply, list[Effect]]:
        """Sealed advice of `principal`, or (`token`) of one that a token vouches for."""
        a = self.advice(subject, **but)
        raw = content = write_advice(a, PLANT)
        if not but.get("token"):
            by = but.get("by", signer(a.principal))
            raw = seal(content, signer=by, plant=PLANT, purpose=but.get("purpose", Purpose.ADVICE))
        given = AdviceGiven(self.salt(), "10.0.0.8", raw, but.get("token", ""))
        effects = list(self.core.feed(given, self.now))
        return reply(effects), effects

    def say(self, person: str, verb: Verb, subject: str, **but: Any) -> tuple[Reply, list[Effect]]:
        made = but.get("made_ns", self.now)
        expires = made + but.get("life_s", 60) * SECOND
        nonce = but.get("nonce", self.salt())
        usual = b""
        if verb is Verb.RESTORE:  # what a person is shown who looks first
            usual = restoring.shown(restoring.known(self.memory, subject))
        shown = but.get("shown", usual)
        said = Statement(person, verb, subject, "test", shown, nonce, made, expires)
        by = but.get("by", signer(person))
        raw = seal(write_statement(said, PLANT), signer=by, plant=PLANT, purpose=Purpose.STATEMENT)
        effects = list(self.core.feed(StatementReceived(self.salt(), "10.0.0.7", raw), self.now))
        return reply(effects), effects

    def report(
        self, nonce: bytes, status: OutcomeStatus = OutcomeStatus.EXECUTED, by: str = "actuator-1"
    ) -> Reply:
        outcome = Outcome(nonce, status, (), "done", self.now)
        raw = seal(
            write_outcome(outcome, PLANT), signer=signer(by), plant=PLANT, purpose=Purpose.OUTCOME
        )
        return reply(self.core.feed(OutcomeReported(self.salt(), "10.0.0.6", raw), self.now))

    def ask(
        self, principal: str, action: str, tags: tuple[str, ...] = (), resource: str = "*"
    ) -> Reply:
        query = QueryAsked(self.salt(), principal, action, resource, "test", tags)
        return reply(self.core.feed(query, self.now))

    def rules(self) -> list[str]:
        return [f.rule for _, _, f in self.memory.findings]


def reply(effects: Sequence[Effect]) -> Reply:
    return next(e for e in effects if isinstance(e, Reply))


def permits(effects: Sequence[Effect]) -> list[Any]:
    return [read_permit(e.content) for e in effects if isinstance(e, Deliver)]


def published(effects: Sequence[Effect], topic: str) -> list[Mapping[str, Any]]:
    return [e.body for e in effects if isinstance(e, Publish) and e.topic == topic]
