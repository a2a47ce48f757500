"""One run: a true plant, its instruments, an operator, who attacks, and the guard in between, or nobody."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil
from random import Random
from typing import Final

from twinvouch.commands.safe_action import was_admitted
from twinvouch.core.command import CommandStatus, Verdict
from twinvouch.core.site import Site
from twinvouch.core.statement import Verb
from twinvouch.lab.range.instruments import Instruments
from twinvouch.lab.range.judge import INSIDE, Judge, Terms
from twinvouch.lab.range.plants import STEP_S, STEPS_PER_H, Sector, Spell, TruePlant, Wish
from twinvouch.lab.range.result import Result
from twinvouch.lab.range.scenario import Kind, Moment, Scenario, Weather
from twinvouch.lab.range.site import HOLD_NS, LEAD, OPERATOR, OPTIMIZER, PERIOD_NS
from twinvouch.lab.range.stage import Outside, Stage, Written
from twinvouch.lab.range.tricks import BEFORE, Tricks

DEADLINE: Final = HOLD_NS // PERIOD_NS  # steps that a held command may wait
LEAST, MOST = 2, 6  # steps between two of the operator's moments: 10 to 30 min
HIGHEST_RUNG: Final = 1  # supervised; below it the twin writes nothing


@dataclass(frozen=True, slots=True)
class Cast:
    """What a run is played with. `site` None: there is no guard, every order is written."""

    scenario: Scenario
    sector: Sector
    seed: int
    guard: str
    site: Site | None
    outside: Callable[[], Outside]
    hours: float
    attack_h: float


def play(cast: Cast) -> Result:
    """Play it to its end."""
    run = begun(cast)
    try:
        return run.ended(cast.scenario)
    finally:
        run.close()


def begun(cast: Cast) -> "Run":
    """Play the honest hours, which are the same in every scenario of a seed and guard."""
    run = Run(cast)
    try:
        run.until(round(cast.attack_h * STEPS_PER_H) - BEFORE)
    except BaseException:
        run.close()
        raise
    return run


@dataclass(frozen=True, slots=True)
class _Pending:
    """A command that waits; legitimate as judged when it was proposed; `is_stop` an emergency stop."""

    step: int
    legit: bool
    is_stop: bool = False


class Run:
    """Everybody's state."""

    def __init__(self, cast: Cast) -> None:
        self.cast, self.sector = cast, cast.sector
        look = self.sector.lookout
        self.plant: TruePlant = self.sector.make(cast.seed)
        laws = self.sector.laws
        terms = Terms(laws, round(look.tau_s / STEP_S), round(look.horizon_s / STEP_S))
        self.judge = Judge(self.plant, terms)
        self.instruments = Instruments(self.sector, cast.seed)
        self.chance = Random(f"range {cast.seed}")  # noqa: S311 - a run is repeated by its seed
        self.operator = self.sector.operator(Random(f"operator {cast.seed}"))  # noqa: S311
        self.next = 2
        self.now, self.since = -1, 0
        self.honest: list[Mapping[str, float]] = []
        self.told: Mapping[str, float] = {}
        self.pending: dict[str, _Pending] = {}
        self.written: dict[str, bool] = {}
        s, site = cast.scenario, cast.site
        self.result = Result(s.name, s.sector, s.kind.value, cast.seed, cast.guard)
        self.stage = None if site is None else Stage(site, cast.seed, cast.outside(), self._write)
        self.tricks: Tricks | None = None
        self.calm_from = -1  # after an emergency stop the operator waits

    def until(self, end: int) -> None:
        """Play on, until before this step."""
        for step in range(self.now + 1, end):
            self.step(step)

    def ended(self, scenario: Scenario) -> Result:
        """From the honest hours on it is this scenario, to its end; what came of it."""
        s, r = scenario, self.result
        self.cast = replace(self.cast, scenario=s)
        r.scenario, r.kind, r.gap = s.name, s.kind.value, bool(s.gap)
        if self.stage is not None:
            self.tricks = Tricks(s, self.stage, self._hostile)
        self.plant.surge([self._spell(weather) for weather in s.weather])
        self.until(round(self.cast.hours * STEPS_PER_H))
        return self._finished()

    def step(self, step: int) -> None:
        """Readings, what people and attackers do about them, and a step of the plant."""
        self.now, self.since = step, step - round(self.cast.attack_h * STEPS_PER_H)
        read = self.instruments.read(self.plant.truth())
        told = dict(read)
        if self.since >= 0:
            for lie in self.cast.scenario.lies:
                lie.told(told, self._moment())
            self._recalibrated(told)
        self.honest.append(read)
        self.told = told
        if self.stage is not None:
            self.stage.scan(step, told)
            self._watch(read)
        if self.since == 0:
            self.operator.shift(self.cast.scenario.shifts)
        self._lock_out()
        self._stop()
        if step >= self.next and step > self.calm_from:
            self.next = step + self.chance.randint(LEAST, MOST)
            self._operate()
        self._attack()
        self._expire()
        self.plant.advance()
        self._look_outside()

    def _finished(self) -> Result:
        self._expire(is_over=True)
        if self.tricks is not None:
            self.result.tricks = self.tricks.ends
        if self.stage is not None:
            self.result.engine_ms = self.stage.cost.engine
            self.result.lookahead_ms = self.stage.cost.lookahead
        return self.result

    def close(self) -> None:
        """Free the plant."""
        self.plant.close()

    def _moment(self) -> Moment:
        s = self.cast.scenario
        strength = s.strength(self.cast.seed)
        return Moment(self.sector, self.now, self.since, strength, self.chance, self.honest)

    def _spell(self, weather: Weather) -> Spell:
        began = round(self.cast.attack_h * STEPS_PER_H)
        first, end = (began + ceil(h * STEPS_PER_H) for h in (weather.start_h, weather.end_h))
        return Spell(first, end, weather.factor)

    def _shown(self, tag: str) -> float | None:
        return self.told[tag] if self.stage is None else self.stage.seen(tag)

    def _operate(self) -> None:
        """He looks at what counts, and does the most urgent thing."""
        tags = (*self.operator.looks, *(lever.tag for lever in self.sector.levers))
        shown = {tag: self._shown(tag) for tag in tags}
        if self.stage is not None:
            self.stage.look(OPERATOR, [tag for tag, value in shown.items() if value is not None])
        busy = self._busy()
        wishes = [w for w in self.operator.wishes(shown) if w.tag not in busy]
        for wish in wishes[: self.sector.wishes]:
            self._wants(wish)

    def _wants(self, wish: Wish, *, is_stop: bool = False) -> None:
        legit = not self.judge.is_unsafe(self.now, {wish.tag: wish.value})
        self.result.legit += legit
        self._order(OPERATOR, wish, _Pending(self.now, legit, is_stop))

    def _lock_out(self) -> None:
        """Before somebody works on levers, the operator sets them."""
        for work in self.cast.scenario.work:
            if self.since == round(work.start_h * STEPS_PER_H):
                for tag, value in work.levers.items():
                    self._wants(Wish(tag, value, (tag,)))

    def _busy(self) -> set[str]:
        """Levers that somebody works on."""
        hours = self.since / STEPS_PER_H
        return {
            lever
            for work in self.cast.scenario.work
            if work.start_h <= hours < work.end_h
            for lever in work.levers
        }

    def _attack(self) -> None:
        """Orders, by themselves or carried by a trick; without a guard they are written either way."""
        at = self._moment()
        wishes = [w for orders in self.cast.scenario.orders for w in orders.wishes(at)]
        if self.tricks is not None:
            self.tricks.before(self.since, wishes)
        if self.since < 0:
            return
        self.result.hostile += len(wishes)
        if self.tricks is not None and self.tricks.play(self.since, wishes):
            return
        for wish in wishes:
            self._order(OPTIMIZER, wish, _Pending(self.now, legit=False))

    def _hostile(self, wish: Wish) -> str:
        """Proposed for a trick; its id."""
        assert self.stage is not None
        return self.stage.propose(OPTIMIZER, wish)

    def _stop(self) -> None:
        """A person distrusts every station that tells of the state; half an hour later the operator stops what he may."""
        stops = self.cast.scenario.stops
        if not stops:
            return
        if self.since == 0 and self.stage is not None:
            for edge, groups in self.sector.domains.items():
                if not {lever.group for lever in self.sector.levers} & set(groups):
                    self.stage.say(LEAD, Verb.DISTRUST, edge, 7_200.0)
        if self.since == STEPS_PER_H // 2:
            self.calm_from = self.now + STEPS_PER_H // 2
            for tag in stops:
                self.result.stops += 1
                # he says what he looked at, and none of it counts any more
                self._wants(Wish(tag, 0.0, (tag, *self.operator.looks)), is_stop=True)

    def _recalibrated(self, told: dict[str, float]) -> None:
        """Sensors that were set anew, with a ticket for the hour in which it is done."""
        for tag, offset in self.cast.scenario.recalibrated.items():
            if self.since == 0 and self.stage is not None:
                self.stage.say(LEAD, Verb.RECALIBRATION, tag, 3_600.0)
            told[tag] += offset

    def _order(self, who: str, wish: Wish, pending: _Pending) -> None:
        """Propose it, or write it where nobody guards."""
        if self.stage is None:
            self._write(Written("", wish.tag, wish.value))
            return
        ident = self.stage.propose(who, wish)
        if not self._settled(ident, pending):
            self.pending[ident] = pending

    def _write(self, what: Written) -> None:
        """What really moves an actuator; judged before it does."""
        if self.stage is not None:
            if self.judge.is_unsafe(self.now, {what.tag: what.value}):
                self.result.unsafe.append(self.now)
                record = self.stage.record(what.command)
                is_listed = record is not None and was_admitted(record.decision)
                self.result.unsafe_safe_actions += is_listed
            self.written[what.command] = True
        self.plant.write(what.tag, what.value)
        self.judge.moved()
        self._look_outside()

    def _look_outside(self) -> None:
        if self.result.violated < 0 and self.plant.excess() > INSIDE:
            self.result.violated = self.now

    def _settled(self, ident: str, pending: _Pending) -> bool:
        """True where nothing more can come of a command."""
        assert self.stage is not None
        if ident in self.written:
            return True
        status = self.stage.status(ident)
        if status is CommandStatus.HELD and self.now - pending.step < DEADLINE:
            return False
        self.result.stops_blocked += pending.is_stop
        if pending.legit:
            self.result.blocked.append(pending.step)
            self._why(ident)
        return True

    def _why(self, ident: str) -> None:
        record = self.stage.record(ident) if self.stage is not None else None
        reasons = () if record is None else record.decision.reasons
        for reason in reasons:
            if reason.verdict is not Verdict.ALLOW:
                self.result.rules[reason.rule] = self.result.rules.get(reason.rule, 0) + 1

    def _expire(self, *, is_over: bool = False) -> None:
        for ident, pending in list(self.pending.items()):
            if is_over or self._settled(ident, pending):
                del self.pending[ident]

    def _watch(self, read: Mapping[str, float]) -> None:
        """What the guard noticed, and whether it stepped down."""
        assert self.stage is not None
        r = self.result
        for sensor in self.sector.sensors:
            if self.stage.counts(sensor.tag):
                continue
            apart = abs(self.told[sensor.tag] - read[sensor.tag]) / sensor.span
            if self.cast.scenario.kind is Kind.CLEAN or self.since < 0:
                r.distrusted = True
            if self.since >= 0 and r.detected < 0 and apart > 0:
                r.detected, r.deviation = self.now, self._apart(read)
        if r.detected < 0 and self.since >= 0:
            r.deviation = self._apart(read)
        if r.stepped_down < 0 and self.since >= 0:
            assets = {lever.tag.rpartition("/")[0] for lever in self.sector.levers}
            if any(self.stage.mode(asset) > HIGHEST_RUNG for asset in assets):
                r.stepped_down = self.now

    def _apart(self, read: Mapping[str, float]) -> float:
        """How far the worst liar is from what it read."""
        spans = ((s.tag, s.span) for s in self.sector.sensors)
        return max(abs(self.told[tag] - read[tag]) / span for tag, span in spans)
