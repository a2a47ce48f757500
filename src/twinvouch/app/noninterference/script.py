"""What happens at a plant, from a seed: who says what when. Both runs of a pair play the same script.

A script names things as people do: the newest batch of a tag, the command before, what stands on the screen. Which ledger entry or
digest that is, a run finds out; so the runs differ in nothing but what low sources say and what follows from it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.app.noninterference.plant import HALF_NS, PERSONS, SERVICES, World
from twinvouch.app.noninterference.stood_in import rests
from twinvouch.core.site import SECOND
from twinvouch.core.statement import Verb

BEGIN_NS: Final = 1_700_000_000 * SECOND
LASTS_S: Final = 11.0
DOUBTED: Final = 0.7  # of the sensors for which an estimate may stand in
ESTIMATING: Final = SERVICES[2]
GLASS: Final = 0.25  # of the plants
DOWN: Final = (Verb.ADVISORY, Verb.READ_ONLY, Verb.ISOLATED)


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """One batch as it would be said honestly: `number` in its edge's chain, times int64[R], values float64[R, K]."""

    edge: str
    number: int
    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    quality: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Arrive:
    """A batch reaches the core: the first time, late, or once more."""

    edge: str
    number: int


@dataclass(frozen=True, slots=True)
class Propose:
    """A command. `inputs` are tags, each with how many batches ago; `follows`: its value is what this tag or advice says."""

    id: str
    service: str
    tag: str
    value: float
    inputs: tuple[tuple[str, int], ...]
    signed: bool
    follows: str = ""


@dataclass(frozen=True, slots=True)
class Advise:
    """A recommendation about an actuator; `follows` as of a command."""

    id: str
    service: str
    subject: str
    inputs: tuple[tuple[str, int], ...]
    follows: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A service reads tags, opens a stream, or reads advice."""

    service: str
    action: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Say:
    """A person's word on a command, a tag or an asset; who approves signs what is on the screen."""

    person: str
    verb: Verb
    subject: str
    lasts_ns: int


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk becomes full or has room again."""

    full: bool


@dataclass(frozen=True, slots=True)
class Pass:
    """A tick; `is_restart`: the core is stopped and starts from what it stored."""

    is_restart: bool = False


Step = Arrive | Propose | Advise | Ask | Say | Disk | Pass


@dataclass(frozen=True, slots=True)
class Script:
    """Steps by their time (ns), and each edge's batches in the order of its chain."""

    seed: int
    steps: tuple[tuple[int, Step], ...]
    readings: dict[str, list[Readings]] = field(default_factory=dict)


def draw(seed: int, world: World) -> Script:
    """The script of a seed."""
    chance = random.Random(f"script {seed}")  # noqa: S311 - a script is repeated by its seed
    readings = _readings(chance, np.random.default_rng([seed, 7]), world)
    steps: list[tuple[int, Step]] = [*_arrivals(chance, readings), *_people(chance, world)]
    steps += _commands(chance, world)
    steps += _closed_loops(chance, world)
    steps += _modes(random.Random(f"modes {seed}"), world)  # noqa: S311 - a chance of its own
    steps += _emergencies(random.Random(f"glass {seed}"), world)  # noqa: S311 - a chance of its own
    steps += _doubts(random.Random(f"doubts {seed}"), world)  # noqa: S311 - a chance of its own
    steps += [(BEGIN_NS + n * SECOND, Pass(chance.random() < 0.04)) for n in range(int(LASTS_S))]
    if chance.random() < 0.2:
        at = _moment(chance)
        steps += [(at, Disk(full=True)), (at + chance.randint(1, 3) * SECOND, Disk(full=False))]
    steps.sort(key=lambda step: step[0])
    return Script(seed, tuple(steps), readings)


def _moment(chance: random.Random, first: float = 1.5) -> int:
    return BEGIN_NS + int((first + chance.random() * (LASTS_S - first)) * SECOND)


def _readings(
    chance: random.Random, noise: np.random.Generator, world: World
) -> dict[str, list[Readings]]:
    """What all edges would say: quantities wander, some tags lie for a while or lose their reading."""
    truth = _Truth(chance, world)
    found: dict[str, list[Readings]] = {}
    for edge in world.site.plant.edges.values():
        group = world.site.plant.groups[edge.groups[0]]
        at_ns, batches = BEGIN_NS + chance.randrange(HALF_NS), list[Readings]()
        while at_ns < BEGIN_NS + LASTS_S * SECOND:
            t_ns = at_ns + HALF_NS * np.arange(chance.choice((1, 2, 2)), dtype=np.int64)
            values = np.array([[truth.of(tag, int(t)) for tag in group.ids] for t in t_ns])
            values += noise.normal(0.0, 0.03, values.shape) * (values != np.rint(values))
            quality = (noise.random(values.shape) < 0.01) * np.uint8(3)
            batches.append(Readings(edge.principal, len(batches), t_ns, values, quality))
            at_ns = int(t_ns[-1]) + HALF_NS
        found[edge.principal] = batches
    return found


