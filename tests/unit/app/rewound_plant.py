"""A tank whose level three independent gauges measure, a pump that a service commands by them, and a core on this thread."""

import base64
import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from twinvouch.adapters.committer import Committer, recover, take
from twinvouch.adapters.keys import FileSigner, SeededSigner, generate
from twinvouch.app import build
from twinvouch.app.config_model import Config
from twinvouch.commands.register import Record
from twinvouch.core.advice import Advice
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.command import Command, Input, Outcome, OutcomeStatus
from twinvouch.core.event import (
    AdviceGiven,
    BatchReceived,
    CommandProposed,
    Deliver,
    Effect,
    Event,
    OutcomeReported,
    Reply,
    Started,
    StatementReceived,
    Tick,
)
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.statement import ConfigStatement
from twinvouch.engine import Engine
from twinvouch.engine.memory import Memory
from twinvouch.wire.advice import write_advice
from twinvouch.wire.batch import Header, write_batch
from twinvouch.wire.command import write_command
from twinvouch.wire.config import write_config
from twinvouch.wire.cose import seal
from twinvouch.wire.outcome import write_outcome
from twinvouch.wire.permit import read_permit

PLANT = "tanks"
SECOND = 10**9
START = 1_790_000_000 * SECOND
A, B, C, PUMP = "a/level", "b/level", "c/level", "pump/speed"
_NAMES = ("edge-a", "edge-b", "edge-c", "twin", "actuator-1", "ann", "bob")
_EDGE = {A: "edge-a", B: "edge-b", C: "edge-c", PUMP: "edge-c"}


def signer(name: str) -> SeededSigner:
    return SeededSigner((40 + _NAMES.index(name)).to_bytes(32, "big"))


def _key(name: str) -> str:
    return base64.b64encode(signer(name).public_key).decode()


def _gauge(name: str, at: int) -> str:
    return f"""\
  {name}/level:
    {{group: {name}, unit: m, range: [0, 10], device: plc-{name}, table: input, address: {at}, encoding: f32,
     redundancy_group: level, vendor: maker-{name}, time_source: clock-{name}}}
"""


CONFIG = f"""\
version: 1
plant: {{id: {PLANT}, origin: live}}
data: data
keys: keys
zones: {{field-a: {{level: 2}}, field-b: {{level: 2}}, field-c: {{level: 2}}}}
assets: {{a: {{zone: field-a}}, b: {{zone: field-b}}, c: {{zone: field-c}}, pump: {{zone: field-c}}}}
devices:
  plc-a: {{host: 127.0.0.1, port: 5020}}
  plc-b: {{host: 127.0.0.1, port: 5021}}
  plc-c: {{host: 127.0.0.1, port: 5022}}
groups:
  a: {{edge: edge-a, period_s: 1, max_age_s: 5}}
  b: {{edge: edge-b, period_s: 1, max_age_s: 5}}
  c: {{edge: edge-c, period_s: 1, max_age_s: 5}}
redundancy: {{level: {{tolerance: 0.5}}}}
tags:
{_gauge("a", 0)}{_gauge("b", 0)}{_gauge("c", 0)}  pump/speed:
    group: c
    unit: "%"
    range: [0, 200]
    device: plc-c
    table: holding
    address: 0
    encoding: f32
    actuator: {{class: C, commanded_by: twin, min: 0, max: 110, controlled: [a/level]}}
edges:
  edge-a: {{groups: [a], identity_cap: 200, core: "http://127.0.0.1:8710"}}
  edge-b: {{groups: [b], identity_cap: 200, core: "http://127.0.0.1:8710"}}
  edge-c: {{groups: [c], identity_cap: 200, core: "http://127.0.0.1:8710"}}
principals:
  - {{id: edge-a, kind: edge, key: {_key("edge-a")}}}
  - {{id: edge-b, kind: edge, key: {_key("edge-b")}}}
  - {{id: edge-c, kind: edge, key: {_key("edge-c")}}}
  - {{id: twin, kind: service, key: {_key("twin")}, roles: [engineer]}}
  - {{id: ann, kind: person, key: {_key("ann")}, roles: [engineer, safety-signer]}}
  - {{id: bob, kind: person, key: {_key("bob")}, roles: [safety-signer]}}
  - {{id: actuator-1, kind: service, key: {_key("actuator-1")}}}
actuator: {{principal: actuator-1}}
api: {{host: 127.0.0.1, port: 8710}}
"""


def configured(directory: Path, more: str = "") -> Config:
    directory.mkdir(exist_ok=True)
    (directory / "twin.yaml").write_text(CONFIG + more, encoding="utf-8")
    for name in ("log", "permit"):
        if not (directory / "keys" / f"{name}.key").exists():
            (directory / "keys").mkdir(mode=0o700, exist_ok=True)
            generate(directory / "keys" / f"{name}.key")
    return build.load(directory / "twin.yaml")


