"""A plant from a seed: edges of different posture, tags that measure the same and are declared so, actuators of all classes.

Which of its sources are low is decided here: tags that fall short, whatever they say, of what the guarded actuators demand, by
the identity cap of their edge, by a calibration that was never made, or because a person distrusts them from the first moment.
"""

import random
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from itertools import count
from typing import Final

from twinvouch.adapters.cedar import default_policy
from twinvouch.adapters.cel import CelCondition
from twinvouch.adapters.keys import SeededSigner
from twinvouch.app.model_class import Made, make
from twinvouch.app.noninterference.stood_in import stood_in
from twinvouch.app.noninterference.watched import watched
from twinvouch.commands.capability import required
from twinvouch.core.declared import (
    Balance,
    Declarations,
    Expectation,
    Jitter,
    Redundancy,
    Take,
    Term,
    by_group,
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
    Rhythm,
    Role,
    ScanGroup,
    Table,
    Tag,
)
from twinvouch.core.lookahead import Ahead, Source
from twinvouch.core.mode import ModeRules, Rung
from twinvouch.core.past import Past
from twinvouch.core.site import SECOND, CommandRules, ReadingRules, Site
from twinvouch.readings.labelling import OVERDUE
from twinvouch.wire.batch import columns_digest

PLANT: Final = "pair"
SERVICES: Final = ("svc-1", "svc-2", "svc-3")
PERSONS: Final = ("ann", "bob")
ACTUATOR: Final = "actuator-1"
CAPS: Final = (40, 80, 120, 210, 250, 250, 250)
QUANTITIES: Final = 2
HALF_NS: Final = SECOND // 2
TRIED: Final = 0.3  # of all actuators


@dataclass(frozen=True, slots=True)
class World:
    """One seed's plant; `measures` says which quantity a tag is of, `low` what falls short at every actuator of `guarded`."""

    site: Site
    measures: dict[str, int]
    low: frozenset[str]
    guarded: frozenset[str]
    distrusted: tuple[str, ...]


@lru_cache(maxsize=64)
def signer(name: str) -> SeededSigner:
    """The key of a name; chance has no part in it, so that plants can share them."""
    return SeededSigner(sha256(f"pair {name}".encode()).digest())


@lru_cache(maxsize=256)
def _condition(text: str, names: tuple[str, ...]) -> CelCondition:
    return CelCondition(text, [Tag(name, "m", 0.0, 10.0) for name in names])


def draw(seed: int) -> World:
    """The plant of a seed: the first that has low sources, others, and actuators at which all the low ones fall short."""
    for attempt in count():
        world = _draw(random.Random(f"plant {seed} {attempt}"))  # noqa: S311 - repeated by its seed
        if world.low and world.guarded and len(world.measures.keys() - world.low) > 1:
            site = watched(seed, world.site, world.low, world.guarded)
            return replace(world, site=stood_in(seed, site, world.low, world.guarded))
    raise AssertionError


def _draw(chance: random.Random) -> World:
    edges = {
        f"edge-{n}": Edge(f"edge-{n}", (f"g{n}",), chance.choice(CAPS), 4 * SECOND)
        for n in range(chance.choice((2, 3, 3)))
    }
    classes = _classes(chance)
    tags, measures = _sensors(chance, edges)
    actuators = _actuators(chance, edges, list(tags))
    plain = _plant(chance, edges, classes, {**tags, **actuators})
    declared = by_group(
        {name: group.ids for name, group in plain.groups.items()},
        _declarations(chance, measures, plain),
    )
    plant = replace(plain, declared=declared)
    low, guarded, distrusted = _low(chance, plant)
    return World(_site(chance, plant), measures, low, guarded, distrusted)


def _classes(chance: random.Random) -> dict[CommandClass, ClassRule]:
    """Demands on every axis, less for each lower class; approvals for the higher ones."""
    identity = sorted((chance.choice((50, 100, 150, 200)) for _ in range(3)), reverse=True)
    calibration = chance.choice((0, 0, 100))
    ages = {"max_age_ns": 8 * SECOND, "hold_ns": 8 * SECOND}
    return {
        CommandClass.A: ClassRule(identity[0], 200, 200, calibration, chance.choice((0, 1, 2)), **ages),
        CommandClass.B: ClassRule(identity[1], 200, 150, calibration, chance.choice((0, 0, 1)), **ages),
        CommandClass.C: ClassRule(identity[2], 150, 100, 0, 0, **ages),
    }  # fmt: skip


