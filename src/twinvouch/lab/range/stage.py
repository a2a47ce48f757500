"""The engine and everybody around it, on virtual time and in memory: stations sign, services propose, an actuator writes what is permitted.

Nothing here decides. What leaves the engine is carried out at once: permits by the actuator's own check, questions by a model that is
asked in this process as a worker would be. Both are handed in (`Outside`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from time import process_time_ns
from typing import Any, Final, Protocol

import numpy as np

from twinvouch.commands.capability import required
from twinvouch.commands.register import Record, shown
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.command import Command, CommandStatus, Input, Outcome, OutcomeStatus, Permit
from twinvouch.core.event import (
    Announce,
    BatchReceived,
    CommandProposed,
    Deliver,
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
from twinvouch.core.inventory import CommandClass
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.site import SECOND, Site
from twinvouch.core.statement import Statement, Verb
from twinvouch.core.virtual import StandIn, reaches
from twinvouch.engine import Engine, standing_in
from twinvouch.lab.range.plants import Wish
from twinvouch.lab.range.site import ACTUATOR, PERIOD_NS, PERMIT_KEY, signer
from twinvouch.wire.batch import Header, write_batch
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal
from twinvouch.wire.outcome import write_outcome
from twinvouch.wire.statement import write_statement

BEGIN_NS: Final = 1_700_006_400 * SECOND  # a midnight
_BOOT: Final = 1


@dataclass(frozen=True, slots=True)
class Written:
    """A permit that the actuator accepted: whose command, and what it wrote."""

    command: str
    tag: str
    value: float


class Worker(StrEnum):
    """What has become of the worker of look-ahead."""

    HONEST = "honest"
    LYING = "lying"  # it answers that nothing moves
    DEAD = "dead"  # it dies over every question


class Outside(Protocol):
    """What of the product lies beside the engine: the actuator's check of permits, and look-ahead."""

    def permitted(self, raw: bytes, now_ns: int) -> tuple[Permit, float] | str:
        """The permit and the value that it lets write, or why not."""
        ...

    def foreseen(self, asked: Simulate, worker: Worker) -> SimulationDone:
        """The answer to a question by such a worker."""
        ...


@dataclass(slots=True)
class Cost:
    """CPU ms, by command: of the engine, each time it judges and records it, and of look-ahead."""

    engine: list[float] = field(default_factory=list)
    lookahead: list[float] = field(default_factory=list)