@dataclass
class Plant:
    """Time moves by `second` and `wait`; every event is committed and, by `publish`, in the ledger files."""

    config: Config
    now_ns: int = START
    seq: dict[str, int] = field(default_factory=dict)
    prev: dict[str, bytes] = field(default_factory=dict)
    salts: int = 0

    def __post_init__(self) -> None:
        self.stores = build.stores(self.config)
        key = FileSigner(self.config.keys_dir / "permit.key").public_key
        self.engine = Engine(build.live_site(self.config, key))
        recover(self.engine, self.stores.log, self.stores.state, None, self.stores.vault)
        self._committer = Committer(self.stores.log, self.stores.state)
        site = self.memory.site
        self.feed(Started(self.salt(), site.config_digest, site.policy.digest, "test"))
        asked = site.safety
        assert asked is not None
        if self.memory.signed.digest != asked.digest:
            for person in ("ann", "bob"):
                self._sign(person, asked.digest)

    @property
    def memory(self) -> Memory:
        return self.engine.memory

    def salt(self) -> bytes:
        self.salts += 1
        return self.salts.to_bytes(8, "big") + os.urandom(8)

    def feed(self, event: Event) -> list[Effect]:
        step = take(self.engine, event, self.now_ns, self.stores.vault)
        self._committer.commit([step], self.engine.drain())
        return list(step.effects)

    @staticmethod
    def after(config: Config, at: dict[str, int]) -> "Plant":
        """The core started again a second after `lied_to`, with another configuration."""
        plant = Plant(config, at["until"] + SECOND)
        for edge, link in plant.memory.links.items():
            plant.seq[edge], plant.prev[edge] = link.seq + 1, link.digest
        return plant

    def _sign(self, person: str, digest: bytes) -> None:
        number = self.memory.signed.number + 1
        said = ConfigStatement(person, number, digest, self.now_ns, self.now_ns + 60 * SECOND)
        content = write_config(said, PLANT)
        raw = seal(content, signer=signer(person), plant=PLANT, purpose=Purpose.CONFIG)
        assert replied(self.feed(StatementReceived(self.salt(), "p", raw))).code == 200

    def second(self, level: float = 5.0, **lies: float) -> None:
        """A second passes: every edge sends one row; `lies` are levels by gauge, and `pump` its speed."""
        self.wait(1.0)
        for group in ("a", "b", "c"):
            self.send(group, [lies.get(group, level), lies.get("pump", 50.0)])

    def send(self, group: str, row: list[float]) -> None:
        of = self.memory.site.plant.groups[group]
        edge = of.edge
        values = np.array([row[: len(of.ids)]])
        if group == "c":
            values = np.array([[row[0] if t == C else row[1] for t in of.ids]])
        identity = Identity(edge, 1, self.seq.get(edge, 0))
        prev = self.prev.get(edge, bytes(32))
        header = Header(Kind.BATCH, PLANT, identity, prev, Origin.LIVE, group, of.digest)
        content = write_batch(header, of, np.array([self.now_ns]), values, None)
        raw = seal(content, signer=signer(edge), plant=PLANT, purpose=Purpose.READINGS)
        reply = replied(self.feed(BatchReceived(self.salt(), "p", raw)))
        assert reply.code == 200, reply.body
        self.seq[edge], self.prev[edge] = identity.seq + 1, sha256(content).digest()

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND)
        self.feed(Tick(self.salt()))

    def propose(self, value: float, inputs: tuple[str, ...] = (A,), **but: str) -> Record:
        """A command of the service, which rests on what it declares."""
        declared = tuple(Input(t, self.memory.frame.entry(t)) for t in inputs)
        c = Command(os.urandom(16).hex(), "twin", PUMP, value, "%", self.now_ns, declared)
        raw = seal(write_command(c, PLANT), signer=signer("twin"), plant=PLANT, purpose=Purpose.COMMAND)  # fmt: skip
        effects = self.feed(CommandProposed(self.salt(), "p", raw, ""))
        if but.get("outcome", "executed") == "executed":
            for effect in effects:
                if isinstance(effect, Deliver):
                    self.report(effect.content)
        return self.memory.records[c.id]

    def report(self, permit: bytes) -> None:
        nonce = read_permit(permit).nonce
        outcome = Outcome(nonce, OutcomeStatus.EXECUTED, (), "done", self.now_ns)
        raw = seal(write_outcome(outcome, PLANT), signer=signer("actuator-1"), plant=PLANT, purpose=Purpose.OUTCOME)  # fmt: skip
        self.feed(OutcomeReported(self.salt(), "p", raw))

    def advise(self, subject: str = PUMP, inputs: tuple[str, ...] = (A,)) -> str:
        declared = tuple(Input(t, self.memory.frame.entry(t)) for t in inputs)
        ident = os.urandom(16).hex()
        until = self.now_ns + 3600 * SECOND
        a = Advice(ident, "twin", subject, "run it faster", 60.0, "%", self.now_ns, until, declared)
        raw = seal(write_advice(a, PLANT), signer=signer("twin"), plant=PLANT, purpose=Purpose.ADVICE)  # fmt: skip
        reply = replied(self.feed(AdviceGiven(self.salt(), "p", raw, "")))
        assert reply.code == 200, reply.body
        return ident

    def publish(self) -> None:
        self.stores.ledger.catch_up(self.stores.state)

    def close(self) -> None:
        self.publish()
        self.stores.close()


def replied(effects: list[Effect]) -> Reply:
    return next(e for e in effects if isinstance(e, Reply))


def lied_to(config: Config) -> tuple[Plant, dict[str, int]]:
    """A minute of truth, then gauge a lies for a minute: by it the pump is run, advice is given; then it is found out.

    The moments by name; the stores are closed.
    """
    plant = Plant(config)
    for _ in range(60):
        plant.second()
    plant.propose(50.0)
    since = plant.now_ns
    for n in range(60):
        plant.second(a=5.3, pump=50.0 if n < 20 else 60.0)
        if n == 19:
            plant.propose(60.0)
        if n == 20:
            plant.advise()
        if n == 30:
            plant.propose(61.0, inputs=(B,))
    until = plant.now_ns
    plant.close()
    return plant, {"since": since + 1, "until": until}
