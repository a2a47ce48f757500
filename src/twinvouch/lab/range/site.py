"""A sector of the range as the engine's site: one configuration for all its parts, which an ablation turns off one by one."""

from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from math import inf
from typing import Final

from twinvouch.adapters.cedar import default_policy
from twinvouch.adapters.keys import SeededSigner
from twinvouch.commands.capability import required
from twinvouch.core.aftermath import Aftermath, Expected, OnFailure
from twinvouch.core.declared import Declarations, by_group
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
from twinvouch.core.lookahead import Ahead
from twinvouch.core.mode import ModeRules
from twinvouch.core.past import Past
from twinvouch.core.safe import Safe
from twinvouch.core.site import SECOND, CommandRules, ReadingRules, Site
from twinvouch.core.virtual import Virtual
from twinvouch.core.watchdog import Response, SafeAction, Watchdog
from twinvouch.lab.range.plants import STEP_S, Lever, Sector
from twinvouch.wire.batch import columns_digest

OPERATOR: Final = "control-room"
OPTIMIZER: Final = "optimizer"  # a service with a good key, that attackers have
LEAD, SECOND_LEAD, CLERK = "shift-lead", "shift-lead-2", "clerk"
ACTUATOR: Final = "actuator-1"
PERMIT_KEY: Final = "permit"
PERIOD_NS: Final = STEP_S * SECOND
SHOWN_NS: Final = 5 * PERIOD_NS // 2  # by when a write shows: in the second scan after it
HOLD_NS: Final = 2 * PERIOD_NS  # the declared deadline of a command that is held
CAP: Final = 210  # posture of all edges
RESERVE: Final = 0.5  # of writes and starts, that is kept for the control room


@dataclass(frozen=True, slots=True)
class Guard:
    """Which parts are on. `recovers` off: the hold rule, a command is kept to the horizon."""

    labels: bool = True
    lookahead: bool = True
    recovers: bool = True
    watchdog: bool = True
    domains: bool = True
    history: bool = True


FULL: Final = Guard()
ABLATIONS: Final = {
    "no_label": Guard(labels=False),
    "no_lookahead": Guard(lookahead=False),
    "hold_rule": Guard(recovers=False),
    "no_watchdog": Guard(watchdog=False),
    "no_domains": Guard(domains=False),
    "no_history": Guard(history=False),
}


@lru_cache(maxsize=64)
def signer(name: str) -> SeededSigner:
    """The key of a name; what is simulated needs no chance for it."""
    return SeededSigner(sha256(f"range {name}".encode()).digest())


def site_of(sector: Sector, guard: Guard, digest: bytes) -> Site:
    """The site; `digest` is that of the guard's model."""
    classes = _classes(guard)
    plant = _plant(sector, guard, classes)
    ahead = _ahead(sector, guard, digest, classes) if guard.lookahead else {}
    rules = CommandRules(permit_ns=5 * SECOND, outcome_ns=30 * SECOND, read_memory_ns=PERIOD_NS)
    return Site(
        plant,
        default_policy(),
        sha256(f"range {sector.name}".encode()).digest(),
        readings=ReadingRules(duplicate_window_ns=30 * SECOND),
        commands=rules,
        modes=ModeRules(on_distrust=frozenset(CommandClass)),
        ahead=ahead,
        virtual={v.tag: _virtual(v, sector, classes) for v in sector.virtual},
        safe=_safe(sector),
        aftermaths=_aftermaths(sector),
        watchdogs=_watchdogs(sector, ahead) if guard.watchdog else {},
    )


def _classes(guard: Guard) -> dict[CommandClass, ClassRule]:
    """Class A takes two persons, the others none; all of them whole and plausible readings.

    What is under a ticket counts in classes B and C, as in the configuration that `init` writes.
    """
    ages = {"max_age_ns": 2 * PERIOD_NS, "hold_ns": HOLD_NS}
    trust = (150, 200, 150, 0) if guard.labels else (0, 0, 0, 0)
    highest = (150, 200, 200, 0) if guard.labels else trust
    return {
        CommandClass.A: ClassRule(*highest, 2, **ages),
        CommandClass.B: ClassRule(*trust, 0, **ages),
        CommandClass.C: ClassRule(*trust, 0, **ages),
    }


def _plant(sector: Sector, guard: Guard, classes: dict[CommandClass, ClassRule]) -> Plant:
    edge_of = {g: edge for edge, groups in sector.domains.items() for g in groups}
    tags = {
        s.tag: Tag(
            s.tag, s.unit, s.low, s.high,
            rate=s.rate, group=s.group, domains=_domains(edge_of[s.group]), resolution=s.noise * 6,
        )
        for s in sector.sensors
    }  # fmt: skip
    tags |= {
        lever.tag: _lever(lever, edge_of[lever.group], guard, n)
        for n, lever in enumerate(sector.levers)
    }
    groups = {g: scan_group(g, edge, tags) for g, edge in edge_of.items()}
    told = Declarations(
        redundancy=sector.redundancies if guard.domains else (), balances=sector.balances
    )
    return Plant(
        id=f"range-{sector.name}",
        assets={t.asset: Asset(t.asset) for t in tags.values()},
        zones={},
        conduits=(),
        tags=tags,
        groups=groups,
        edges={e: Edge(e, tuple(gs), CAP) for e, gs in sector.domains.items()},
        principals=_principals(sector),
        classes=classes,
        actuator=ACTUATOR,
        declared=by_group({name: group.ids for name, group in groups.items()}, told),
    )


