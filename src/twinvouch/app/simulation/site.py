"""The plant of a simulation: some edges with a few tags each, one valve and one pump to command, everybody's keys."""

from functools import lru_cache
from hashlib import sha256
from typing import Final

from twinvouch.adapters.cedar import default_policy
from twinvouch.adapters.cel import CelCondition
from twinvouch.adapters.keys import SeededSigner
from twinvouch.app.actuator_check import OwnLimits, OwnPoint
from twinvouch.core.aftermath import Aftermath, Expected
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
from twinvouch.core.mode import ModeRules, Rung
from twinvouch.core.site import SECOND, CommandRules, DistrustRules, ReadingRules, Site
from twinvouch.core.virtual import Curve, Flow, Virtual
from twinvouch.wire.batch import columns_digest

PLANT: Final = "sim"
ORIGIN: Final = f"{PLANT}/0"
DEVICE: Final = "plc"
LEVEL: Final = "tank/level"
FLOW: Final = "tank/flow"
VALVE: Final = "valve/opening"
PUMP: Final = "pump/speed"
SERVICE: Final = "twin"
PERSONS: Final = ("ann", "bob")
ACTUATOR: Final = "actuator-1"
PERIOD_NS: Final = SECOND // 2
PERMIT_NS: Final = 2 * SECOND
IDENTITY: Final = 210
MODES: Final = ModeRules(
    dwell_ns=SECOND,
    on_distrust=frozenset({CommandClass.B}),
    return_ns=2 * SECOND,
    highest={"valve": Rung.AUTONOMOUS, "pump": Rung.AUTONOMOUS},
)


@lru_cache(maxsize=64)
def signer(name: str) -> SeededSigner:
    """The key of a name; chance has no part in it, so that sites can be shared by seeds."""
    return SeededSigner(sha256(f"simulated {name}".encode()).digest())


@lru_cache(maxsize=8)
def site(edges: int) -> Site:
    """What the engine works with; `edges` 1 to 3, the first with the actuators."""
    tags = {tag.id: tag for n in range(1, edges + 1) for tag in _tags(n)}
    groups = {
        f"g{n}": _group(n, [t for t in tags.values() if t.group == f"g{n}"])
        for n in range(1, edges + 1)
    }
    plant = Plant(
        id=PLANT,
        assets={t.asset: Asset(t.asset, "field") for t in tags.values()},
        zones={},
        conduits=(),
        tags=tags,
        groups=groups,
        edges={f"edge-{n}": Edge(f"edge-{n}", (f"g{n}",), IDENTITY) for n in range(1, edges + 1)},
        principals=_principals(edges),
        classes={
            CommandClass.A: ClassRule(100, 200, 200, 0, 1, 20 * SECOND, 6 * SECOND),
            CommandClass.B: ClassRule(100, 200, 150, 0, 1, 20 * SECOND, 6 * SECOND),
            CommandClass.C: ClassRule(100, 150, 100, 0, 0, 30 * SECOND, 6 * SECOND),
        },
        actuator=ACTUATOR,
    )
    return Site(
        plant,
        default_policy(),
        sha256(b"simulated").digest(),
        readings=ReadingRules(),
        distrust=DistrustRules(second_person_above=8, waiting_ns=6 * SECOND),
        modes=MODES,
        commands=CommandRules(permit_ns=PERMIT_NS, outcome_ns=4 * SECOND),
        interlocks={VALVE: CelCondition("tank_level < 9.0", [tags[LEVEL]])},
        aftermaths={VALVE: Aftermath(Expected(VALVE, 1e-3, 2 * SECOND))},
        virtual={FLOW: _virtual()},
    )


def _virtual() -> Virtual:
    """Of what no command rests on, so that the oracle of distrust stays strict: it stands in, goes blind and ends within seconds."""
    return Virtual(
        tag=FLOW,
        levels=(-1.0, 20.0),
        volumes=(-1.0, 20.0),
        flows=(Flow(LEVEL, 0.01, 4.0),),
        error=0.5,
        curves={
            frozenset(): Curve((0.01,), (10.0,)),
            frozenset({LEVEL}): Curve((0.01,), (20.0,)),
        },
        low=-0.9,
        high=19.0,
        max_blind_ns=5 * SECOND,
        window_ns=SECOND,
        settle_ns=SECOND,
        gap_ns=2 * SECOND,
        demands=(100, 150, 100, 0),
        assets=("pump",),
    )


def own_limits() -> OwnLimits:
    """What the actuator process has in its own file: a little narrower than what the core allows."""
    points = {
        t.id: OwnPoint(t.id, t.point, 0.0, 0.9) for t in _tags(1) if t.point and t.is_actuator
    }
    return OwnLimits(PLANT, signer("permit").public_key, 5 * SECOND, points)


def _tags(edge: int) -> list[Tag]:
    domains = Domains(edge=f"edge-{edge}")
    if edge > 1:
        return [
            Tag(
                f"line-{edge}/t{k}",
                "m",
                0.0,
                10.0,
                rate=5.0,
                resolution=0.01,
                group=f"g{edge}",
                domains=domains,
                point=_point(edge * 100 + 2 * k),
            )
            for k in range(3)
        ]
    valve = Limits(
        0.0, 1.0, interlock="tank_level < 9.0", controlled=(LEVEL,), interlock_tags=(LEVEL,)
    )
    return [
        Tag(LEVEL, "m", 0.0, 10.0, rate=5.0, resolution=0.01, group="g1", domains=domains, point=_point(0)),
        Tag(FLOW, "m3/s", -1.0, 20.0, rate=50.0, group="g1", domains=domains, point=_point(2)),
        Tag(VALVE, "1", 0.0, 1.0, group="g1", domains=domains, point=_point(10), command_class=CommandClass.C, commanded_by=CommandedBy.TWIN, limits=valve),
        Tag(PUMP, "1", 0.0, 1.0, group="g1", domains=domains, point=_point(12), command_class=CommandClass.B, commanded_by=CommandedBy.TWIN, limits=Limits(0.0, 1.0, controlled=(LEVEL,))),
    ]  # fmt: skip


def _point(address: int) -> Point:
    return Point(DEVICE, 1, Table.HOLDING, address, Encoding.F32)


def _group(edge: int, tags: list[Tag]) -> ScanGroup:
    name, dtypes = f"g{edge}", ("f8",) * len(tags)
    digest = columns_digest(name, [t.id for t in tags], dtypes)
    return ScanGroup(name, f"edge-{edge}", tuple(tags), dtypes, digest, PERIOD_NS, 5 * SECOND)


def _principals(edges: int) -> dict[str, Principal]:
    kinds = {
        **{f"edge-{n}": (PrincipalKind.EDGE, ()) for n in range(1, edges + 1)},
        "ann": (PrincipalKind.PERSON, (Role.OPERATOR, Role.ENGINEER)),
        "bob": (PrincipalKind.PERSON, (Role.OPERATOR, Role.ENGINEER)),
        SERVICE: (PrincipalKind.SERVICE, (Role.ENGINEER,)),
        ACTUATOR: (PrincipalKind.SERVICE, ()),
    }
    return {n: Principal(n, k, signer(n).public_key, frozenset(r)) for n, (k, r) in kinds.items()}
