"""The claims plant with an engine in memory, whose events are on tape; and plays made of many hands' actions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.claims.disavowals import Doubting
from tests.claims.site import PLANT, START, make_site, permits, signer, stranger
from twinvouch.adapters.committer import Committer, take
from twinvouch.commands.register import shown
from twinvouch.core.aftermath import Aftermath, Expected, OnFailure
from twinvouch.core.command import OutcomeStatus
from twinvouch.core.event import Append, CommandProposed, Effect, Event, ModelSubmitted, Started
from twinvouch.core.inventory import CommandClass
from twinvouch.core.kind import Purpose
from twinvouch.core.mode import ModeRules, Rung
from twinvouch.core.ports import Group
from twinvouch.core.site import SECOND, DistrustRules, Site
from twinvouch.core.statement import Verb
from twinvouch.engine import Engine, modes
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal
from twinvouch.wire.manifest import Manifest, write_manifest

MODES = ModeRules(
    dwell_ns=SECOND, down_per_day=3, on_distrust=frozenset({CommandClass.A}), return_ns=5 * SECOND,
    highest={"valve": Rung.AUTONOMOUS, "pump": Rung.AUTONOMOUS},
)  # fmt: skip
RESPONSE = Expected("tank/flow", 0.2, 60 * SECOND, on_failure=OnFailure.ROLL_BACK)
PUMP = Aftermath(None, 0.0, 20 * SECOND, is_default_taken=True)
SITE = replace(
    make_site(),
    modes=MODES,
    distrust=DistrustRules(second_person_above=5),
    aftermaths={"valve/opening": Aftermath(RESPONSE), "pump/run": PUMP},
)
Action = tuple[str, Any]


@dataclass
class ListLog:
    """A log in memory that keeps what a log on disk keeps: what was synced."""

    kept: list[bytes] = field(default_factory=list)

    def append(self, record: bytes) -> int:
        self.kept.append(record)
        return len(self.kept) - 1

    def sync(self) -> None:
        """Memory is as durable as this gets."""

    def records(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        return iter(list(enumerate(self.kept))[start:])

    def close(self) -> None:
        """Nothing to release."""


@dataclass
class DictState:
    """A state store in memory."""

    rows: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[bytes, bytes] = field(default_factory=dict)
    entries: list[bytes] = field(default_factory=list)
    end: int = 0

    def load(self) -> tuple[Mapping[str, bytes], int]:
        return dict(self.rows), self.end

    def commit(self, group: Group) -> None:
        assert [i for i, _ in group.leaves] == list(
            range(len(self.entries), len(self.entries) + len(group.leaves))
        ), "leaves are numbered without a hole"
        self.rows |= {k: v for k, v in group.rows.items() if v is not None}
        for key in [k for k, v in group.rows.items() if v is None]:
            self.rows.pop(key, None)
        self.blobs |= dict(group.blobs)
        self.entries += [leaf for _, leaf in group.leaves]
        self.end = group.log_end

    def leaf_count(self) -> int:
        return len(self.entries)

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        return self.entries[start:end]

    def blob(self, digest: bytes) -> bytes | None:
        return self.blobs.get(digest)

    def close(self) -> None:
        """Nothing to release."""


class TapeCore:
    """Feeds an engine and commits; `lag` steps at most stay in the log only, as after a crash."""

    def __init__(self, site: Site) -> None:
        self.engine = Engine(site)
        self.log, self.state = ListLog(), DictState()
        self.events: list[tuple[Event, int]] = []
        self._committer = Committer(self.log, self.state)

    def feed(self, event: Event, now_ns: int) -> Sequence[Effect]:
        step = take(self.engine, event, now_ns)
        self.events.append((event, self.engine.memory.now_ns))
        self._committer.commit([step], self.engine.drain())
        return step.effects


class Tape(Doubting):
    """A Toy without files."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.issued: list[bytes] = []
        super().__init__(Path(), SITE)

    def open(self) -> None:
        self.core: Any = TapeCore(self.site)

    def play(self, actions: Sequence[Action]) -> "Tape":
        for name, argument in actions:
            getattr(self, f"do_{name}")(argument)
        return self

    def do_read(self, argument: tuple[str, float, float, int]) -> None:
        edge, level, pump, quality = argument
        group = {"edge-1": "fast", "edge-2": "slow"}[edge]
        columns = {"tank/level": level, "pump/run": pump} if edge == "edge-1" else {}
        width = len(self.site.plant.groups[group].ids)
        marks = None
        if quality:
            marks = np.zeros((2, width), np.uint8)
            marks[1, 0] = quality
        raw = self.sealed(
            self.content(edge, group, rows=2, values=columns, quality=marks), signer(edge)
        )
        self.sent.append((edge, raw))
        self.seq[edge] = self.seq.get(edge, -1) + 1
        self.prev[edge] = _digest(raw)
        if quality != 1:  # else it is lost for now
            self.send(raw)

    def do_again(self, which: int) -> None:
        if self.sent:
            self.send(self.sent[which % len(self.sent)][1])

    def do_damage(self, argument: tuple[int, int]) -> None:
        at, change = argument
        raw = self.sealed(self.content())
        at %= len(raw)
        self.send(raw[:at] + bytes([raw[at] ^ change]) + raw[at + 1 :])

    def do_propose(self, argument: tuple[str, float, str, bool]) -> None:
        tag, value, by, declares = argument
        inputs = ("tank/level",) if declares else ()
        _, effects = self.propose(tag, value, principal=by, inputs=inputs)
        self.issued += [p.nonce for p in permits(effects)]

    def do_token(self, argument: tuple[str, float]) -> None:
        tag, value = argument
        content = write_command(self.command(tag, value), PLANT)
        self.core.feed(CommandProposed(self.salt(), "p", content, "twin"), self.now)

    def do_advise(self, argument: tuple[str, str, bool, float]) -> None:
        subject, by, declares, life_s = argument
        inputs = ("tank/level",) if declares else ()
        self.advise(subject, principal=by, inputs=inputs, life_s=life_s)

    def do_say(self, argument: tuple[str, Verb, int, str]) -> None:
        person, verb, which, tag = argument
        held = [r for r in self.memory.records.values() if r.status.value == "held"]
        subject, digest = tag, b""
        if verb in {Verb.APPROVE, Verb.REJECT} and held:
            record = held[which % len(held)]
            subject, digest = record.command.id, shown(record.command, record.decision)
        if verb in modes.VERBS:
            subject = tag.partition("/")[0]
            digest = modes.shown(subject, self.memory.mode_of(subject))
        _, effects = self.say(person, verb, subject, shown=digest)
        self.issued += [p.nonce for p in permits(effects)]

    def do_doubt(self, argument: tuple[str, str, float, bool]) -> None:
        person, subject, seconds, is_traced = argument
        since = self.now - int(seconds * SECOND)
        self.disavow(person, subject, since_ns=since, traced=is_traced)

    def do_decide(self, argument: tuple[str, Verb, int]) -> None:
        person, verb, which = argument
        said = list(self.memory.disavowals.values())
        if said:
            d = said[which % len(said)]
            digest = b"" if d.traced is None else d.traced.digest
            self.say(person, verb, d.id, shown=digest)

    def do_report(self, argument: tuple[int, OutcomeStatus, str]) -> None:
        which, status, by = argument
        nonce = self.issued[which % len(self.issued)] if self.issued else b"n" * 16
        self.report(nonce, status, by)

    def do_ask(self, argument: tuple[str, str, tuple[str, ...]]) -> None:
        self.ask(*argument)

    def do_model(self, argument: tuple[str, str, bool]) -> None:
        name, by, is_whole = argument
        digest = sha256(b"weights").digest()
        manifest = Manifest(name, "1", {"w.json": digest}, (), (), {}, self.now, self.now + SECOND)
        raw = seal(
            write_manifest(manifest, PLANT), signer=signer(by), plant=PLANT, purpose=Purpose.MODEL
        )
        files = (("w.json", digest if is_whole else bytes(32), ""),)
        self.core.feed(ModelSubmitted(self.salt(), "p", raw, files), self.now)

    def do_start(self, build: str) -> None:
        started = Started(self.salt(), b"c" * 32, SITE.policy.digest, build)
        self.core.feed(started, self.now)

    def do_stranger(self, tag: str) -> None:
        self.propose(tag, 1.0, by=stranger())

    def do_wait(self, seconds: float) -> None:
        self.wait(seconds)