class Stage:
    """One run's engine. `write` is called for every write that the actuator makes, before it reports."""

    def __init__(
        self, site: Site, seed: int, outside: Outside, write: Callable[[Written], None]
    ) -> None:
        self.site, self.cost = site, Cost()
        self._engine, self._outside, self._write = Engine(site), outside, write
        self._seed, self._count, self.now_ns = seed, 0, BEGIN_NS
        self._chain = dict.fromkeys(site.plant.edges, (0, bytes(32)))
        self._asked: list[Simulate] = []
        self._reports: list[bytes] = []
        self._spent_ns = 0  # CPU of the gate for the present command, look-ahead apart
        self.permits: list[bytes] = []  # sealed, newest last: what somebody on the wire could keep
        self._worker = Worker.HONEST
        self._feed(Started(self._salt(), b"c" * 32, b"p" * 32, "range"))

    def scan(self, step: int, values: Mapping[str, float]) -> None:
        """A row of every scan group, signed by its station, and a tick."""
        self.now_ns = BEGIN_NS + step * PERIOD_NS
        for edge in self.site.plant.edges.values():
            for name in edge.groups:
                self._batch(edge.principal, name, values)
        self._feed(Tick(self._salt()))
        self._settle()

    def look(self, principal: str, tags: Sequence[str]) -> None:
        """A service reads tags: they count for what it does within ten minutes (R7)."""
        shown = [t for tag in tags for t in standing_in.read(self._engine.memory, tag)]
        self._feed(QueryAsked(self._salt(), principal, "readTags", "*", "control", tuple(shown)))

    def seen(self, tag: str) -> float | None:
        """What the twin shows of a tag for control: its reading, or what stands in for it; None where neither counts for class B."""
        m = self._engine.memory
        value = m.frame.value(tag) if self.counts(tag) else None
        if value is None and (instead := self._instead(tag)) is not None:
            value = instead.value
        return value

    def counts(self, tag: str) -> bool:
        """True where its own reading does, by what class B demands."""
        m = self._engine.memory
        value = m.frame.value(tag)
        if value is None or m.context().distrusted.get(tag, 0) > self.now_ns:
            return False
        axes, _ = m.frame.label_of(tag, self.now_ns)
        return reaches(axes, required(self.site.plant.classes[CommandClass.B]))

    def _instead(self, tag: str) -> StandIn | None:
        v = self.site.virtual.get(tag)
        found = None if v is None else standing_in.stand_in(self._engine.memory, v)
        return None if found is None or found.entry < 0 else found

    def propose(self, principal: str, wish: Wish, *, key: str = "") -> str:
        """A signed command; its id. `key`: whose key signs, where that is another's."""
        m, ident = self._engine.memory, self._salt().hex()
        instead = {t: found.entry for t in wish.inputs if (found := self._instead(t)) is not None}
        inputs = tuple(Input(t, instead.get(t, max(m.frame.entry(t), 0))) for t in wish.inputs)
        unit = self.site.plant.tags[wish.tag].unit
        command = Command(ident, principal, wish.tag, wish.value, unit, self.now_ns, inputs)
        raw = self._by(
            key or principal, write_command(command, self.site.plant.id), Purpose.COMMAND
        )
        self._spent_ns = 0
        self._feed(CommandProposed(self._salt(), "", raw, ""))
        self._settle()
        self.cost.engine.append(self._spent_ns / 1e6)
        return ident

    def say(self, person: str, verb: Verb, subject: str, lasts_s: float) -> int:
        """A person's signed word; the code of the reply. An approval is of what is shown."""
        record = self._engine.memory.records.get(subject)
        is_held = record is not None and record.status is CommandStatus.HELD
        digest = b""
        if record is not None and is_held and verb is Verb.APPROVE:
            digest = shown(record.command, record.decision)
        made_ns, ends_ns = self.now_ns, self.now_ns + int(lasts_s * SECOND)
        said = Statement(person, verb, subject, "range", digest, self._salt(), made_ns, ends_ns)
        raw = self._by(person, write_statement(said, self.site.plant.id), Purpose.STATEMENT)
        code = self._feed(StatementReceived(self._salt(), "", raw))
        self._settle()
        return code

    def worker(self, now: Worker) -> None:
        """The worker of look-ahead is such a one from now on."""
        self._worker = now

    def carry(self, raw: bytes) -> str:
        """Somebody hands the actuator a permit, whoever he is; why it was refused, or nothing."""
        found = self._outside.permitted(raw, self.now_ns)
        if isinstance(found, str):
            return found
        permit, value = found
        self._write(Written(permit.command, permit.tag, value))
        return ""

    def status(self, command: str) -> CommandStatus | None:
        """Of a command; None where the engine never took it."""
        record = self.record(command)
        return None if record is None else record.status

    def record(self, command: str) -> Record | None:
        """What the register holds of a command."""
        return self._engine.memory.records.get(command)

    def mode(self, asset: str) -> int:
        """The rung of an asset."""
        return int(self._engine.memory.mode_of(asset).rung)

    def _batch(self, edge: str, name: str, values: Mapping[str, float]) -> None:
        plant = self.site.plant
        group, (number, previous) = plant.groups[name], self._chain[edge]
        row = np.array([[values[t] for t in group.ids]])
        identity = Identity(edge, _BOOT, number)
        header = Header(Kind.BATCH, plant.id, identity, previous, Origin.LIVE, name, group.digest)
        quality = np.zeros(row.shape, np.uint8)
        content = write_batch(header, group, np.array([self.now_ns], np.int64), row, quality)
        self._chain[edge] = number + 1, sha256(content).digest()
        raw = self._by(edge, content, Purpose.READINGS)
        self._feed(BatchReceived(self._salt(), "", raw, checked=signer(edge).public_key))

    def _feed(self, event: Event) -> int:
        """Feed, note what leaves; the code of the reply."""
        code, is_judging = 0, isinstance(event, CommandProposed | SimulationDone)
        since_ns = process_time_ns() if is_judging else 0  # asking costs more than some events
        effects = self._engine.feed(event, self.now_ns)
        if is_judging:
            self._spent_ns += process_time_ns() - since_ns
        for effect in effects:
            if isinstance(effect, Deliver | Announce):
                self._deliver(effect.content)
            elif isinstance(effect, Simulate):
                self._asked.append(effect)
            elif isinstance(effect, Reply):
                code = effect.code
        return code

    def _deliver(self, content: bytes) -> None:
        """To the actuator, under the permit key; it writes and will report."""
        raw = self._by(PERMIT_KEY, content, Purpose.PERMIT)
        self.permits.append(raw)
        found = self._outside.permitted(raw, self.now_ns)
        if isinstance(found, str):
            return
        permit, value = found
        self._write(Written(permit.command, permit.tag, value))
        told = Outcome(permit.nonce, OutcomeStatus.EXECUTED, permit.words, "written", self.now_ns)
        self._reports.append(self._by(ACTUATOR, write_outcome(told, self.site.plant.id), Purpose.OUTCOME))  # fmt: skip

    def _settle(self) -> None:
        """Until nobody waits for an answer or a report."""
        while self._asked or self._reports:
            asked, self._asked = self._asked, []
            reports, self._reports = self._reports, []
            for each in asked:
                self._feed(self._answer(each))
            for raw in reports:
                self._feed(OutcomeReported(self._salt(), "", raw))

    def _answer(self, asked: Simulate) -> SimulationDone:
        since = process_time_ns()
        done = self._outside.foreseen(asked, self._worker)
        self.cost.lookahead.append((process_time_ns() - since) / 1e6)
        return done

    def _by(self, name: str, content: bytes, purpose: Any) -> bytes:
        return seal(content, signer=signer(name), plant=self.site.plant.id, purpose=purpose)

    def _salt(self) -> bytes:
        self._count += 1
        return sha256(f"range {self._seed} {self._count}".encode()).digest()[:16]