def _sensors(
    chance: random.Random, edges: dict[str, Edge]
) -> tuple[dict[str, Tag], dict[str, int]]:
    """Tags of each edge that measure one of a few quantities, so that those of several edges measure the same."""
    tags, measures = {}, {}
    for edge in edges:
        for k in range(chance.randint(2, 3)):
            name = f"{edge.replace('edge', 'line')}/t{k}"
            never = chance.random() < 0.15
            tags[name] = Tag(
                name, "m", 0.0, 10.0,
                rate=chance.choice((3.0, 8.0, float("inf"), float("inf"))),
                group=f"g{edge[5:]}",
                domains=Domains(edge=edge),
                calibration_valid_ns=SECOND if never else 0,
                command_class=None,
            )  # fmt: skip
            measures[name] = chance.randrange(QUANTITIES)
    return tags, measures


def _actuators(chance: random.Random, edges: dict[str, Edge], sensors: list[str]) -> dict[str, Tag]:
    """Each is read through one of the edges, and has controlled variables, a rate, an interlock or none of them."""
    found = {}
    for n in range(chance.randint(2, 3)):
        name, edge = f"act-{n}/position", chance.choice(list(edges))
        read = tuple(chance.sample(sensors, chance.choice((0, 0, 1, 2))))
        text = " && ".join(f"{tag.replace('/', '_').replace('-', '_')} < 8.0" for tag in read)
        clamps = random.Random(f"clamp {name} {edge} {text}").random() < 0.5  # noqa: S311
        limits = Limits(
            0.0,
            0.4 if clamps else 1.0,  # some of what is proposed goes beyond
            rate=chance.choice((float("inf"), float("inf"), 0.05, 0.2)),
            interlock=text,
            controlled=tuple(chance.sample(sensors, chance.choice((0, 0, 1)))),
            interlock_tags=read,
            past=_past(random.Random(f"{name} {edge} {text}")),  # noqa: S311
            clamps=clamps,
        )
        found[name] = Tag(
            name, "1", 0.0, 1.0,
            group=f"g{edge[5:]}",
            domains=Domains(edge=edge),
            point=Point("plc", 1, Table.HOLDING, 10 + 2 * n, Encoding.F32),
            command_class=chance.choice(list(CommandClass)),
            commanded_by=CommandedBy.TWIN,
            limits=limits,
        )  # fmt: skip
    return found


def _past(chance: random.Random) -> Past:
    """Rules over what was permitted before, of every kind that looks at the actuator's own reading, or none."""
    kinds = (
        Past(),
        Past(ramp=0.4, ramp_ns=60 * SECOND),
        Past(starts=20),
        Past(dwell_on_ns=5 * SECOND, dwell_off_ns=5 * SECOND),
        Past(travel=20.0),
    )
    return chance.choice(kinds)


def _plant(
    chance: random.Random,
    edges: dict[str, Edge],
    classes: dict[CommandClass, ClassRule],
    tags: dict[str, Tag],
) -> Plant:
    return Plant(
        id=PLANT,
        assets={t.asset: Asset(t.asset) for t in tags.values()},
        zones={},
        conduits=(),
        tags=tags,
        groups={e.groups[0]: _group(chance, e, tags) for e in edges.values()},
        edges=edges,
        principals=_principals(edges),
        classes=classes,
        actuator=ACTUATOR,
    )


def _group(chance: random.Random, edge: Edge, tags: dict[str, Tag]) -> ScanGroup:
    name = edge.groups[0]
    mine = tuple(t for t in tags.values() if t.group == name)
    dtypes = ("f8",) * len(mine)
    rhythm = Rhythm.EXCEPTION if chance.random() < 0.25 else Rhythm.SCAN
    digest = columns_digest(name, [t.id for t in mine], dtypes)
    age_ns = chance.choice((2, 4)) * SECOND
    return ScanGroup(name, edge.principal, mine, dtypes, digest, HALF_NS, age_ns, rhythm=rhythm)


def _principals(edges: dict[str, Edge]) -> dict[str, Principal]:
    engineer = frozenset({Role.ENGINEER})
    told = {
        **dict.fromkeys(edges, (PrincipalKind.EDGE, frozenset[Role]())),
        **dict.fromkeys(SERVICES, (PrincipalKind.SERVICE, engineer)),
        **dict.fromkeys(PERSONS, (PrincipalKind.PERSON, engineer)),
        ACTUATOR: (PrincipalKind.SERVICE, frozenset[Role]()),
    }
    return {n: Principal(n, kind, signer(n).public_key, roles) for n, (kind, roles) in told.items()}