class _Truth:
    """Quantities as straight lines between points; actuators stand and move now and then; tags lie in stretches."""

    def __init__(self, chance: random.Random, world: World) -> None:
        self._measures = world.measures
        self._lines = {q: self._line(chance, 4.0) for q in set(world.measures.values())}
        tags = [*world.measures]
        self._lies = {
            tag: (_moment(chance), chance.choice((-1.5, 0.9, 3.0)), chance.randint(1, 8) * SECOND)
            for tag in chance.sample(tags, min(len(tags), chance.randint(1, 3)))
        }
        actuators = world.site.plant.tags.keys() - world.measures.keys()
        self._stand = {
            tag: (chance.choice((0.1, 0.3, 0.5)), chance.choice((0.3, 0.5)), _moment(chance))
            for tag in sorted(actuators)
        }

    @staticmethod
    def _line(chance: random.Random, start: float) -> list[float]:
        points = [start]
        while len(points) < LASTS_S + 4:
            points.append(min(max(points[-1] + chance.uniform(-0.9, 1.0), 0.5), 9.5))
        return points

    def of(self, tag: str, t_ns: int) -> float:
        """The value of a tag as it is said where nobody interferes."""
        if tag in self._stand:
            stands, moves, when_ns = self._stand[tag]
            return stands if t_ns < when_ns else moves
        line, passed = self._lines[self._measures[tag]], (t_ns - BEGIN_NS) / SECOND
        value = float(np.interp(passed, np.arange(len(line)), line))
        begin_ns, offset, lasts_ns = self._lies.get(tag, (0, 0.0, 0))
        return value + offset * (begin_ns <= t_ns < begin_ns + lasts_ns)