def _digest(raw: bytes) -> bytes:
    return raw[24:56]  # of the sealed content, see wire/cose.py


LEVELS = st.sampled_from([5.0, 5.01, 5.0, 5.0, 12.0, float("nan")])
PUMPS = st.sampled_from([0.0, 0.0, 1.0])
ACTUATORS = st.sampled_from(["valve/opening", "pump/run", "valve/opening", "tank/level"])
VALUES = st.sampled_from([0.5, 0.6, 1.0, 0.0, 2.0])
TAGS = st.sampled_from(["tank/level", "tank/flow", "roof/temperature", "valve/opening"])
PEOPLE = st.sampled_from(["ann", "bob", "cid"])
EDGES = st.sampled_from(["edge-1", "edge-2"])
MARKS = st.sampled_from([0, 0, 0, 1, 2, 3])
READS = st.lists(TAGS, max_size=3).map(tuple)
ASKERS = st.sampled_from(["twin", "ann", ""])
ACTIONS = st.sampled_from(["readTags", "readStatus", "readAdvice", "stream"])
SUBJECTS = st.sampled_from(["valve/opening", "pump/run", "tank", "roof/temperature", "hall"])
SAYS = st.tuples(PEOPLE, st.sampled_from(list(Verb)), st.integers(0, 5), TAGS)
DOUBTS = st.tuples(
    PEOPLE,
    st.sampled_from(["tank/level", "tank/flow", "edge-1", "twin", "a", "nobody"]),
    st.sampled_from([0.1, 1.0, 100.0]),
    st.booleans(),
)
DECISIONS = st.tuples(
    PEOPLE, st.sampled_from([Verb.CONFIRM, Verb.REJECT, Verb.WITHDRAW]), st.integers(0, 5)
)
REPORTS = st.tuples(
    st.integers(0, 5), st.sampled_from(list(OutcomeStatus)), st.sampled_from(["actuator-1", "twin"])
)
PROPOSALS = st.tuples(ACTUATORS, VALUES, st.sampled_from(["twin", "ann", "visitor"]), st.booleans())
MODELS = st.tuples(st.sampled_from("ab"), st.sampled_from(["modeller", "ann"]), st.booleans())