def _declarations(chance: random.Random, measures: dict[str, int], plant: Plant) -> Declarations:
    """What measures the same is redundant, two of it balance, and a state has to fit a value: across all edges."""
    redundancy, balances = [], []
    for quantity in range(QUANTITIES):
        same = tuple(sorted(tag for tag, of in measures.items() if of == quantity))
        if len(same) > 1 and chance.random() < 0.9:
            settle_ns = chance.choice((0, 0, SECOND))
            redundancy.append(Redundancy(f"r{quantity}", same, 0.5, settle_ns))
        if len(same) > 1 and chance.random() < 0.25:
            one, other = chance.sample(same, 2)
            terms = (Term(one, 1.0, Take.MEAN), Term(other, -1.0, Take.MEAN))
            balances.append(Balance(f"b{quantity}", terms, 0.6, 2 * SECOND))
    names = sorted(measures)
    expectations = [
        Expectation("e0", *(chance.choice(names), 0.0, 3.0, chance.choice(names)), most=6.0)
        for _ in range(chance.choice((0, 0, 1)))
    ]
    varies = {tag: 3 * SECOND for tag in names if chance.random() < 0.1}
    jitter = {name: Jitter(HALF_NS // 2, 0.5) for name in plant.groups if chance.random() < 0.1}
    return Declarations({}, varies, jitter, tuple(redundancy), tuple(balances), tuple(expectations))


def _low(
    chance: random.Random, plant: Plant
) -> tuple[frozenset[str], frozenset[str], tuple[str, ...]]:
    """Low tags, the actuators at which all of them fall short, and those of them that a person distrusts from the beginning."""
    actuators = [t for t in plant.tags.values() if t.command_class is not None]
    chosen = chance.choice(actuators).command_class
    assert chosen is not None
    rule = plant.classes[chosen]
    distrusted = (chance.choice(sorted(plant.tags)),) if chance.random() < 0.3 else ()
    low = {t.id for t in plant.tags.values() if _is_short(plant, t, rule)} | {*distrusted}
    guarded = {
        t.id
        for t in actuators
        if t.command_class is not None
        and all(
            name in distrusted or _is_short(plant, plant.tags[name], plant.classes[t.command_class])
            for name in low
        )
    }
    return frozenset(low), frozenset(guarded), distrusted


def _is_short(plant: Plant, tag: Tag, rule: ClassRule) -> bool:
    """Whatever this tag says, a command of this class is held where it rests on it."""
    is_overdue = tag.calibration_valid_ns > 0 and rule.calibration > OVERDUE
    return plant.edges[tag.domains.edge].identity_cap < rule.identity or is_overdue


def _site(chance: random.Random, plant: Plant) -> Site:
    """Windows are short, so that in a minute much passes."""
    rules = CommandRules(
        permit_ns=2 * SECOND,
        outcome_ns=4 * SECOND,
        read_memory_ns=chance.choice((10, 600)) * SECOND,
        rest_ns=10 * SECOND,
    )
    interlocks = {
        t.id: _condition(t.limits.interlock, t.limits.interlock_tags)
        for t in plant.tags.values()
        if t.limits is not None and t.limits.interlock
    }
    return Site(
        plant,
        default_policy(),
        sha256(b"pair").digest(),
        readings=ReadingRules(duplicate_window_ns=2 * SECOND),
        commands=rules,
        interlocks=interlocks,
        modes=ModeRules(dwell_ns=SECOND, highest=dict.fromkeys(plant.assets, Rung.AUTONOMOUS)),
        ahead=_aheads(plant),
    )


def _aheads(plant: Plant) -> dict[str, Ahead]:
    """Some actuators are tried on a tank, which starts from a sensor of any edge: a chance of its own, so that seeds stay as they were."""
    found = {}
    sensors = sorted(t.id for t in plant.tags.values() if t.command_class is None)
    like = [(t.id, str(t.command_class), t.rate) for _, t in sorted(plant.tags.items())]
    for tag in sorted(plant.tags):
        chance, rule = random.Random(f"{like} {tag}"), _rule(plant, tag)  # noqa: S311
        if rule is not None and chance.random() < TRIED:
            level = chance.choice(sensors)
            source = Source(
                level, 0.0, 10.0, chance.choice((0.05, 0.5)), chance.choice((0.0, 100.0))
            )
            found[tag] = _ahead(source, rule, chance.choice(((0.5, 9.5), (1.0, 7.0))))
    return found


def _rule(plant: Plant, tag: str) -> ClassRule | None:
    letter = plant.tags[tag].command_class
    return None if letter is None else plant.classes[letter]


def _ahead(source: Source, rule: ClassRule, limits: tuple[float, float]) -> Ahead:
    """Full-on the level rises by about 4 m within the horizon, off it falls by 2."""
    return Ahead(
        model="tank",
        digest=tank().digest,
        actuator="speed",
        sources={"level": source},
        limits={"level": limits},
        demands=required(rule),
        horizon_s=7_200.0,
        tau_s=1_800.0,
        step_s=600.0,
        demand=0.1,
        is_each=False,
        deadline_ns=2 * SECOND,
        tolerance=1e-6,
        window_ns=2 * SECOND,
    )


@lru_cache(maxsize=1)
def tank() -> Made:
    """The model of all plants."""
    numbers = {"area_m2": 50.0, "pump_m3h": 150.0, "demand_m3h": 50.0, "low_m": 0.0, "high_m": 10.0}
    return make("twinvouch.twin.tank:Tank", b"", numbers)
