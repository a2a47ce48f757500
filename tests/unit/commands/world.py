"""A small plant and a frame that tests can set: what the gate sees, without readings or files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from twinvouch.adapters.cedar import CedarPolicy, default_policy
from twinvouch.commands.gate import judge
from twinvouch.core.command import Command, Decision
from twinvouch.core.context import Context
from twinvouch.core.inventory import (
    Asset,
    ClassRule,
    CommandClass,
    CommandedBy,
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
    Zone,
)
from twinvouch.core.label import Label
from twinvouch.core.site import Site

SECOND = 1_000_000_000
NOW = 1_800_000_000 * SECOND
GOOD = (250, 250, 250, 250)
LEVEL, FLOW, SPEED, VALVE, LAMP = (
    "tank-1/level",
    "tank-1/flow",
    "pump-1/speed",
    "valve-1/open",
    "lamp-1/on",
)
A_RULE = ClassRule(100, 200, 200, 100, approvals=2, max_age_ns=5 * SECOND, hold_ns=900 * SECOND)
C_RULE = ClassRule(50, 100, 100, 0, approvals=0, max_age_ns=30 * SECOND, hold_ns=900 * SECOND)


@cache
def policy() -> CedarPolicy:
    return default_policy()


def principal(name: str, kind: PrincipalKind, *roles: Role, key: bytes = b"") -> Principal:
    return Principal(name, kind, key or sha256(name.encode()).digest(), frozenset(roles))


PERSON, SERVICE, EDGE = PrincipalKind.PERSON, PrincipalKind.SERVICE, PrincipalKind.EDGE
PRINCIPALS = {
    p.id: p
    for p in (
        principal("olga", PERSON, Role.OPERATOR),
        principal("otto", PERSON, Role.OPERATOR),
        principal("olga-too", PERSON, Role.OPERATOR, key=sha256(b"olga").digest()),
        principal("eva", PERSON, Role.ENGINEER),
        principal("emil", PERSON, Role.ENGINEER),
        principal("erna", PERSON, Role.ENGINEER),
        principal("vera", PERSON, Role.VIEWER),
        principal("anna", PERSON, Role.ANALYST),
        principal("udo", PERSON, Role.AUDITOR),
        principal("van", PERSON, Role.VENDOR),
        principal("adam", PERSON, Role.ADMIN),
        principal("mona", PERSON, Role.MODEL_SIGNER),
        principal("twin", SERVICE, Role.ENGINEER),
        principal("script", SERVICE),
        principal("edge-1", EDGE, Role.ENGINEER),
        principal("actuator-1", SERVICE),
    )
}


def actuator(name: str, letter: CommandClass, limits: Limits, point: Point, unit: str = "%") -> Tag:
    return Tag(
        name, unit, low=limits.low, high=limits.high, group="acts", point=point, limits=limits,
        command_class=letter, commanded_by=CommandedBy.TWIN,
    )  # fmt: skip


def plant(**changes: object) -> Plant:
    sensors = (
        Tag(LEVEL, "m", low=0, high=10, group="fast"),
        Tag(FLOW, "l/s", low=0, high=100, group="fast", confidentiality=3),
    )
    acts = (
        actuator(
            SPEED, CommandClass.A,
            Limits(0, 50, controlled=(LEVEL,), interlock="tank_1_level > 2.0", interlock_tags=(LEVEL,)),
            Point("plc-1", 1, Table.HOLDING, 0, Encoding.F32),
        ),
        actuator(
            VALVE, CommandClass.B, Limits(0, 1, rate=0.01, controlled=(FLOW,)),
            Point("plc-1", 1, Table.HOLDING, 10, Encoding.U16, scale=0.001),
        ),
        actuator(LAMP, CommandClass.C, Limits(0, 1, controlled=(LEVEL,)), Point("plc-1", 1, Table.COIL, 0, Encoding.BIT), ""),
    )  # fmt: skip
    groups = {
        name: ScanGroup(name, "edge-1", tags, ("f8",) * len(tags), bytes(32), SECOND, 5 * SECOND)
        for name, tags in (("fast", sensors), ("acts", acts))
    }
    built = Plant(
        id="net3",
        assets={a: Asset(a, zone="field") for a in ("tank-1", "pump-1", "valve-1", "lamp-1")},
        zones={"field": Zone("field")},
        conduits=(),
        tags={t.id: t for t in (*sensors, *acts)},
        groups=groups,
        edges={},
        principals=PRINCIPALS,
        classes={CommandClass.A: A_RULE, CommandClass.B: A_RULE, CommandClass.C: C_RULE},
        actuator="actuator-1",
    )
    return replace(built, **changes)


@dataclass(frozen=True)
class Above:
    """An interlock: the tag is above the limit."""

    tag: str
    limit: float
    text: str = "tank_1_level > 2.0"

    def holds(self, values: Mapping[str, float]) -> bool:
        return values[self.tag] > self.limit


def site(**changes: object) -> Site:
    return replace(
        Site(plant(), policy(), bytes(32), interlocks={SPEED: Above(LEVEL, 2.0)}), **changes
    )


@dataclass
class Board:
    """A frame whose values, labels and entries a test sets; like the real one, it knows all its tags."""

    values: dict[str, float | None] = field(
        default_factory=lambda: {LEVEL: 5.0, FLOW: 20.0, SPEED: 30.0, VALVE: 0.5, LAMP: 0.0}
    )
    axes: dict[str, tuple[int, int, int, int]] = field(
        default_factory=lambda: dict.fromkeys((LEVEL, FLOW, SPEED, VALVE, LAMP), GOOD)
    )
    entries: dict[str, int] = field(
        default_factory=lambda: {LEVEL: 100, FLOW: 100, SPEED: 101, VALVE: 101, LAMP: 101}
    )
    fresh: dict[str, int] = field(default_factory=dict)

    def label(self, tag_ids: Sequence[str], now_ns: int) -> Label:
        axes = np.array([self.axes[t] for t in tag_ids], dtype=np.uint8).reshape(-1, 4).T.copy()
        fresh = [self.fresh.get(t, now_ns + 5 * SECOND) for t in tag_ids]
        return Label(axes, np.array(fresh, dtype=np.int64))

    def label_of(self, tag_id: str, now_ns: int) -> tuple[tuple[int, int, int, int], int]:
        a, b, c, d = self.axes[tag_id]
        until = self.fresh.get(tag_id, now_ns + 5 * SECOND)
        return (a, b, c if until >= now_ns else 0, d), until

    def value(self, tag_id: str) -> float | None:
        return self.values[tag_id]

    def entry(self, tag_id: str) -> int:
        return self.entries[tag_id]


def command(tag: str = SPEED, value: float = 40.0, **changes: object) -> Command:
    built = Command("ab" * 16, "eva", tag, value, "" if tag == LAMP else "%", made_ns=NOW - SECOND)
    return replace(built, **changes)


def decide(
    asked: Command,
    *,
    on: Site | None = None,
    frame: Board | None = None,
    context: Context | None = None,
    reads: Mapping[str, tuple[int, ...]] | None = None,
    approvals: Sequence[str] = ("emil", "otto"),
    now_ns: int = NOW,
    asked_ns: int | None = None,
) -> Decision:
    return judge(
        asked, on or site(), frame or Board(), context or Context(), reads or {},
        frozenset(approvals), now_ns, asked_ns=asked_ns,
    )  # fmt: skip


def grid(axes) -> NDArray[np.uint8]:
    """Axes of an arrival, uint8[4, K]."""
    return np.array(list(axes), np.uint8)
