"""One run: a script and what low sources say in it, through the whole engine, and what was permitted.

A permit that is delivered is carried out here; the actuator reports, so that the core knows. Everybody outside does what the script
says with what this run shows: the newest entry, the digest on the screen, a value that was read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from twinvouch.app.noninterference import watched
from twinvouch.app.noninterference.excepted import excepted, in_play, is_estimated, unshown
from twinvouch.app.noninterference.plant import ACTUATOR, PLANT, World, signer, tank
from twinvouch.app.noninterference.script import (
    Advise,
    Arrive,
    Ask,
    Disk,
    Pass,
    Propose,
    Readings,
    Say,
    Script,
    Step,
)
from twinvouch.app.noninterference.voice import present, spoken
from twinvouch.app.noninterference.watched import answered
from twinvouch.commands.register import shown
from twinvouch.core.advice import Advice
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.command import CORE, Command, CommandStatus, Input, Outcome, OutcomeStatus
from twinvouch.core.event import (
    AdviceGiven,
    BatchReceived,
    CommandProposed,
    Deliver,
    DiskChanged,
    Event,
    OutcomeReported,
    QueryAsked,
    Reply,
    Simulate,
    SimulationDone,
    Started,
    StatementReceived,
    Tick,
)
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.site import SECOND
from twinvouch.core.statement import Statement, Verb
from twinvouch.engine import Engine, glass, modes
from twinvouch.wire.advice import write_advice
from twinvouch.wire.batch import Header, write_batch
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal
from twinvouch.wire.lookahead import read_question
from twinvouch.wire.outcome import write_outcome
from twinvouch.wire.permit import read_permit
from twinvouch.wire.statement import write_statement

BOOT = 1
Sealed = Mapping[tuple[str, int], bytes]  # batches by edge and number


@dataclass(frozen=True, slots=True)
class Done:
    """A command that was carried out: when (ns), the words that were written, and where in the order of all."""

    tag: str
    at_ns: int
    words: tuple[int, ...]


@dataclass(slots=True)
class Run:
    """What came of one run: `done` by command; of every command the verdicts in order the rules that gave the last one, and those that clamped it."""

    done: dict[str, Done] = field(default_factory=dict)
    rules: dict[str, frozenset[str]] = field(default_factory=dict)
    verdicts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # the rules that gave each verdict, with its time in ns
    judged: dict[str, list[tuple[int, frozenset[str]]]] = field(default_factory=dict)
    clamps: dict[str, tuple[str, ...]] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    proposed: dict[str, float] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)  # commands of the core itself
    low_readings: int = 0  # present ones
    simulated: int = 0  # answers of a model
    moved: int = 0  # changes of a mode
    excepted: dict[str, str] = field(default_factory=dict)  # by command what lets it pass by design
    estimated: set[str] = field(default_factory=set)  # permitted while an estimate stood in
    in_play: dict[str, int] = field(default_factory=dict)  # how often what was at work
    # by command, the asset that it took down because what it wrote did not show
    unshown: dict[str, str] = field(default_factory=dict)
    events: int = 0


def play(script: Script, world: World, voice: str, kept: dict[tuple[str, int], bytes]) -> Run:
    """Play it; `kept` holds batches that are the same in all runs of a script."""
    batches = spoken(script, world, voice)
    stage = _Stage(script, world, _sealed(script, world, batches, kept))
    for number, (at_ns, step) in enumerate(script.steps):
        stage.take(number, at_ns, step)
    found = stage.finish()
    found.low_readings = present(world, batches)
    return found


def _sealed(
    script: Script,
    world: World,
    batches: Mapping[str, list[Readings]],
    kept: dict[tuple[str, int], bytes],
) -> Sealed:
    """Every edge's chain, signed."""
    found: dict[tuple[str, int], bytes] = {}
    for edge, said in batches.items():
        is_same, previous = said is script.readings[edge], bytes(32)
        for b in said:
            place = (edge, b.number)
            if not is_same or place not in kept:
                content = _content(world, b, previous)
                found[place] = seal(
                    content, signer=signer(edge), plant=PLANT, purpose=Purpose.READINGS
                )
                if is_same:
                    kept[place] = found[place]
                previous = sha256(content).digest()
            else:
                found[place] = kept[place]
    return found


def _content(world: World, b: Readings, previous: bytes) -> bytes:
    plant = world.site.plant
    group = plant.groups[plant.edges[b.edge].groups[0]]
    identity = Identity(b.edge, BOOT, b.number)
    header = Header(Kind.BATCH, PLANT, identity, previous, Origin.LIVE, group.name, group.digest)
    return write_batch(header, group, b.t_ns, b.values, b.quality)


