"""The tank as the engine's site: two stations, one for the level and the pump, one for the meters; a virtual sensor of the level."""

from hashlib import sha256
from typing import Final

from twinvouch.adapters.cedar import default_policy
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
    Table,
    Tag,
)
from twinvouch.core.safe import Safe
from twinvouch.core.site import SECOND, CommandRules, Site
from twinvouch.core.virtual import HOUR_NS, Curve, Flow, Lost, Virtual
from twinvouch.lab.continuity.tank import STEP_S, Design
from twinvouch.lab.range.site import ACTUATOR, CAP, PERIOD_NS, scan_group, signer

LEVEL, INFLOW, OUTFLOW, PUMP = "tank/level", "tank/inflow", "tank/outflow", "pump/run"
CONTROLLER, PERSON = "controller", "shift-lead"
ERROR_M: Final = 0.02
_TRUST: Final = (100, 200, 150, 0)
_DOMAINS: Final = {
    "levels": Domains("levels", "tank", "a", "1", "ntp"),
    "meters": Domains("meters", "pipes", "b", "2", "gps"),
}


def virtual(design: Design, curves: dict[Lost, Curve]) -> Virtual:
    """As `virtual:` would configure it."""
    return Virtual(
        tag=LEVEL,
        levels=(0.0, design.height),
        volumes=(0.0, design.area * design.height),
        flows=(Flow(INFLOW, 1 / 3_600, is_mean=True), Flow(OUTFLOW, -1 / 3_600, is_mean=True)),
        error=ERROR_M,
        curves=curves,
        low=design.low,
        high=design.high,
        max_blind_ns=16 * HOUR_NS,
        window_ns=HOUR_NS,
        settle_ns=HOUR_NS,
        gap_ns=3 * STEP_S * SECOND,
        demands=_TRUST,
        assets=("pump",),
    )


def site(design: Design, curves: dict[Lost, Curve]) -> Site:
    """Class B commands of a service, without approvals."""
    tags = {t.id: t for t in _tags(design)}
    plant = Plant(
        id="continuity",
        assets={t.asset: Asset(t.asset) for t in tags.values()},
        zones={},
        conduits=(),
        tags=tags,
        groups={name: scan_group(name, name, tags) for name in _DOMAINS},
        edges={name: Edge(name, (name,), CAP) for name in _DOMAINS},
        principals=_principals(),
        classes={CommandClass.B: ClassRule(*_TRUST, 0, 2 * PERIOD_NS, 2 * PERIOD_NS)},
        actuator=ACTUATOR,
    )
    return Site(
        plant,
        default_policy(),
        sha256(b"continuity").digest(),
        commands=CommandRules(permit_ns=5 * SECOND, outcome_ns=30 * SECOND),
        safe={PUMP: (Safe("pump", PUMP, 0.0, 20),)},
        virtual={LEVEL: virtual(design, curves)},
    )


def _tags(d: Design) -> list[Tag]:
    level, meter = _DOMAINS["levels"], _DOMAINS["meters"]
    run = Limits(0.0, 1.0, controlled=(LEVEL,))
    return [
        Tag(LEVEL, "m", 0.0, d.height, rate=d.height, group="levels", domains=level),
        Tag(INFLOW, "m3/h", -5.0, 3 * d.pump, rate=d.pump, group="meters", domains=meter),
        Tag(OUTFLOW, "m3/h", -5.0, 5 * d.demand, rate=d.pump, group="meters", domains=meter),
        Tag(
            PUMP, "1", 0.0, 1.0,
            group="levels",
            domains=level,
            point=Point("plc-1", 1, Table.HOLDING, 0, Encoding.F32),
            command_class=CommandClass.B,
            commanded_by=CommandedBy.TWIN,
            limits=run,
        ),
    ]  # fmt: skip


def _principals() -> dict[str, Principal]:
    both = frozenset({Role.OPERATOR, Role.ENGINEER})
    told = {
        **dict.fromkeys(_DOMAINS, (PrincipalKind.EDGE, frozenset[Role]())),
        CONTROLLER: (PrincipalKind.SERVICE, both),
        PERSON: (PrincipalKind.PERSON, both),
        ACTUATOR: (PrincipalKind.SERVICE, frozenset[Role]()),
    }
    return {n: Principal(n, kind, signer(n).public_key, roles) for n, (kind, roles) in told.items()}