def _named(name: str, arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Action]:
    return arguments.map(lambda argument: (name, argument))


ACTION = st.one_of(
    _named("read", st.tuples(EDGES, LEVELS, PUMPS, MARKS)),
    _named("read", st.tuples(EDGES, LEVELS, PUMPS, MARKS)),
    _named("again", st.integers(0, 50)),
    _named("damage", st.tuples(st.integers(0, 400), st.integers(1, 255))),
    _named("propose", PROPOSALS),
    _named(
        "advise",
        st.tuples(
            SUBJECTS,
            st.sampled_from(["twin", "ann", "visitor"]),
            st.booleans(),
            st.sampled_from([5.0, 3600.0]),
        ),
    ),
    _named("token", st.tuples(ACTUATORS, VALUES)),
    _named("say", SAYS),
    _named("say", SAYS),
    _named("doubt", DOUBTS),
    _named("decide", DECISIONS),
    _named("report", REPORTS),
    _named("ask", st.tuples(ASKERS, ACTIONS, READS)),
    _named("model", MODELS),
    _named("start", st.sampled_from(["one", "two"])),
    _named("stranger", ACTUATORS),
    _named("wait", st.sampled_from([0.2, 1.0, 6.0, 61.0, 700.0])),
)
PLAYS = st.lists(ACTION, max_size=30)


def leaves(effects: Sequence[Effect]) -> list[bytes]:
    return [e.entry for e in effects if isinstance(e, Append)]


assert START % SECOND == 0