def _domains(edge: str) -> Domains:
    """Stations share nothing: what is not declared could be shared with any."""
    return Domains(edge=edge, zone=edge, vendor=edge, key=edge, time_source=edge)


def _lever(lever: Lever, edge: str, guard: Guard, number: int) -> Tag:
    past, rate = (lever.past, lever.rate) if guard.history else (Past(), inf)
    if past.writes or past.starts:
        past = replace(past, reserve=RESERVE, reserved_for=(OPERATOR,))
    limits = Limits(lever.low, lever.high, rate=rate, controlled=lever.controlled, past=past)
    return Tag(
        lever.tag, lever.unit, lever.low, lever.high,
        group=lever.group,
        domains=_domains(edge),
        point=Point("plc-1", 1, Table.HOLDING, 2 * number, Encoding.F32),
        command_class=lever.command_class,
        commanded_by=CommandedBy.TWIN,
        limits=limits,
    )  # fmt: skip


def scan_group(name: str, edge: str, tags: dict[str, Tag]) -> ScanGroup:
    """The group of that name, of all tags that say they are in it."""
    mine = tuple(t for t in tags.values() if t.group == name)
    dtypes = ("f8",) * len(mine)
    digest = columns_digest(name, [t.id for t in mine], dtypes)
    return ScanGroup(name, edge, mine, dtypes, digest, PERIOD_NS, 2 * PERIOD_NS)


def _principals(sector: Sector) -> dict[str, Principal]:
    operator, engineer = frozenset({Role.OPERATOR}), frozenset({Role.OPERATOR, Role.ENGINEER})
    told = {
        **dict.fromkeys(sector.domains, (PrincipalKind.EDGE, frozenset[Role]())),
        OPERATOR: (PrincipalKind.SERVICE, engineer),
        OPTIMIZER: (PrincipalKind.SERVICE, engineer),
        LEAD: (PrincipalKind.PERSON, engineer),
        SECOND_LEAD: (PrincipalKind.PERSON, engineer),
        CLERK: (PrincipalKind.PERSON, operator),
        ACTUATOR: (PrincipalKind.SERVICE, frozenset[Role]()),
    }
    return {n: Principal(n, kind, signer(n).public_key, roles) for n, (kind, roles) in told.items()}


def _ahead(
    sector: Sector, guard: Guard, digest: bytes, classes: dict[CommandClass, ClassRule]
) -> dict[str, Ahead]:
    found, look = {}, sector.lookout
    for lever in sector.levers:
        if not lever.model:
            continue
        found[lever.tag] = Ahead(
            model=sector.name,
            digest=digest,
            actuator=lever.model,
            sources=look.sources,
            limits=look.limits,
            demands=required(classes[lever.command_class]),
            horizon_s=look.horizon_s,
            tau_s=look.tau_s if guard.recovers else look.horizon_s,
            step_s=float(STEP_S),
            demand=look.demand,
            is_each=False,
            deadline_ns=SECOND,
            tolerance=look.tolerance,
            window_ns=int(look.window_s) * SECOND,
        )
    return found


def _virtual(v: Virtual, sector: Sector, classes: dict[CommandClass, ClassRule]) -> Virtual:
    """With what a reading must reach to count, and the assets that step down when it goes blind."""
    assets = {lever.tag.rpartition("/")[0] for lever in sector.levers if lever.model}
    return replace(v, demands=required(classes[CommandClass.B]), assets=tuple(sorted(assets)))


def _safe(sector: Sector) -> dict[str, tuple[Safe, ...]]:
    found: dict[str, tuple[Safe, ...]] = {}
    digest = sha256(repr(sector.safe).encode()).digest()
    for tag, value, per_hour in sector.safe:
        asset = tag.rpartition("/")[0]
        listed = Safe(asset, tag, value, per_hour, digest=digest, by=(OPERATOR,))
        found[tag] = (*found.get(tag, ()), listed)
    return found


def _aftermaths(sector: Sector) -> dict[str, Aftermath]:
    """Where a lever has to show what was written, its asset steps down when it does not for two scans."""
    return {
        lever.tag: Aftermath(
            Expected(lever.tag, lever.shows, SHOWN_NS, on_failure=OnFailure.STEP_DOWN)
        )
        for lever in sector.levers
        if lever.shows
    }


def _watchdogs(sector: Sector, ahead: dict[str, Ahead]) -> dict[str, Watchdog]:
    """One for the model of the sector, where it has any and looks ahead."""
    watch = sector.watch
    if watch is None or not ahead:
        return {}
    first = next(iter(ahead.values()))
    safe = tuple(SafeAction(tag, value) for tag, value in watch.safe)
    assets = tuple(sorted({tag.rpartition("/")[0] for tag in ahead}))
    every_ns, asked = int(watch.every_s) * SECOND, replace(first, actuator="")
    found = Watchdog(asked, every_ns, watch.warn_s, Response.SAFE_ACTION, safe, 3, assets)
    return {sector.name: found}