class _Stage:
    """The engine and everybody around it."""

    def __init__(self, script: Script, world: World, batches: Sealed) -> None:
        self._world, self._batches, self._seed = world, batches, script.seed
        self._engine, self._stored = Engine(world.site), dict[str, bytes]()
        self._entries: dict[str, list[int]] = {}  # of admitted batches, by scan group
        self._asked: list[Simulate] = []
        self._due: list[tuple[str, bytes]] = []  # command and nonce of permits to report on
        self._run = Run()
        self._at_ns = script.steps[0][0]
        self._feed(Started(self._salt("start"), b"c" * 32, b"p" * 32, "pair"))

    def take(self, number: int, at_ns: int, step: Step) -> None:
        """One step, after what the actuator has to report."""
        self._at_ns = max(self._at_ns, at_ns)
        self._report()
        _STEPS[type(step)](self, self._salt(str(number)), step)
        self.answer()

    def finish(self) -> Run:
        """What came of it."""
        self._run.moved = sum(mode.epoch for mode in self._engine.memory.modes.values())
        self._run.in_play = in_play(self._engine.memory)
        self._run.unshown = unshown(self._engine.memory)
        return self._run

    def _salt(self, what: str) -> bytes:
        return sha256(f"{self._seed} {what}".encode()).digest()[:16]

    def _feed(self, event: Event) -> Mapping[str, Any]:
        """Feed and note what leaves; the reply."""
        self._run.events += 1
        body: Mapping[str, Any] = {}
        for effect in self._engine.feed(event, self._at_ns):
            if isinstance(effect, Deliver):
                permit = read_permit(effect.content)
                self._run.done[effect.command] = Done(permit.tag, self._at_ns, permit.words)
                self._due.append((effect.command, permit.nonce))
                self._permitted(effect.command)
            elif isinstance(effect, Simulate):
                self._asked.append(effect)
            elif isinstance(effect, Reply):
                body = effect.body
        return body

    def _permitted(self, command: str) -> None:
        """What a permit is by: the core itself, an estimate, or what lets it pass by design."""
        memory = self._engine.memory
        record = memory.records[command]
        said, kind = record.command, excepted(memory, record)
        if kind:
            self._run.excepted[command] = kind
        if is_estimated(memory, said.tag):
            self._run.estimated.add(command)
        if said.principal == CORE:
            self._run.own.add(command)
            self._run.targets[command] = said.tag

    def answer(self) -> None:
        """What the model says to every question on its way, at once; its answers may bring others about."""
        while self._asked:
            asked = self._asked.pop(0)
            waits = self._engine.memory.asked.items()
            command = next((c for c, a in waits if a.ident == asked.ident), "")
            made = (
                watched.tank() if read_question(asked.question).model == watched.MODEL else tank()
            )
            raw, salt = (
                answered(made, asked.question),
                self._salt(f"answer {command or asked.ident}"),
            )
            self._run.simulated += 1
            self._feed(SimulationDone(salt, asked.ident, raw, "", made.digest))
            if command:
                self._note(command)

    def _report(self) -> None:
        """The actuator tells what became of its permits, of some never."""
        due, self._due = self._due, []
        for command, nonce in due:
            salt = self._salt(f"outcome {command}")
            if salt[0] < 25:
                continue
            status = OutcomeStatus.EXECUTED if salt[0] > 40 else OutcomeStatus.FAILED
            said = Outcome(nonce, status, (), "as told", self._at_ns)
            self._feed(
                OutcomeReported(
                    salt, "", _by(ACTUATOR, write_outcome(said, PLANT), Purpose.OUTCOME)
                )
            )

    def arrive(self, salt: bytes, step: Arrive) -> None:
        """A batch; its signature is checked as the API checks it, once."""
        raw = self._batches[step.edge, step.number]
        body = self._feed(BatchReceived(salt, "", raw, checked=signer(step.edge).public_key))
        if body.get("status") == "admitted":
            group = self._world.site.plant.edges[step.edge].groups[0]
            self._entries.setdefault(group, []).append(body["entry"])

    def propose(self, salt: bytes, step: Propose) -> None:
        """A command as this run's service makes it."""
        value = self._followed(step.follows, step.value)
        command = Command(
            step.id,
            step.service,
            step.tag,
            value,
            "1",
            self._at_ns,
            self._inputs(step.inputs),
        )
        content = write_command(command, PLANT)
        if step.signed:
            event = CommandProposed(salt, "", _by(step.service, content, Purpose.COMMAND), "")
        else:
            event = CommandProposed(salt, "", content, step.service)
        self._run.targets[step.id] = step.tag
        self._run.proposed[step.id] = value
        self._feed(event)
        self._note(step.id)

    def advise(self, salt: bytes, step: Advise) -> None:
        """A piece of advice whose value follows a reading."""
        value = self._followed(step.follows, 0.5)
        until_ns = self._at_ns + 60 * SECOND
        advice = Advice(
            *(step.id, step.service, step.subject, "move it", value, "1", self._at_ns, until_ns),
            self._inputs(step.inputs),
        )
        raw = _by(step.service, write_advice(advice, PLANT), Purpose.ADVICE)
        self._feed(AdviceGiven(salt, "", raw, ""))

    def ask(self, salt: bytes, step: Ask) -> None:
        """A read."""
        self._feed(QueryAsked(salt, step.service, step.action, "*", "control", step.tags))

    def say(self, salt: bytes, step: Say) -> None:
        """A person's word; an approval is of what this run shows."""
        record = self._engine.memory.records.get(step.subject)
        is_held = record is not None and record.status is CommandStatus.HELD
        digest = b""
        if record is not None and is_held and step.verb is Verb.APPROVE:
            digest = shown(record.command, record.decision)
        elif step.verb in modes.VERBS:
            digest = modes.shown(step.subject, self._engine.memory.mode_of(step.subject))
        elif step.verb is Verb.BREAK_GLASS and step.subject in self._engine.memory.glasses:
            digest = glass.shown(self._engine.memory.glasses[step.subject])
        ends_ns = self._at_ns + step.lasts_ns
        said = Statement(
            *(step.person, step.verb, step.subject, "pair", digest, salt, self._at_ns, ends_ns)
        )
        raw = _by(step.person, write_statement(said, PLANT), Purpose.STATEMENT)
        self._feed(StatementReceived(salt, "", raw))
        if is_held:
            self._note(step.subject)

    def disk(self, salt: bytes, step: Disk) -> None:
        """The disk becomes full, or has room again."""
        self._feed(DiskChanged(salt, int(step.full), 10**6, 10**9, 0))

    def passes(self, salt: bytes, step: Pass) -> None:
        """A tick, or a restart from what is stored."""
        if step.is_restart:
            for name, row in self._engine.drain().items():
                if row is None:
                    self._stored.pop(name, None)
                else:
                    self._stored[name] = row
            self._engine = Engine(self._world.site)
            self._engine.restore(self._stored)
        self._feed(Tick(salt))

    def _followed(self, what: str, otherwise: float) -> float:
        """What a tag or readable advice says, as a value between 0 and 1; else what is proposed without it."""
        memory = self._engine.memory
        given = memory.advice.get(what)
        if given is not None:
            value = given.advice.value if given.is_readable else None
        else:
            value = memory.frame.value(what) if what else None
        if value is None or not -100.0 < value < 100.0:
            return otherwise
        return abs(value) / 10 % 1.0

    def _inputs(self, named: tuple[tuple[str, int], ...]) -> tuple[Input, ...]:
        """Entries of the batches that are meant, as this run's ledger numbers them."""
        plant, found = self._world.site.plant, []
        for tag, back in named:
            entries = self._entries.get(plant.tags[tag].group, [])
            older = entries[-1 - back] if len(entries) > back else 0
            newest = self._engine.memory.frame.entry(tag)
            found.append(Input(tag, older if back else max(newest, 0)))
        return tuple(found)

    def _note(self, command: str) -> None:
        record = self._engine.memory.records.get(command)
        if record is not None:
            decision = record.decision
            self._run.rules[command] = frozenset(
                r.rule for r in decision.reasons if r.verdict is decision.verdict
            )
            because = self._run.rules[command]
            self._run.judged.setdefault(command, []).append((self._at_ns, because))
            self._run.clamps[command] = () if decision.clamp is None else decision.clamp.by
            before = self._run.verdicts.get(command, ())
            self._run.verdicts[command] = (*before, decision.verdict.value)


def _by(name: str, content: bytes, purpose: str) -> bytes:
    return seal(content, signer=signer(name), plant=PLANT, purpose=purpose)


_STEPS: Mapping[type, Callable[[_Stage, bytes, Any], None]] = {
    Arrive: _Stage.arrive,
    Propose: _Stage.propose,
    Advise: _Stage.advise,
    Ask: _Stage.ask,
    Say: _Stage.say,
    Disk: _Stage.disk,
    Pass: _Stage.passes,
}