def _arrivals(
    chance: random.Random, readings: dict[str, list[Readings]]
) -> Iterator[tuple[int, Step]]:
    """Most come at once, some late or twice, some never."""
    for edge, batches in readings.items():
        for b in batches:
            at_ns = int(b.t_ns[-1]) + chance.randrange(SECOND // 5)
            luck, arrive = chance.random(), Arrive(edge, b.number)
            if luck < 0.02:
                continue
            late_ns = chance.randint(1, 3) * SECOND if luck < 0.06 else 0
            yield at_ns + late_ns, arrive
            if luck > 0.96:
                yield at_ns + chance.randint(1, 4) * SECOND, arrive


def _people(chance: random.Random, world: World) -> Iterator[tuple[int, Step]]:
    """Whom nobody trusts is distrusted before the first batch; others for a while; and work is announced."""
    for tag in world.distrusted:
        yield BEGIN_NS, Say("ann", Verb.DISTRUST, tag, 3_600 * SECOND)
    others = sorted(world.site.plant.tags.keys() - world.low)
    for _ in range(chance.choice((0, 1, 1, 2))):
        if others:
            at, tag, person = _moment(chance), chance.choice(others), chance.choice(PERSONS)
            yield at, Say(person, Verb.DISTRUST, tag, chance.randint(2, 30) * SECOND)
            if chance.random() < 0.7:
                later_ns = chance.randint(1, 4) * SECOND
                yield at + later_ns, Say(chance.choice(PERSONS), Verb.RESTORE, tag, 3 * SECOND)
    if chance.random() < 0.2:
        tag = chance.choice(sorted(world.site.plant.tags))
        verb = chance.choice((Verb.MAINTENANCE, Verb.SETPOINT))
        yield _moment(chance), Say("bob", verb, tag, chance.randint(1, 5) * SECOND)


def _modes(chance: random.Random, world: World) -> Iterator[tuple[int, Step]]:
    """The asset of an actuator is taken down for a while, or may act by itself; persons raise it as they see it."""
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        asset = world.site.plant.tags[_target(chance, world)].asset
        at, verb = _moment(chance, 2.0), chance.choice((*DOWN, Verb.AUTONOMOUS))
        back_ns = at + chance.randint(1, 4) * SECOND
        if verb is Verb.AUTONOMOUS:
            yield at, Say(PERSONS[0], verb, asset, 30 * SECOND)
            yield back_ns, Say(PERSONS[1], verb, asset, 30 * SECOND)
            continue
        yield at, Say(chance.choice(PERSONS), verb, asset, 30 * SECOND)
        if chance.random() < 0.7:
            yield back_ns, Say(chance.choice(PERSONS), Verb.SUPERVISED, asset, 5 * SECOND)


def _commands(chance: random.Random, world: World) -> Iterator[tuple[int, Step]]:
    """Commands with inputs of all kinds, mostly where low sources must not matter, and what persons say of them."""
    tags = sorted(world.measures)
    high = [t for t in tags if t not in world.low] or tags
    for n in range(chance.randint(9, 12)):
        chosen = high if chance.random() < 0.9 else tags
        inputs = tuple(
            (chance.choice(chosen), chance.choice((0, 0, 0, 1, 2)))
            for _ in range(chance.choice((0, 1, 1, 2, 3)))
        )
        ident, at = f"{n:02d}" * 16, _moment(chance, 2.0)
        tag, value = _target(chance, world), chance.choice((0.02, 0.1, 0.3, 0.31, 0.45, 0.5, 0.55))
        service = chance.choice(SERVICES[:2])
        yield at, Propose(ident, service, tag, value, inputs, signed=chance.random() < 0.9)
        for person in PERSONS:
            if chance.random() < 0.6:
                verb = Verb.APPROVE if chance.random() < 0.9 else Verb.REJECT
                yield at + chance.randint(1, 5 * SECOND), Say(person, verb, ident, 5 * SECOND)
    if chance.random() < 0.3:
        some = tuple(chance.sample(tags, min(2, len(tags))))
        yield _moment(chance), Ask(SERVICES[1], chance.choice(("readTags", "stream")), some)
    if chance.random() < 0.3:
        yield _moment(chance), Ask(SERVICES[0], "readAdvice", ())


def _closed_loops(chance: random.Random, world: World) -> Iterator[tuple[int, Step]]:
    """A service computes its commands from what a low source says: read, on a stream it has open, or as another's advice."""
    low, high = sorted(world.low), sorted(world.measures.keys() - world.low)
    way = chance.choice(("readTags", "stream", "readAdvice"))
    if way == "stream":  # opened for another tag: what it shows counts as read
        yield BEGIN_NS + 1, Ask(SERVICES[2], way, (chance.choice(high),))
    for n in range(chance.choice((0, 1, 1, 2))):
        follows, at = chance.choice(low), _moment(chance, 3.0)
        tag, ident, inputs = _target(chance, world), f"f{n}" * 16, ((chance.choice(high), 0),)
        if way == "readAdvice":
            advice = f"e{n}" * 16
            yield at - SECOND, Ask(SERVICES[1], "readTags", (follows,))
            yield at - SECOND // 2, Advise(advice, SERVICES[1], tag, inputs, follows)
            follows = advice
        if way != "stream":
            read = () if way == "readAdvice" else (follows,)
            yield at - 1, Ask(SERVICES[2], way, read)
        yield at, Propose(ident, SERVICES[2], tag, 0.3, inputs, signed=True, follows=follows)
        for person in PERSONS:
            yield at + chance.randint(1, 2 * SECOND), Say(person, Verb.APPROVE, ident, 5 * SECOND)


def _emergencies(chance: random.Random, world: World) -> Iterator[tuple[int, Step]]:
    """In some plants one person breaks the glass, another agrees, and the first commands: the same whatever a screen shows."""
    if chance.random() > GLASS:
        return
    tag, at = _target(chance, world), _moment(chance, 2.0)
    yield at, Say(PERSONS[0], Verb.BREAK_GLASS, tag, 30 * SECOND)
    yield at + SECOND // 2, Say(PERSONS[1], Verb.BREAK_GLASS, tag, 30 * SECOND)
    for n in range(chance.randint(1, 3)):
        after_ns = chance.randint(SECOND, 4 * SECOND)
        inputs = ((chance.choice(sorted(world.measures)), 0),)
        value = chance.choice((0.1, 0.31, 0.45))
        yield at + after_ns, Propose(f"a{n}" * 16, PERSONS[0], tag, value, inputs, signed=True)
    if chance.random() < 0.3:
        yield at + 3 * SECOND, Say(PERSONS[1], Verb.CLOSE_GLASS, tag, SECOND)


def _doubts(chance: random.Random, world: World) -> Iterator[tuple[int, Step]]:
    """Where an estimate may stand in: a person distrusts the sensor, mostly, and a service that has not read it commands."""
    for level in sorted(world.site.virtual):
        at = _moment(chance, 3.0)
        if chance.random() < DOUBTED:
            yield at, Say(chance.choice(PERSONS), Verb.DISTRUST, level, 30 * SECOND)
        using = sorted(t for t in world.guarded if level in rests(world.site, t))
        others = sorted(world.measures.keys() - world.low - {level})
        for n in range(4 if using else 0):
            ident, later = f"b{n}" * 16, at + chance.randint(SECOND // 2, 4 * SECOND)
            inputs = ((chance.choice(others), 0),) if others else ()
            value = chance.choice((0.1, 0.31, 0.45))
            yield (
                later,
                Propose(ident, ESTIMATING, chance.choice(using), value, inputs, signed=True),
            )
            for person in PERSONS:
                yield later + SECOND // 2, Say(person, Verb.APPROVE, ident, 5 * SECOND)


def _target(chance: random.Random, world: World) -> str:
    actuators = sorted(t.id for t in world.site.plant.tags.values() if t.command_class is not None)
    guarded = sorted(world.guarded) or actuators
    return chance.choice(guarded if chance.random() < 0.85 else actuators)
